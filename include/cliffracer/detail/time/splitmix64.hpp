#pragma once

#include <cstdint>

namespace cliffracer::detail {

/// Moves `state` on, and returns the number that belongs to it: splitmix64, which gives the same numbers with
/// every library.
[[nodiscard]] constexpr std::uint64_t next_splitmix64(std::uint64_t& state) noexcept {
  std::uint64_t number = state += 0x9e3779b97f4a7c15U;
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
  return number ^ (number >> 31U);
}

/// Numbers that a seed decides.
class RandomSequence {
 public:
  constexpr explicit RandomSequence(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept { return next_splitmix64(state_); }

  /// 0 to `end` - 1; `end` is > 0.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }

  [[nodiscard]] constexpr bool is_true_with(double probability) noexcept {
    constexpr double step = 0x1p-53;
    return static_cast<double>(next() >> 11U) * step < probability;
  }

 private:
  std::uint64_t state_;
};

}  // namespace cliffracer::detail
