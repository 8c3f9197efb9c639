#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// What a piece of work belongs to, as W3C's Trace Context has it: a trace of 128 bits, which goes through
/// all services, and a span of 64 bits, this piece. All zero: none.
struct Trace {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint64_t span = 0;
  std::uint8_t flags = 1;  ///< 1: sampled.

  [[nodiscard]] constexpr bool is_valid() const noexcept { return (high | low) != 0 && span != 0; }
  friend constexpr bool operator==(const Trace&, const Trace&) = default;
};

/// Random bits for ids: unique, not secret. Any thread.
[[nodiscard]] inline std::uint64_t random_id_bits() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::array<std::random_device::result_type, 8> words{};
    for (auto& word : words) word = device();
    std::seed_seq seed(words.begin(), words.end());
    return std::mt19937_64{seed};
  }();
  return generator();
}

/// A trace that begins here.
[[nodiscard]] inline Trace make_trace() {
  // Zero in all bits is no id.
  return {.high = random_id_bits(), .low = random_id_bits() | 1U, .span = random_id_bits() | 1U};
}

/// A piece of work of its own in the same trace. Flags that W3C has no meaning for do not travel on.
[[nodiscard]] inline Trace child_of(const Trace& parent) {
  constexpr std::uint8_t known_flags = 0x03;  // sampled, and of random bits
  Trace child = parent;
  child.flags = static_cast<std::uint8_t>(parent.flags & known_flags);
  child.span = random_id_bits() | 1U;
  return child;
}

[[nodiscard]] inline std::string hex_text(std::uint64_t number, std::size_t digits = 16) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; number >>= 4U) text[i] = hex[number & 0xFU];
  return text;
}

/// The 32 hexadecimal digits by which tools find a trace.
[[nodiscard]] inline std::string trace_id_text(const Trace& trace) {
  return hex_text(trace.high) + hex_text(trace.low);
}

/// The value of the header `traceparent`.
[[nodiscard]] inline std::string traceparent_of(const Trace& trace) {
  return "00-" + trace_id_text(trace) + "-" + hex_text(trace.span) + "-" + hex_text(trace.flags, 2);
}

/// Reads that header. Empty for what W3C says must be ignored: version ff, an id of zeros only, upper case,
/// another length (later versions may be longer).
[[nodiscard]] inline std::optional<Trace> parse_traceparent(std::string_view text) {
  constexpr std::size_t length = 55;
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const auto number = [&](std::size_t begin, std::size_t digits) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    for (const char c : text.substr(begin, digits)) {
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && (c < 'a' || c > 'f')) return std::nullopt;
      value = value << 4U | static_cast<std::uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
    }
    return value;
  };
  const auto version = number(0, 2);
  const auto high = number(3, 16);
  const auto low = number(19, 16);
  const auto span = number(36, 16);
  const auto flags = number(53, 2);
  if (!version || !high || !low || !span || !flags || *version == 0xFF) return std::nullopt;
  if (text.size() > length && (*version == 0 || text[length] != '-')) return std::nullopt;
  const Trace trace{.high = *high, .low = *low, .span = *span, .flags = static_cast<std::uint8_t>(*flags)};
  if (!trace.is_valid()) return std::nullopt;
  return trace;
}

}  // namespace cliffracer::detail
