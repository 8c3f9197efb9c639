#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// Whether the byte at `at` is a control character, or a part of one of those that are two bytes in UTF-8
/// (U+0080 to U+009F), which terminals obey as well.
[[nodiscard]] constexpr bool is_control(std::string_view text, std::size_t at) noexcept {
  const auto byte_at = [text](std::size_t n) {
    return n < text.size() ? static_cast<unsigned char>(text[n]) : static_cast<unsigned char>(0);
  };
  const auto is_long = [](unsigned char first, unsigned char second) {
    return first == 0xc2 && second >= 0x80 && second <= 0x9f;
  };
  const unsigned char byte = byte_at(at);
  return byte < 0x20 || byte == 0x7f || is_long(byte, byte_at(at + 1)) ||
         (at > 0 && is_long(byte_at(at - 1), byte));
}

/// `text` made safe for one log line: control characters become `\n`, `\x1b` and the like, a backslash is
/// doubled, and what exceeds `limit` bytes is cut and said so. Text from outside cannot forge a line of its
/// own.
[[nodiscard]] inline std::string escaped(std::string_view text, std::size_t limit = 1024) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size() && at < limit; ++at) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (is_control(text, at)) {
      out += "\\x";
      out += hex[byte >> 4U];
      out += hex[byte & 0xFU];
    } else {
      out += c;
    }
  }
  if (text.size() > limit) out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

}  // namespace cliffracer::detail
