#pragma once

#include <cliffracer/pacing.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/stats_fields.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>

namespace cliffracer {

struct DurationBuckets;

namespace detail {

template <class Duration>
[[nodiscard]] constexpr double in_seconds(Duration duration) noexcept {
  return std::chrono::duration<double>{duration}.count();
}

template <class Value>
void write_json(nlohmann::json& json, const Value& value) {
  json = value;
}

inline void write_json(nlohmann::json& json, const std::chrono::nanoseconds& duration) {
  json = in_seconds(duration);
}

inline void write_json(nlohmann::json& json,
                       const std::optional<std::chrono::system_clock::time_point>& time) {
  json = nullptr;
  if (time) json = in_seconds(time->time_since_epoch());
}

inline void write_json(nlohmann::json& json, const Pacing& pacing) {
  json = pacing == Pacing::after_run ? "after_run" : "grid";
}

inline void write_json(nlohmann::json& json, const Scope& scope) {
  json = scope == Scope::cluster ? "cluster" : "replica";
}

/// Makes `json` an object of the fields of `stats`. `scope`: of the timer whose statistics they are.
template <stats_struct Struct>
void write_json_fields(nlohmann::json& json, const Struct& stats, Scope scope = Scope::cluster) {
  json = nlohmann::json::object();
  visit_fields<Struct>([&]<class Value>(const StatsField<Struct, Value>& field) {
    if (field.presence == StatsPresence::cluster_timers && scope != Scope::cluster) return;
    if (field.presence == StatsPresence::metrics_only) return;
    if constexpr (!std::is_same_v<Value, DurationBuckets>)
      write_json(json[std::string{field.name}], stats.*field.member);
  });
}

}  // namespace detail
}  // namespace cliffracer
