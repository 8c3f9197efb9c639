#pragma once

#include "simulation/random.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>

namespace simulation {

/// The library did what its rules do not allow.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An instant or a duration, to the nanosecond: "3d 04:05:06.000000007".
[[nodiscard]] inline std::string text_of(Nanos instant) {
  const bool is_negative = instant < Nanos{0};
  const auto count = static_cast<std::uint64_t>(is_negative ? -instant.count() : instant.count());
  const std::uint64_t seconds = count / 1'000'000'000;
  char text[64];
  std::snprintf(
      text, sizeof text, "%s%llud %02llu:%02llu:%02llu.%09llu", is_negative ? "-" : "",
      static_cast<unsigned long long>(seconds / 86'400), static_cast<unsigned long long>(seconds / 3600 % 24),
      static_cast<unsigned long long>(seconds / 60 % 60), static_cast<unsigned long long>(seconds % 60),
      static_cast<unsigned long long>(count % 1'000'000'000));
  return text;
}

[[nodiscard]] inline std::string text_of(std::uint64_t number) { return std::to_string(number); }
[[nodiscard]] inline std::string text_of(bool yes) { return yes ? "true" : "false"; }
[[nodiscard]] inline std::string text_of(const std::string& text) { return '"' + text + '"'; }

/// Throws Failure where the library says `actual` of what must be `expected`.
template <class Value>
void must_equal(const char* what, const Value& actual, const Value& expected) {
  if (actual == expected) return;
  throw Failure{std::string{what} + " is " + text_of(actual) + " instead of " + text_of(expected)};
}

inline void must(bool is_so, const char* what) {
  if (!is_so) throw Failure{what};
}

}  // namespace simulation
