#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/pacing.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/stats_fields.hpp>

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
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
  /// Run together with another one, passed while a run was in progress, or the wall clock was set over them.
  std::uint64_t missed = 0;
  std::uint64_t drifted = 0;  ///< Run together with one that was later than max_drift.
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

  /// When it is due: "every 30 s", "30 2 * * MON-FRI Europe/Berlin".
  std::string schedule{};
  std::chrono::nanoseconds interval{0};  ///< 0: it has a calendar.
  std::chrono::nanoseconds max_drift{0};
  std::chrono::nanoseconds error_backoff{0};
  std::chrono::nanoseconds tolerance{0};  ///< In force: the timer's own or the service's default.
  bool eager = false;
  std::chrono::nanoseconds initial_delay{0};  ///< From start to the first due point (before jitter).
  std::chrono::nanoseconds jitter{0};
  std::chrono::nanoseconds timeout{0};
  /// In force: the timer's own, or what follows from interval and error_backoff. 0: error_backoff stays as it
  /// is.
  std::chrono::nanoseconds max_error_backoff{0};
  std::uint32_t max_consecutive_errors = 0;
  std::uint64_t max_runs = 0;
  bool align_to_epoch = false;
  std::chrono::nanoseconds offset{0};
  Pacing pacing = Pacing::grid;
  Scope scope = Scope::replica;

  bool is_running = false;     ///< The service is started and not stopped, and the timer has not finished.
  bool is_finished = false;    ///< It has had its `max_runs`.
  bool is_executing = false;   ///< A run is in progress, or waits for a worker.
  bool is_overdue = false;     ///< The run in progress has outlasted `timeout`.
  bool is_paused = false;      ///< No run starts until resume(), or `paused_until`.
  std::string pause_reason{};  ///< Why, at most 255 bytes; empty when not paused.
  /// Until when, by the wall clock; empty: until resume(), or not paused.
  std::optional<std::chrono::system_clock::time_point> paused_until{};

  std::uint64_t execution_count = 0;  ///< Runs started.
  std::uint64_t success_count = 0;
  std::uint64_t error_count = 0;  ///< Runs that threw.
  std::uint64_t cancelled_count =
      0;  ///< Runs that stop() cut short (coroutines) or withdrew (no worker was free yet).
  std::uint64_t skipped_count = 0;  ///< Due points passed over.
  SkippedCounts skipped{};          ///< The same by reason: their sum.
  std::uint64_t drift_count = 0;    ///< How often a run was later than max_drift.
  std::uint64_t timeout_count = 0;  ///< Runs that outlasted `timeout`, however they ended.
  std::uint64_t blocking_count =
      0;  ///< How often it held the event loop for ServiceConfig::blocking_threshold.
  std::uint64_t clock_step_count = 0;  ///< How often the wall clock was set and the timer followed.
  ClaimCounts claims{};                ///< Of a cluster timer, as are the next four.
  std::uint64_t catch_up_count = 0;    ///< Runs that made up for ticks that no replica had run in their time.
  /// TickContext::token of the newest run on this replica: milliseconds since the epoch; 0: none yet.
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

  /// Wall-clock time at which the run in progress began; empty when there is none. One that hangs is seen
  /// here without a `timeout`.
  std::optional<std::chrono::system_clock::time_point> executing_since{};
  /// Wall-clock time at which the newest successful run ended; empty before the first.
  std::optional<std::chrono::system_clock::time_point> last_success{};
  /// Wall-clock time of the next due point; empty while the timer does not run or a run is in progress.
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

/// Calls `visitor` with each field of DurationPercentiles.
template <class Visitor>
constexpr void visit_fields(std::type_identity<DurationPercentiles>, Visitor&& visitor) {
  using Stats = DurationPercentiles;
  visitor(StatsField{"p50", &Stats::p50, StatsUnit::seconds, "Half of them were no longer."});
  visitor(StatsField{"p90", &Stats::p90, StatsUnit::seconds, "90 % of them were no longer."});
  visitor(StatsField{"p99", &Stats::p99, StatsUnit::seconds, "99 % of them were no longer."});
  visitor(StatsField{"max", &Stats::max, StatsUnit::seconds, "The longest of them."});
}

