#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <cliffracer/detail/broker_url.hpp>
#include <cliffracer/service_config.hpp>

namespace cliffracer::detail {

inline void replace_all(std::string& text, std::string_view secret) {
  if (secret.empty()) return;
  constexpr std::string_view stars = "***";
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + stars.size()))
    text.replace(at, secret.size(), stars);
}

/// `text`, which came from elsewhere and goes to a log or a report, without the secrets that `config` holds.
[[nodiscard]] inline std::string without_secrets(std::string text, const ServiceConfig& config) {
  for (const std::string& url : config.nats_url.list()) {
    const std::string_view user_info = parse_broker_url(url).user_info;
    replace_all(text, user_info);
    if (const std::size_t colon = user_info.find(':'); colon != std::string_view::npos)
      replace_all(text, user_info.substr(colon + 1));
  }
  replace_all(text, config.password);
  replace_all(text, config.token);
  replace_all(text, config.nkey_seed);
  return text;
}

}  // namespace cliffracer::detail
