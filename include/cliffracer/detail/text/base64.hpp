#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cliffracer::detail {

inline constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `bytes` as base64 with padding (RFC 4648, section 4).
[[nodiscard]] inline std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t begin = 0; begin < bytes.size(); begin += 3) {
    const std::string_view group = bytes.substr(begin, 3);
    std::uint32_t bits = 0;
    for (std::size_t n = 0; n < 3; ++n)
      bits = bits << 8U | (n < group.size() ? static_cast<unsigned char>(group[n]) : 0U);
    for (std::size_t n = 0; n < 4; ++n)
      text += n <= group.size() ? base64_digits[(bits >> (18U - 6U * n)) & 63U] : '=';
  }
  return text;
}

/// What to_base64() has made `text` of; empty for anything that it never makes.
[[nodiscard]] inline std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t begin = 0; begin < text.size(); begin += 4) {
    std::string_view group = text.substr(begin, 4);
    if (begin + 4 == text.size()) {
      if (group[3] == '=') group.remove_suffix(group[2] == '=' ? 2 : 1);
    }
    std::uint32_t bits = 0;
    for (const char digit : group) {
      const std::size_t value = base64_digits.find(digit);
      if (value == std::string_view::npos) return std::nullopt;
      bits = bits << 6U | static_cast<std::uint32_t>(value);
    }
    const std::size_t missing = 4 - group.size();
    // Of the last digit only some bits count; the others are zero.
    const std::uint32_t unused = (1U << (2U * missing)) - 1U;
    if ((bits & unused) != 0) return std::nullopt;
    bits <<= 6U * missing;
    for (std::size_t n = 0; n < 3 - missing; ++n)
      bytes += static_cast<char>(static_cast<unsigned char>(bits >> (16U - 8U * n) & 0xFFU));
  }
  return bytes;
}

}  // namespace cliffracer::detail
