#pragma once

#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

#include <chrono>

namespace cliffracer {
namespace detail {

template <class Duration>
[[nodiscard]] constexpr double in_seconds(Duration duration) noexcept {
  return std::chrono::duration<double>{duration}.count();
}

}  // namespace detail

inline void to_json(nlohmann::json& json, const DurationPercentiles& percentiles) {
  json = nlohmann::json::object();
  json["p50"] = detail::in_seconds(percentiles.p50);
  json["p90"] = detail::in_seconds(percentiles.p90);
  json["p99"] = detail::in_seconds(percentiles.p99);
  json["max"] = detail::in_seconds(percentiles.max);
}

inline void to_json(nlohmann::json& json, const SkippedCounts& skipped) {
  json = nlohmann::json::object();
  json["missed"] = skipped.missed;
  json["drifted"] = skipped.drifted;
  json["failing"] = skipped.failing;
  json["paused"] = skipped.paused;
  json["elsewhere"] = skipped.elsewhere;
  json["claim_failed"] = skipped.claim_failed;
}

inline void to_json(nlohmann::json& json, const ClaimCounts& claims) {
  json = nlohmann::json::object();
  json["won"] = claims.won;
  json["lost"] = claims.lost;
  json["failed"] = claims.failed;
  json["unclear"] = claims.unclear;
  json["running_elsewhere"] = claims.running_elsewhere;
}

inline void to_json(nlohmann::json& json, LatenessCause cause) {
  switch (cause) {
    case LatenessCause::none:
      json = "none";
      break;
    case LatenessCause::own_run:
      json = "own_run";
      break;
    case LatenessCause::claim:
      json = "claim";
      break;
    case LatenessCause::event_loop:
      json = "event_loop";
      break;
    case LatenessCause::suspended:
      json = "suspended";
      break;
  }
}

inline void to_json(nlohmann::json& json, const TimerStats& stats) {
  json = nlohmann::json::object();
  json["name"] = stats.name;
  json["method_name"] = stats.method_name;
  json["interval"] = detail::in_seconds(stats.interval);
  json["max_drift"] = detail::in_seconds(stats.max_drift);
  json["error_backoff"] = detail::in_seconds(stats.error_backoff);
  json["tolerance"] = detail::in_seconds(stats.tolerance);
  json["eager"] = stats.eager;
  json["initial_delay"] = detail::in_seconds(stats.initial_delay);
  json["jitter"] = detail::in_seconds(stats.jitter);
  json["timeout"] = detail::in_seconds(stats.timeout);
  json["max_error_backoff"] = detail::in_seconds(stats.max_error_backoff);
  json["max_consecutive_errors"] = stats.max_consecutive_errors;
  json["align_to_epoch"] = stats.align_to_epoch;
  json["scope"] = stats.scope == Scope::cluster ? "cluster" : "replica";
  json["is_running"] = stats.is_running;
  json["is_executing"] = stats.is_executing;
  json["is_overdue"] = stats.is_overdue;
  json["is_paused"] = stats.is_paused;
  json["pause_reason"] = stats.pause_reason;
  json["execution_count"] = stats.execution_count;
  json["success_count"] = stats.success_count;
  json["error_count"] = stats.error_count;
  json["cancelled_count"] = stats.cancelled_count;
  json["skipped_count"] = stats.skipped_count;
  json["skipped"] = stats.skipped;
  json["drift_count"] = stats.drift_count;
  json["timeout_count"] = stats.timeout_count;
  json["blocking_count"] = stats.blocking_count;
  json["clock_step_count"] = stats.clock_step_count;
  if (stats.scope == Scope::cluster) {
    json["claims"] = stats.claims;
    json["current_token"] = stats.current_token;
    json["last_owner"] = stats.last_owner;
    json["last_claim_error"] = stats.last_claim_error;
  }
  json["consecutive_errors"] = stats.consecutive_errors;
  json["error_rate"] = stats.error_rate;
  json["last_error"] = stats.last_error;
  json["last_execution_time"] = detail::in_seconds(stats.last_execution_time);
  json["average_execution_time"] = detail::in_seconds(stats.average_execution_time);
  json["total_execution_time"] = detail::in_seconds(stats.total_execution_time);
  json["last_lateness"] = detail::in_seconds(stats.last_lateness);
  json["last_deferral"] = detail::in_seconds(stats.last_deferral);
  json["last_lateness_cause"] = stats.last_lateness_cause;
  json["last_blocked_by"] = stats.last_blocked_by;
  json["longest_blocking"] = detail::in_seconds(stats.longest_blocking);
  json["last_success"] = nullptr;
  if (stats.last_success) json["last_success"] = detail::in_seconds(stats.last_success->time_since_epoch());
  json["next_execution"] = nullptr;
  if (stats.next_execution)
    json["next_execution"] = detail::in_seconds(stats.next_execution->time_since_epoch());
  json["execution_time"] = stats.execution_time;
  json["lateness"] = stats.lateness;
  json["deferral"] = stats.deferral;
  json["worker_wait"] = stats.worker_wait;
}

inline void to_json(nlohmann::json& json, const ServiceTimerStats& stats) {
  json = nlohmann::json::object();
  json["timer_count"] = stats.timer_count;
  json["timers"] = stats.timers;
}

}  // namespace cliffracer