/// Calls `visitor` with each field of SkippedCounts.
template <class Visitor>
constexpr void visit_fields(std::type_identity<SkippedCounts>, Visitor&& visitor) {
  using Stats = SkippedCounts;
  visitor(StatsField{
      "missed", &Stats::missed, StatsUnit::count,
      "Run together with another one, passed while a run was in progress, or the wall clock was set "
      "over them."});
  visitor(StatsField{"drifted", &Stats::drifted, StatsUnit::count,
                     "Run together with one that was later than max_drift."});
  visitor(
      StatsField{"failing", &Stats::failing, StatsUnit::count, "Passed between a failure and its retry."});
  visitor(StatsField{"paused", &Stats::paused, StatsUnit::count, "Passed while the timer was paused."});
  visitor(StatsField{"elsewhere", &Stats::elsewhere, StatsUnit::count,
                     "Of a cluster timer: another replica runs the tick, or still runs one before."});
  visitor(StatsField{"claim_failed", &Stats::claim_failed, StatsUnit::count,
                     "Of a cluster timer: nobody could be asked for it, or the answer stayed unclear."});
}

/// Calls `visitor` with each field of ClaimCounts.
template <class Visitor>
constexpr void visit_fields(std::type_identity<ClaimCounts>, Visitor&& visitor) {
  using Stats = ClaimCounts;
  visitor(StatsField{"won", &Stats::won, StatsUnit::count, "This replica runs the tick."});
  visitor(StatsField{"lost", &Stats::lost, StatsUnit::count, "Another replica was first."});
  visitor(StatsField{"failed", &Stats::failed, StatsUnit::count,
                     "Nobody could be asked, the answer was a refusal, or it came too late."});
  visitor(StatsField{"unclear", &Stats::unclear, StatsUnit::count,
                     "Asked for and not answered: perhaps nobody has run the tick."});
  visitor(StatsField{"running_elsewhere", &Stats::running_elsewhere, StatsUnit::count,
                     "Not asked for: another replica still ran a tick before."});
}

