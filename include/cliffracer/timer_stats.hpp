#pragma once

#include <cliffracer/scope.hpp>

#include <nlohmann/json_fwd.hpp>

#include <array>
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

/// How many measured durations were no longer than each of some bounds, as Prometheus counts: each count
/// includes those before it. Grows only.
struct DurationBuckets {
  /// 1.024 us times the powers of four, up to 18 minutes.
  static constexpr std::array<std::chrono::nanoseconds, 16> bounds = [] {
    std::array<std::chrono::nanoseconds, 16> all{};
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = std::chrono::nanoseconds{std::int64_t{1024} << 2 * i};
    return all;
  }();

  std::array<std::uint64_t, bounds.size()> counts{};
  std::uint64_t count = 0;  ///< All of them, longer ones included.
  std::chrono::nanoseconds sum{0};
};

/// Due points passed over without a run, by reason.
struct SkippedCounts {
  std::uint64_t missed = 0;   ///< Run together with another one, or passed while a run was in progress.
  std::uint64_t drifted = 0;  ///< Later than max_drift: the grid was re-anchored behind them.
  std::uint64_t failing = 0;  ///< Passed between a failure and its retry.
  std::uint64_t paused = 0;   ///< Passed while the timer was paused; counted when it is resumed.
  /// Of a cluster timer: another replica runs the tick, or still runs one before.
  std::uint64_t elsewhere = 0;
  /// Of a cluster timer: nobody could be asked for it, or the answer stayed unclear.
  std::uint64_t claim_failed = 0;
};

/// What came of a cluster timer's claims on this replica.
struct ClaimCounts {
  std::uint64_t won = 0;
  std::uint64_t lost = 0;     ///< Another replica was first.
  std::uint64_t failed = 0;   ///< Nobody could be asked, the answer was a refusal, or it came too late.
  std::uint64_t unclear = 0;  ///< Asked for and not answered: perhaps nobody has run the tick.
  std::uint64_t running_elsewhere = 0;  ///< Not asked for: another replica still ran a tick before.
};

/// Why the newest run began later than it was due.
enum class LatenessCause : std::uint8_t {
  none,        ///< It did not, or by less than 1 ms.
  own_run,     ///< The run before it was still in progress, or a failure had to be waited for.
  claim,       ///< A cluster timer's tick had to be claimed first.
  event_loop,  ///< Something that the service runs held its event loop: `last_blocked_by`.
  suspended,  ///< Nothing of the service ran: the process or the machine stood still or was short of time, or
              ///< somebody else's work held the io_context.
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
  std::chrono::nanoseconds initial_delay{0};  ///< From start to the first due point (before jitter).
  std::chrono::nanoseconds jitter{0};
  std::chrono::nanoseconds timeout{0};
  std::chrono::nanoseconds max_error_backoff{0};
  std::uint32_t max_consecutive_errors = 0;
  bool align_to_epoch = false;
  Scope scope = Scope::replica;

  bool is_running = false;     ///< The timer's loop runs: the service is started and not stopped.
  bool is_executing = false;   ///< A run is in progress, or waits for a worker.
  bool is_overdue = false;     ///< The run in progress has outlasted `timeout`.
  bool is_paused = false;      ///< No run starts until resume().
  std::string pause_reason{};  ///< Why, at most 255 bytes; empty when not paused.

  std::uint64_t execution_count = 0;  ///< Runs started.
  std::uint64_t success_count = 0;
  std::uint64_t error_count = 0;  ///< Runs that threw.
  std::uint64_t cancelled_count =
      0;  ///< Runs that stop() cut short (coroutines) or withdrew (no worker was free yet).
  std::uint64_t skipped_count = 0;  ///< Due points passed over.
  SkippedCounts skipped{};          ///< The same by reason: their sum.
  std::uint64_t drift_count = 0;  ///< How often a run was later than max_drift and the grid was re-anchored.
  std::uint64_t timeout_count = 0;  ///< Runs that outlasted `timeout`, however they ended.
  std::uint64_t blocking_count =
      0;  ///< How often it held the event loop for ServiceConfig::blocking_threshold.
  std::uint64_t clock_step_count = 0;  ///< How often the wall clock was set and the timer followed.
  ClaimCounts claims{};                ///< Of a cluster timer, as are the next three.
  /// TickContext::token of the newest run on this replica; 0: none yet.
  std::uint64_t current_token = 0;
  /// ServiceInfo::id of the replica that has run the newest tick known of.
  std::string last_owner{};
  /// Why the newest claim that failed did; kept over later ones.
  std::string last_claim_error{};
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
  LatenessCause last_lateness_cause = LatenessCause::none;
  /// What held the event loop when the newest late run was due: "timer sync", "rpc get_health". Kept until
  /// another one does.
  std::string last_blocked_by{};
  std::chrono::nanoseconds longest_blocking{0};  ///< The longest time for which it held the event loop.

  /// Wall-clock time at which the newest successful run ended; empty before the first.
  std::optional<std::chrono::system_clock::time_point> last_success{};
  /// Wall-clock time of the next due point; empty while the loop does not run or a run is in progress.
  std::optional<std::chrono::system_clock::time_point> next_execution{};

  DurationPercentiles execution_time{};
  DurationPercentiles lateness{};
  DurationPercentiles deferral{};  ///< Of timers with a tolerance.
  DurationPercentiles
      worker_wait{};  ///< Plain methods on the worker pool: from the start of the run to a free worker.
  DurationBuckets execution_time_buckets{};
  DurationBuckets lateness_buckets{};
};

/// What get_timer_stats() returns: the timers in the order of their registration.
struct ServiceTimerStats {
  std::size_t timer_count = 0;
  std::vector<TimerStats> timers{};
};

/// Durations are written in seconds, `next_execution` and `last_success` in seconds since the epoch or null,
/// a cause and a scope as their names. Buckets are left out, and so is of a timer that is no cluster timer
/// what belongs to those.
void to_json(nlohmann::json& json, const DurationPercentiles& percentiles);
void to_json(nlohmann::json& json, const SkippedCounts& skipped);
void to_json(nlohmann::json& json, const ClaimCounts& claims);
void to_json(nlohmann::json& json, LatenessCause cause);
void to_json(nlohmann::json& json, const TimerStats& stats);
void to_json(nlohmann::json& json, const ServiceTimerStats& stats);

}  // namespace cliffracer
