#pragma once

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
  struct Options {
    std::optional<std::chrono::nanoseconds> initial_delay{};  ///< >= 0
    std::chrono::nanoseconds jitter{0};                       ///< >= 0, < interval
    std::chrono::nanoseconds max_error_backoff{0};            ///< 0: error_backoff stays as it is
    std::uint32_t max_consecutive_errors = 0;                 ///< 0: no end
    bool align_to_epoch = false;
    std::uint64_t seed = 0;  ///< Of the jitter.
  };

  constexpr explicit ScheduleExtras(const Options& given) noexcept : options{given}, random{given.seed} {}

  /// Uniform in [0, jitter).
  constexpr std::chrono::nanoseconds draw() noexcept {
    if (options.jitter.count() == 0) return std::chrono::nanoseconds{0};
    const auto end = static_cast<std::uint64_t>(options.jitter.count());
    return std::chrono::nanoseconds{static_cast<std::int64_t>(random.below(end))};
  }

  /// From an instant of the timers' clock to what the wall clock shows, since the epoch.
  [[nodiscard]] constexpr std::int64_t wall(TimePoint instant) const noexcept {
    return instant.time_since_epoch().count() + wall_offset.count();
  }

  /// The first instant behind `instant` at which the wall clock shows a multiple of `interval`.
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

  /// The number of the newest point that is not behind `instant`, counted from the epoch, where 0 is. Before
  /// the epoch 0.
  [[nodiscard]] constexpr std::uint64_t tick(TimePoint instant,
                                             std::chrono::nanoseconds interval) const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(wall(instant), 0) / interval.count());
  }

  const Options options;
  RandomSequence random;
  TimePoint delay_end{};                     // of the initial delay, or the start
  std::chrono::nanoseconds jitter{0};        // of the point that is due next
  std::chrono::nanoseconds wall_offset{0};   // from the timers' clock to the wall clock
  std::optional<std::int64_t> last_point{};  // what the wall clock showed at the newest point that was run
};

}  // namespace cliffracer::detail
