#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace cliffracer::detail {

/// The parts of one broker address. `problem` is not empty when the text is no address; it never repeats the
/// text, because a mistyped address may show a secret.
struct BrokerUrl {
  bool tls = false;
  std::string_view user_info{};  // "user:password" or a token, or empty
  std::string_view host{};       // with its brackets when it is an IPv6 address
  std::uint16_t port = 4222;
  std::string_view problem{};
};

[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

[[nodiscard]] inline BrokerUrl parse_broker_url(std::string_view text) {
  BrokerUrl url;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // A quote or a backslash would end a word of the CONNECT line.
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\') {
      url.problem = "must not hold white space, control characters, quotes or backslashes";
      return url;
    }
  }
  constexpr std::string_view plain = "nats://";
  constexpr std::string_view secure = "tls://";
  if (text.starts_with(plain)) {
    text.remove_prefix(plain.size());
  } else if (text.starts_with(secure)) {
    text.remove_prefix(secure.size());
    url.tls = true;
  } else {
    url.problem = "must begin with nats:// or tls://";
    return url;
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    url.user_info = text.substr(0, at);
    text.remove_prefix(at + 1);
  }

  std::size_t host_end = 0;
  if (text.starts_with('[')) {
    host_end = text.find(']');
    if (host_end == std::string_view::npos) {
      url.problem = "must close the bracket of its IPv6 host";
      return url;
    }
    ++host_end;
  } else {
    host_end = text.find_first_of(":/");
  }
  url.host = text.substr(0, host_end);
  if (url.host.empty() || url.host == "[]") {
    url.problem = "must name a host";
    return url;
  }
  if (url.host.size() == text.size()) return url;
  text.remove_prefix(url.host.size());
  if (!text.starts_with(':')) {
    url.problem = "must end after its host and port";
    return url;
  }
  text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), url.port);
  if (error != std::errc{} || end != text.data() + text.size() || url.port == 0)
    url.problem = "must have a port from 1 to 65535";
  return url;
}

/// One address without its secrets; `***` when it is none, for then anything in it may be one.
[[nodiscard]] inline std::string redacted_url(std::string_view text) {
  const BrokerUrl url = parse_broker_url(text);
  if (!url.problem.empty()) return "***";
  std::string out{url.tls ? "tls://" : "nats://"};
  if (!url.user_info.empty()) out += "***@";
  out.append(url.host).append(":").append(std::to_string(url.port));
  return out;
}

/// The addresses in `text`, which commas separate; blanks around them and empty ones are left out.
inline void append_urls(std::vector<std::string>& list, std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = text.find(',', begin);
    const std::size_t end = comma == std::string_view::npos ? text.size() : comma;
    if (const auto url = trimmed(text.substr(begin, end - begin)); !url.empty()) list.emplace_back(url);
    begin = end + 1;
  }
}

}  // namespace cliffracer::detail
