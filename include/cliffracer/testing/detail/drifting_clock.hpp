#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

namespace cliffracer::detail {

/// What a clock shows that runs faster or slower than true time. It never runs backwards.
class DriftingClock {
 public:
  using Duration = std::chrono::nanoseconds;

  static constexpr double least_rate = 0.5;
  static constexpr double most_rate = 2;
  /// What lies beyond every instant.
  static constexpr Duration never = Duration::max();

  /// From `truth` on it runs `rate` times as fast as true time; without a step.
  void set_rate(double rate, Duration truth) noexcept {
    shown_ = shown_at(truth);
    truth_ = truth;
    per_billion_ = std::llround((rate - 1) * 1e9);
  }

  [[nodiscard]] Duration shown_at(Duration truth) const noexcept {
    return shown_ + shown_after((truth - truth_).count());
  }

  /// The first instant of true time at which it shows `shown` or more; not before the newest set_rate().
  /// `never` for what is more than a century away, unless it runs true.
  [[nodiscard]] Duration truth_at(Duration shown) const noexcept {
    constexpr Duration century = std::chrono::hours{24} * 36525;
    const Duration wanted = shown - shown_;
    if (wanted <= Duration::zero()) return truth_;
    if (per_billion_ == 0) return wanted < never - truth_ ? truth_ + wanted : never;
    if (wanted > century) return never;
    const double rate = 1 + static_cast<double>(per_billion_) / 1e9;
    auto passed = static_cast<std::int64_t>(static_cast<double>(wanted.count()) / rate);
    while (shown_after(passed) < wanted) ++passed;
    while (passed > 0 && shown_after(passed - 1) >= wanted) --passed;
    return truth_ + Duration{passed};
  }

 private:
  [[nodiscard]] Duration shown_after(std::int64_t passed) const noexcept {
    // In two parts, which do not overflow.
    constexpr std::int64_t billion = 1'000'000'000;
    const std::int64_t more = passed / billion * per_billion_ + passed % billion * per_billion_ / billion;
    return Duration{passed + more};
  }

  Duration shown_{0};  // at truth_
  Duration truth_{0};
  std::int64_t per_billion_ = 0;  // gained
};

}  // namespace cliffracer::detail
