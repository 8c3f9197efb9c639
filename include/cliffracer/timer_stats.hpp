#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cliffracer {

/// Where a measured duration lies. Percentiles come from buckets that grow with the value: their relative
/// error is at most 12 % between 64 ns and 39 h. `max` is exact. All zero before the first measurement.
struct DurationPercentiles {
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p90{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds max{0};
};

/// One timer's numbers, consistent with each other: taken at one instant between two steps of the timer's
/// loop. (The percentiles are read apart and may be one run ahead or behind.)
///
///     execution_count = success_count + error_count + cancelled_count + (is_executing ? 1 : 0)
///     due points so far = execution_count + skipped_count
///
/// Counts go on over stop and start; they belong to the service object.
struct TimerStats {
  std::string name{};  ///< Unique in the service: the method's name, or what `.name` said.
  std::string method_name{};

  std::chrono::nanoseconds interval{0};
  std::chrono::nanoseconds max_drift{0};
  std::chrono::nanoseconds error_backoff{0};
  std::chrono::nanoseconds tolerance{0};  ///< In force: the timer's own or the service's default.
  bool eager = false;

  bool is_running = false;    ///< The timer's loop runs: the service is started and not stopped.
  bool is_executing = false;  ///< A run is in progress, or waits for a worker.

  std::uint64_t execution_count = 0;  ///< Runs started.
  std::uint64_t success_count = 0;
  std::uint64_t error_count = 0;  ///< Runs that threw.
  std::uint64_t cancelled_count =
      0;  ///< Runs that stop() cut short (coroutines) or withdrew (no worker was free yet).
  std::uint64_t skipped_count = 0;  ///< Due points passed over.
  std::uint64_t drift_count = 0;  ///< How often a run was later than max_drift and the grid was re-anchored.
  std::uint64_t consecutive_errors = 0;
  double error_rate = 0.0;   ///< error_count in percent of execution_count.
  std::string last_error{};  ///< Text of the newest failure, at most 255 bytes; kept over later successes.

  std::chrono::nanoseconds last_execution_time{0};     ///< Length of the newest finished run.
  std::chrono::nanoseconds average_execution_time{0};  ///< total_execution_time / finished runs.
  std::chrono::nanoseconds total_execution_time{0};    ///< Of finished runs, however they ended.
  /// From the due point to the start of the newest run, beyond its deferral.
  std::chrono::nanoseconds last_lateness{0};
  /// The same as far as the tolerance allows it.
  std::chrono::nanoseconds last_deferral{0};

  /// Wall-clock time of the next due point; empty while the loop does not run or a run is in progress.
  std::optional<std::chrono::system_clock::time_point> next_execution{};

  DurationPercentiles execution_time{};
  DurationPercentiles lateness{};
  DurationPercentiles deferral{};  ///< Of timers with a tolerance.
  DurationPercentiles
      worker_wait{};  ///< Plain methods on the worker pool: from the start of the run to a free worker.
};

/// What get_timer_stats() returns: the timers in the order of their registration.
struct ServiceTimerStats {
  std::size_t timer_count = 0;
  std::vector<TimerStats> timers{};
};

/// Durations are written in seconds, `next_execution` in seconds since the epoch or null.
void to_json(nlohmann::json& json, const DurationPercentiles& percentiles);
void to_json(nlohmann::json& json, const TimerStats& stats);
void to_json(nlohmann::json& json, const ServiceTimerStats& stats);

}  // namespace cliffracer
