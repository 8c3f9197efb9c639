#pragma once

#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/missed_ticks.hpp>
#include <cliffracer/pacing.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/scope.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

struct Calendar;

/// As `catch_up`: the newest point may be as old as it is.
inline constexpr std::chrono::nanoseconds until_next_point = std::chrono::nanoseconds::max();

/// The options of a timer<Method> or cron<Method>, whichever method it is; these say what they mean. An entry
/// and its parts take what they need when they are made, after checked_options().
struct TimerOptions {
  const Calendar* calendar = nullptr;  ///< Null: the timer has an interval.
  /// With a calendar: the shortest that two of its points may lie apart.
  OptionDuration interval = std::chrono::nanoseconds{0};
  bool eager = false;
  OptionDuration max_drift = std::chrono::nanoseconds{0};
  OptionDuration error_backoff = std::chrono::nanoseconds{0};
  std::optional<OptionDuration> tolerance{};
  /// Of the service, for a timer without a tolerance of its own; at most a tenth of the interval holds.
  std::chrono::nanoseconds default_tolerance{0};
  std::optional<OptionDuration> initial_delay{};
  OptionDuration jitter = std::chrono::nanoseconds{0};
  OptionDuration timeout = std::chrono::nanoseconds{0};
  std::optional<OptionDuration> max_error_backoff{};
  std::uint32_t max_consecutive_errors = 0;
  std::uint64_t max_runs = 0;
  bool align_to_epoch = false;
  OptionDuration offset = std::chrono::nanoseconds{0};
  Pacing pacing = Pacing::grid;
  Scope scope = Scope::replica;
  WhenUnavailable when_unavailable = WhenUnavailable::miss;
  OptionDuration catch_up = std::chrono::nanoseconds{0};
  MissedTicks missed_ticks = MissedTicks::coalesce;
  RunOn run_on = RunOn::event_loop;
};

}  // namespace cliffracer::detail