/// Calls `visitor` with each field of TimerStats.
template <class Visitor>
constexpr void visit_fields(std::type_identity<TimerStats>, Visitor&& visitor) {
  using Stats = TimerStats;
  constexpr std::string_view ended = "Runs that have ended, by outcome.";
  visitor(StatsField{"name", &Stats::name, StatsUnit::none, "Unique in the service."});
  visitor(StatsField{"method_name", &Stats::method_name, StatsUnit::none, "The method that runs."});
  visitor(StatsField{"schedule", &Stats::schedule, StatsUnit::none,
                     "When the timer is due, in words or as a calendar."});
  visitor(StatsField{"interval", &Stats::interval, StatsUnit::seconds,
                     "Time between due points; 0 with a calendar.", StatsMetric{"interval_seconds"}});
  visitor(
      StatsField{"max_drift", &Stats::max_drift, StatsUnit::seconds,
                 "How late a run may be before it counts as drifted and stands for all that was missed."});
  visitor(
      StatsField{"error_backoff", &Stats::error_backoff, StatsUnit::seconds, "From a failure to its retry."});
  visitor(StatsField{"tolerance", &Stats::tolerance, StatsUnit::seconds,
                     "How far a run may be deferred to run together with others."});
  visitor(StatsField{"eager", &Stats::eager, StatsUnit::none, "Whether the first run is at start."});
  visitor(StatsField{"initial_delay", &Stats::initial_delay, StatsUnit::seconds,
                     "From start to the first due point, before jitter."});
  visitor(
      StatsField{"jitter", &Stats::jitter, StatsUnit::seconds, "How far due points are moved at random."});
  visitor(StatsField{"timeout", &Stats::timeout, StatsUnit::seconds, "How long a run may take."});
  visitor(StatsField{"max_error_backoff", &Stats::max_error_backoff, StatsUnit::seconds,
                     "Up to which error_backoff doubles with each failure in a row; 0: not at all."});
  visitor(StatsField{"max_consecutive_errors", &Stats::max_consecutive_errors, StatsUnit::count,
                     "After how many failures in a row the timer is paused."});
  visitor(StatsField{"max_runs", &Stats::max_runs, StatsUnit::count,
                     "After how many runs the timer has finished; 0: no limit."});
  visitor(StatsField{"align_to_epoch", &Stats::align_to_epoch, StatsUnit::none,
                     "Whether the grid lies on the wall clock."});
  visitor(StatsField{"offset", &Stats::offset, StatsUnit::seconds,
                     "How much later than multiples of the interval the points of such a grid are."});
  visitor(
      StatsField{"pacing", &Stats::pacing, StatsUnit::none,
                 "Whether the interval is counted from due point to due point or from the end of a run."});
  visitor(StatsField{"scope", &Stats::scope, StatsUnit::none,
                     "Whether each replica runs the timer, or one of them at each tick."});
  visitor(StatsField{"is_running", &Stats::is_running, StatsUnit::none,
                     "1 from the start of the service to its stop, or to the timer's last run.",
                     StatsMetric{"running"}});
  visitor(StatsField{"is_finished", &Stats::is_finished, StatsUnit::none,
                     "1 when the timer has had its max_runs.", StatsMetric{"finished"}});
  visitor(StatsField{"is_executing", &Stats::is_executing, StatsUnit::none,
                     "1 while a run is in progress or waits for a worker.", StatsMetric{"executing"}});
  visitor(StatsField{"is_overdue", &Stats::is_overdue, StatsUnit::none,
                     "1 while the run in progress has outlasted its timeout.", StatsMetric{"overdue"}});
  visitor(StatsField{"is_paused", &Stats::is_paused, StatsUnit::none,
                     "1 while no run starts until the timer is resumed.", StatsMetric{"paused"}});
  visitor(StatsField{"pause_reason", &Stats::pause_reason, StatsUnit::none,
                     "Why the timer is paused; empty when it is not."});
  visitor(StatsField{"paused_until", &Stats::paused_until, StatsUnit::timestamp,
                     "When the pause ends by itself; absent when it does not."});
  visitor(StatsField{"execution_count", &Stats::execution_count, StatsUnit::count, "Runs started."});
  visitor(StatsField{"success_count", &Stats::success_count, StatsUnit::count, "Runs that returned.",
                     StatsMetric{"executions_total", "outcome", "success", ended}});
  visitor(StatsField{"error_count", &Stats::error_count, StatsUnit::count, "Runs that threw.",
                     StatsMetric{"executions_total", "outcome", "error", ended}});
  visitor(StatsField{"cancelled_count", &Stats::cancelled_count, StatsUnit::count,
                     "Runs that stop() cut short or withdrew.",
                     StatsMetric{"executions_total", "outcome", "cancelled", ended}});
  visitor(StatsField{"skipped_count", &Stats::skipped_count, StatsUnit::count,
                     "Due points passed over without a run."});
  visitor(StatsField{"skipped", &Stats::skipped, StatsUnit::count,
                     "Due points passed over without a run, by reason.",
                     StatsMetric{"skipped_total", "reason"}});
  visitor(StatsField{"drift_count", &Stats::drift_count, StatsUnit::count,
                     "How often a run was later than max_drift.", StatsMetric{"drift_resets_total"}});
  visitor(StatsField{"timeout_count", &Stats::timeout_count, StatsUnit::count,
                     "Runs that outlasted the timeout, however they ended.", StatsMetric{"timeouts_total"}});
  visitor(StatsField{"blocking_count", &Stats::blocking_count, StatsUnit::count,
                     "How often the timer held the event loop for blocking_threshold.",
                     StatsMetric{"blocking_total"}});
  visitor(StatsField{"clock_step_count", &Stats::clock_step_count, StatsUnit::count,
                     "How often the wall clock was set and the timer followed.",
                     StatsMetric{"clock_steps_total"}});
  visitor(StatsField{"claims", &Stats::claims, StatsUnit::count,
                     "Ticks of cluster timers that were asked for, by what came of it.",
                     StatsMetric{"claims_total", "outcome"}, StatsPresence::cluster_timers});
  visitor(StatsField{"catch_up_count", &Stats::catch_up_count, StatsUnit::count,
                     "Runs that made up for ticks that no replica had run in their time.",
                     StatsMetric{"catch_ups_total"}, StatsPresence::cluster_timers});
  visitor(StatsField{"current_token", &Stats::current_token, StatsUnit::token,
                     "The fencing token of a cluster timer's newest run here: when its tick was due, in "
                     "milliseconds since the epoch; absent before the first.",
                     StatsMetric{"current_token"}, StatsPresence::cluster_timers});
  visitor(StatsField{"last_owner", &Stats::last_owner, StatsUnit::none,
                     "ServiceInfo::id of the replica that has run the newest tick known of.", StatsMetric{},
                     StatsPresence::cluster_timers});
  visitor(StatsField{"last_claim_error", &Stats::last_claim_error, StatsUnit::none,
                     "Why the newest claim that failed did; kept over later ones.", StatsMetric{},
                     StatsPresence::cluster_timers});
  visitor(StatsField{"consecutive_errors", &Stats::consecutive_errors, StatsUnit::count,
                     "Failures since the last success.", StatsMetric{"consecutive_errors"}});
  visitor(StatsField{"error_rate", &Stats::error_rate, StatsUnit::percent,
                     "error_count in percent of execution_count."});
  visitor(StatsField{"last_error", &Stats::last_error, StatsUnit::none,
                     "Text of the newest failure; kept over later successes."});
  visitor(StatsField{"last_execution_time", &Stats::last_execution_time, StatsUnit::seconds,
                     "Length of the newest finished run."});
  visitor(StatsField{"average_execution_time", &Stats::average_execution_time, StatsUnit::seconds,
                     "total_execution_time by the number of finished runs."});
  visitor(StatsField{"total_execution_time", &Stats::total_execution_time, StatsUnit::seconds,
                     "Length of all finished runs, however they ended."});
  visitor(StatsField{"last_lateness", &Stats::last_lateness, StatsUnit::seconds,
                     "From the due point to the start of the newest run, beyond its deferral."});
  visitor(StatsField{"last_deferral", &Stats::last_deferral, StatsUnit::seconds,
                     "The same as far as the tolerance allows it."});
  visitor(StatsField{"last_lateness_cause", &Stats::last_lateness_cause, StatsUnit::none,
                     "Why the newest run began later than it was due."});
  visitor(StatsField{"last_blocked_by", &Stats::last_blocked_by, StatsUnit::none,
                     "What held the event loop when the newest late run was due."});
  visitor(StatsField{"longest_blocking", &Stats::longest_blocking, StatsUnit::seconds,
                     "The longest time for which the timer held the event loop."});
  visitor(StatsField{"executing_since", &Stats::executing_since, StatsUnit::timestamp,
                     "When the run in progress began; absent when there is none.",
                     StatsMetric{"executing_since_timestamp_seconds"}});
  visitor(StatsField{"last_success", &Stats::last_success, StatsUnit::timestamp,
                     "When the newest successful run ended; absent before the first.",
                     StatsMetric{"last_success_timestamp_seconds"}});
  visitor(StatsField{"next_execution", &Stats::next_execution, StatsUnit::timestamp,
                     "The next due point; absent while a run is in progress or the timer does not run.",
                     StatsMetric{"next_execution_timestamp_seconds"}});
  visitor(StatsField{"execution_time", &Stats::execution_time, StatsUnit::seconds, "How long runs took."});
  visitor(StatsField{"lateness", &Stats::lateness, StatsUnit::seconds,
                     "From the due point to the start of the run, beyond its tolerance."});
  visitor(StatsField{"deferral", &Stats::deferral, StatsUnit::seconds,
                     "The same as far as the tolerance allows it."});
  visitor(StatsField{"worker_wait", &Stats::worker_wait, StatsUnit::seconds,
                     "Plain methods on the worker pool: from the start of the run to a free worker."});
  visitor(StatsField{"execution_time_buckets", &Stats::execution_time_buckets, StatsUnit::seconds,
                     "How long runs took, however they ended.", StatsMetric{"duration_seconds"},
                     StatsPresence::metrics_only});
  visitor(StatsField{"lateness_buckets", &Stats::lateness_buckets, StatsUnit::seconds,
                     "From the due point to the start of the run, beyond its tolerance.",
                     StatsMetric{"lateness_seconds"}, StatsPresence::metrics_only});
}

/// Calls `visitor` with each field of ServiceTimerStats.
template <class Visitor>
constexpr void visit_fields(std::type_identity<ServiceTimerStats>, Visitor&& visitor) {
  using Stats = ServiceTimerStats;
  visitor(StatsField{"timer_count", &Stats::timer_count, StatsUnit::count, "How many timers there are."});
  visitor(StatsField{"timers", &Stats::timers, StatsUnit::none,
                     "The timers, in the order of their registration."});
}

/// Durations are written in seconds, points in time in seconds since the epoch or null,
/// a cause, a pacing and a scope as their names. Buckets are left out, and so is of a timer that is no
/// cluster timer what belongs to those.
void to_json(nlohmann::json& json, const DurationPercentiles& percentiles);
void to_json(nlohmann::json& json, const SkippedCounts& skipped);
void to_json(nlohmann::json& json, const ClaimCounts& claims);
void to_json(nlohmann::json& json, LatenessCause cause);
void to_json(nlohmann::json& json, const TimerStats& stats);
void to_json(nlohmann::json& json, const ServiceTimerStats& stats);

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/timer_stats.ipp>
#endif
