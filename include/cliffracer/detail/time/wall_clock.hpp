#pragma once

#include <cliffracer/detail/time/time_source.hpp>

#include <chrono>

namespace cliffracer::detail {

/// How far the wall clock is ahead of the timers' clock. It changes only when somebody sets the wall clock,
/// or when the machine sleeps: both clocks are slewed alike. Not thread-safe.
class WallClock {
 public:
  explicit WallClock(const TimeSource& time) : time_{time} { offset_ = read().offset; }

  /// From the timers' clock to the time since the epoch, as of the newest look.
  [[nodiscard]] std::chrono::nanoseconds offset() const noexcept { return offset_; }

  /// Looks again. Returns by how much the clock was set since the last look; 0 for less than a millisecond.
  std::chrono::nanoseconds look() {
    const Reading reading = read();
    const std::chrono::nanoseconds step = reading.offset - offset_;
    // Somebody else may have had the processor between the two clocks.
    if (std::chrono::abs(step) <= shortest_step + reading.uncertainty) return std::chrono::nanoseconds{0};
    offset_ = reading.offset;
    return step;
  }

 private:
  static constexpr std::chrono::nanoseconds shortest_step = std::chrono::milliseconds{1};

  struct Reading {
    std::chrono::nanoseconds offset;
    std::chrono::nanoseconds uncertainty;
  };

  [[nodiscard]] Reading read() const {
    const TimePoint before = time_.now();
    const auto wall = time_.wall_clock();
    const TimePoint after = time_.now();
    return {.offset = wall.time_since_epoch() - before.time_since_epoch(),
            .uncertainty = elapsed(before, after)};
  }

  const TimeSource& time_;
  std::chrono::nanoseconds offset_{};
};

}  // namespace cliffracer::detail
