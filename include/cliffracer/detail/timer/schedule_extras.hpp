#pragma once

#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// What few timers have beside an interval: options, and what a Schedule has to remember for them. One object
/// belongs to one Schedule.
struct ScheduleExtras {
  /// `seed`: of the jitter.
  constexpr explicit ScheduleExtras(const TimerOptions& options, std::uint64_t seed = 0) noexcept
      : initial_delay{options.initial_delay},
        jitter{options.jitter},
        max_error_backoff{options.max_error_backoff},
        max_consecutive_errors{options.max_consecutive_errors},
        align_to_epoch{options.align_to_epoch},
        offset{options.offset},
        random{seed} {}

  /// Whether a Schedule with these options cannot do without.
  [[nodiscard]] static constexpr bool are_needed(const TimerOptions& options) noexcept {
    return options.initial_delay || options.jitter.value().count() > 0 || options.max_error_backoff ||
           options.max_consecutive_errors > 0 || options.align_to_epoch;
  }

  /// Uniform in [0, jitter).
  constexpr std::chrono::nanoseconds draw() noexcept {
    if (jitter.count() == 0) return std::chrono::nanoseconds{0};
    const auto end = static_cast<std::uint64_t>(jitter.count());
    return std::chrono::nanoseconds{static_cast<std::int64_t>(random.below(end))};
  }

  /// From an instant of the timers' clock to what the wall clock shows, since the epoch and `offset`.
  [[nodiscard]] constexpr std::int64_t wall(TimePoint instant) const noexcept {
    return instant.time_since_epoch().count() + wall_offset.count() - offset.count();
  }

  /// The first instant behind `instant` at which the wall clock shows a multiple of `interval`, and `offset`.
  [[nodiscard]] constexpr TimePoint next_aligned(TimePoint instant,
                                                 std::chrono::nanoseconds interval) const noexcept {
    const std::int64_t past = wall(instant) % interval.count();
    return later(instant, interval - std::chrono::nanoseconds{past < 0 ? past + interval.count() : past});
  }

  /// The same, and not in the initial delay.
  [[nodiscard]] constexpr TimePoint next_after_delay(TimePoint instant,
                                                     std::chrono::nanoseconds interval) const noexcept {
    return next_aligned(std::max(instant, delay_end - std::chrono::nanoseconds{1}), interval);
  }

  /// The number of the newest point that is not behind `instant`; 0 is at `offset` after the epoch. Before
  /// that 0.
  [[nodiscard]] constexpr std::uint64_t tick(TimePoint instant,
                                             std::chrono::nanoseconds interval) const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(wall(instant), 0) / interval.count());
  }

  const std::optional<std::chrono::nanoseconds> initial_delay;      // >= 0
  const std::chrono::nanoseconds jitter;                            // >= 0, < interval
  const std::optional<std::chrono::nanoseconds> max_error_backoff;  // 0: error_backoff stays as it is
  const std::uint32_t max_consecutive_errors;                       // 0: no end
  const bool align_to_epoch;
  const std::chrono::nanoseconds offset;  // of an aligned grid; >= 0, < interval
  RandomSequence random;
  TimePoint delay_end{};                     // of the initial delay, or the start
  std::chrono::nanoseconds drawn_jitter{0};  // of the point that is due next
  std::chrono::nanoseconds wall_offset{0};   // from the timers' clock to the wall clock
  std::chrono::nanoseconds next_offset{0};   // the same by which the next point of the grid was found
  std::optional<std::int64_t> last_point{};  // what the wall clock showed at the newest point that was run
};

}  // namespace cliffracer::detail
