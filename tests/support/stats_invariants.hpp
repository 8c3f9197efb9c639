#pragma once

#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>

namespace support {

namespace detail {

[[nodiscard]] inline bool is_ordered(const cliffracer::DurationPercentiles& lengths) {
  return lengths.p50.count() >= 0 && lengths.p50 <= lengths.p90 && lengths.p90 <= lengths.p99 &&
         lengths.p99 <= lengths.max;
}

[[nodiscard]] inline std::uint64_t finished_runs(const cliffracer::TimerStats& stats) {
  return stats.success_count + stats.error_count + stats.cancelled_count;
}

}  // namespace detail

/// Every snapshot of a timer's statistics has these; the one that does not hold, or nothing. That a failure
/// leaves a text is true for methods whose failures have one.
[[nodiscard]] inline std::string violated_invariant(const cliffracer::TimerStats& stats) {
  using detail::is_ordered;
  const std::uint64_t finished = detail::finished_runs(stats);
  const auto total = stats.total_execution_time;
  const auto average = stats.average_execution_time;

  if (stats.execution_count != finished + (stats.is_executing ? 1 : 0))
    return "execution_count is succeeded + failed + cancelled + executing";
  if (stats.error_count > stats.execution_count) return "error_count <= execution_count";
  if (stats.consecutive_errors > stats.error_count) return "consecutive_errors <= error_count";
  if (stats.drift_count > stats.execution_count) return "drift_count <= execution_count";
  if (stats.is_executing && !stats.is_running) return "what executes is running";

  const double rate = stats.execution_count == 0 ? 0.0
                                                 : 100.0 * static_cast<double>(stats.error_count) /
                                                       static_cast<double>(stats.execution_count);
  if (std::abs(stats.error_rate - rate) > 1e-9) return "error_rate is error_count / execution_count";

  if (total.count() < 0 || stats.last_execution_time.count() < 0 || stats.last_lateness.count() < 0)
    return "no duration is negative";
  if (stats.last_execution_time > total) return "last_execution_time <= total_execution_time";
  if (finished == 0 && (total.count() != 0 || average.count() != 0)) return "no run, no time";
  if (finished > 0) {
    const auto rest = total - average * static_cast<std::int64_t>(finished);
    if (rest.count() < 0 || static_cast<std::uint64_t>(rest.count()) >= finished)
      return "average_execution_time is total_execution_time / finished runs";
  }

  if (stats.error_count > 0 && stats.last_error.empty()) return "a failure has a text";
  if (stats.error_count == 0 && !stats.last_error.empty()) return "no failure, no text";
  if (stats.last_error.size() > 255) return "last_error has at most 255 bytes";
  if (stats.next_execution && (!stats.is_running || stats.is_executing))
    return "next_execution only while the loop waits";

  if (!is_ordered(stats.execution_time) || !is_ordered(stats.lateness) || !is_ordered(stats.worker_wait))
    return "p50 <= p90 <= p99 <= max";
  // Recorded before the run ends.
  if (!stats.is_executing && stats.lateness.max < stats.last_lateness) return "last_lateness <= the longest";
  return {};
}

/// Two snapshots that one thread took one after the other, of the same timer: what did not hold, or nothing.
/// Counts go on over stop and start.
[[nodiscard]] inline std::string violated_invariant(const cliffracer::TimerStats& before,
                                                    const cliffracer::TimerStats& after) {
  const auto falls = [](auto earlier, auto later) { return later < earlier; };
  if (before.name != after.name || before.method_name != after.method_name ||
      before.interval != after.interval || before.max_drift != after.max_drift ||
      before.error_backoff != after.error_backoff || before.eager != after.eager)
    return "what a timer is does not change";
  if (falls(before.execution_count, after.execution_count)) return "execution_count grows";
  if (falls(before.success_count, after.success_count)) return "success_count grows";
  if (falls(before.error_count, after.error_count)) return "error_count grows";
  if (falls(before.cancelled_count, after.cancelled_count)) return "cancelled_count grows";
  if (falls(before.skipped_count, after.skipped_count)) return "skipped_count grows";
  if (falls(before.drift_count, after.drift_count)) return "drift_count grows";
  if (falls(before.total_execution_time, after.total_execution_time)) return "total_execution_time grows";
  for (const auto lengths : {&cliffracer::TimerStats::execution_time, &cliffracer::TimerStats::lateness,
                             &cliffracer::TimerStats::worker_wait}) {
    if (falls((before.*lengths).max, (after.*lengths).max)) return "the longest duration grows";
  }

  const std::uint64_t failures = after.error_count - before.error_count;
  const std::uint64_t expected = after.success_count == before.success_count
                                     ? before.consecutive_errors + failures
                                     : std::min(after.consecutive_errors, failures);
  if (after.consecutive_errors != expected)
    return "consecutive_errors are the failures since the last success";
  if (failures == 0 && before.last_error != after.last_error) return "last_error is the newest failure's";
  // What is recorded after a run is there when the next one begins.
  if (after.execution_count > before.execution_count && detail::finished_runs(before) > 0 &&
      after.execution_time.max < before.last_execution_time)
    return "last_execution_time <= the longest";
  return {};
}

}  // namespace support
