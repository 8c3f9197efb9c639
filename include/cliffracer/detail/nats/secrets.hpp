#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <cliffracer/detail/text/broker_url.hpp>
#include <cliffracer/service_config.hpp>

namespace cliffracer::detail {

/// Finds secrets in a text, all of them before any is taken out: one may be a part of another, or overlap it.
class SecretFinder {
 public:
  explicit SecretFinder(std::string_view text) : text_{text}, hidden_(text.size(), false) {}

  void hide(std::string_view secret) {
    if (secret.empty()) return;
    for (std::size_t at = text_.find(secret); at != std::string_view::npos; at = text_.find(secret, at + 1))
      hide(at, secret.size());
  }

  /// A JWT, whole or cut: it begins with `{"` in base64.
  void hide_jwts() {
    constexpr std::string_view begin = "eyJ";
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for (std::size_t at = text_.find(begin); at != std::string_view::npos; at = text_.find(begin, at)) {
      const std::size_t end = std::min(text_.find_first_not_of(letters, at), text_.size());
      hide(at, end - at);
      at = end;
    }
  }

  /// The text with `***` in the place of what is hidden.
  [[nodiscard]] std::string shown() const {
    std::string out;
    for (std::size_t at = 0; at < text_.size(); ++at) {
      if (!hidden_[at])
        out += text_[at];
      else if (at == 0 || !hidden_[at - 1])
        out += "***";
    }
    return out;
  }

 private:
  void hide(std::size_t at, std::size_t size) {
    for (std::size_t n = at; n < at + size; ++n) hidden_[n] = true;
  }

  std::string_view text_;
  std::vector<bool> hidden_;
};

/// `text`, which came from elsewhere and goes to a log or a report, without the secrets that `config` holds.
[[nodiscard]] inline std::string without_secrets(std::string_view text, const ServiceConfig& config) {
  SecretFinder finder{text};
  for (const std::string& url : config.nats_url.list()) {
    const std::string_view user_info = parse_broker_url(url).user_info;
    finder.hide(user_info);
    if (const std::size_t colon = user_info.find(':'); colon != std::string_view::npos)
      finder.hide(user_info.substr(colon + 1));
  }
  finder.hide(config.password);
  finder.hide(config.token);
  finder.hide(config.nkey_seed);
  // The broker is told the one in the file, and may repeat it.
  if (!config.credentials_file.empty()) finder.hide_jwts();
  return finder.shown();
}

}  // namespace cliffracer::detail
