#pragma once

#include <cstdint>

namespace cliffracer::detail {

/// Numbers that a seed decides, with every library the same (splitmix64).
class BrokerRandom {
 public:
  explicit BrokerRandom(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] std::uint64_t next() noexcept {
    std::uint64_t number = state_ += 0x9e3779b97f4a7c15U;
    number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
    number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
    return number ^ (number >> 31U);
  }

  /// 0 to `end` - 1; `end` is > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }

  [[nodiscard]] bool is_true_with(double probability) noexcept {
    constexpr double step = 0x1p-53;
    return static_cast<double>(next() >> 11U) * step < probability;
  }

 private:
  std::uint64_t state_;
};

}  // namespace cliffracer::detail
