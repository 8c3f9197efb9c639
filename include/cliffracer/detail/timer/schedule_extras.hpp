#pragma once

#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/grid.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// A point that came when nobody could run it.
struct MissedPoint {
  TimePoint due{};
  std::uint64_t older = 0;  ///< Points before it that are to be counted with it.
  bool is_counted = false;  ///< It was counted when it came.
};

/// What few timers have beside an interval: options, and what a Schedule has to remember for them. One object
/// belongs to one Schedule.
struct ScheduleExtras {
  /// `seed`: of the jitter.
  constexpr explicit ScheduleExtras(const TimerOptions& options, std::uint64_t seed = 0) noexcept
      : grid{options},
        jitter{options.jitter},
        max_error_backoff{options.max_error_backoff},
        max_consecutive_errors{options.max_consecutive_errors},
        random{seed} {}

  /// Whether a Schedule with these options cannot do without.
  [[nodiscard]] static constexpr bool are_needed(const TimerOptions& options) noexcept {
    return options.initial_delay || options.jitter.value().count() > 0 || options.max_error_backoff ||
           options.max_consecutive_errors > 0 || options.align_to_epoch || options.calendar;
  }

  /// Uniform in [0, jitter).
  constexpr std::chrono::nanoseconds draw() noexcept {
    if (jitter.count() == 0) return std::chrono::nanoseconds{0};
    const auto end = static_cast<std::uint64_t>(jitter.count());
    return std::chrono::nanoseconds{static_cast<std::int64_t>(random.below(end))};
  }

  GridExtras grid;
  const std::chrono::nanoseconds jitter;                            // >= 0, < interval
  const std::optional<std::chrono::nanoseconds> max_error_backoff;  // 0: error_backoff stays as it is
  const std::uint32_t max_consecutive_errors;                       // 0: no end
  RandomSequence random;
  std::chrono::nanoseconds drawn_jitter{0};  // of the point that is due next
  std::optional<MissedPoint> missed{};       // that is due now, off the grid
};

}  // namespace cliffracer::detail
