#pragma once

#include <cliffracer/detail/text/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// The longest correlation id that is taken over from outside.
inline constexpr std::size_t max_correlation_id_bytes = 256;

/// Whether an id from outside can travel on: it becomes a header and a part of log lines, so a control
/// character in it would forge either.
[[nodiscard]] constexpr bool is_usable_correlation_id(std::string_view id) noexcept {
  if (id.empty() || id.size() > max_correlation_id_bytes) return false;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return false;
  }
  return true;
}

/// Version 4 UUID text of 128 random bits, six of which its format takes.
[[nodiscard]] inline std::string uuid_text(std::uint64_t high, std::uint64_t low) {
  high = (high & ~std::uint64_t{0xF000}) | 0x4000;
  low = (low & ~(std::uint64_t{3} << 62U)) | (std::uint64_t{2} << 62U);
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text = "00000000-0000-0000-0000-000000000000";
  unsigned digit = 0;
  for (char& c : text) {
    if (c == '-') continue;
    const std::uint64_t half = digit < 16 ? high : low;
    c = hex[(half >> (60U - 4U * (digit % 16U))) & 0xFU];
    ++digit;
  }
  return text;
}

/// A new correlation id. Unique, not secret. Any thread.
[[nodiscard]] inline std::string make_correlation_id() {
  const auto high = random_id_bits();
  const auto low = random_id_bits();
  return uuid_text(high, low);
}

}  // namespace cliffracer::detail
