#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/text/json_fields.hpp>
#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

namespace cliffracer {

CLIFFRACER_DECL void to_json(nlohmann::json& json, const DurationPercentiles& percentiles) {
  detail::write_json_fields(json, percentiles);
}

CLIFFRACER_DECL void to_json(nlohmann::json& json, const SkippedCounts& skipped) {
  detail::write_json_fields(json, skipped);
}

CLIFFRACER_DECL void to_json(nlohmann::json& json, const ClaimCounts& claims) {
  detail::write_json_fields(json, claims);
}

CLIFFRACER_DECL void to_json(nlohmann::json& json, LatenessCause cause) {
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

CLIFFRACER_DECL void to_json(nlohmann::json& json, const TimerStats& stats) {
  detail::write_json_fields(json, stats, stats.scope);
}

CLIFFRACER_DECL void to_json(nlohmann::json& json, const ServiceTimerStats& stats) {
  detail::write_json_fields(json, stats);
}

}  // namespace cliffracer
