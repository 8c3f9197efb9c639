#pragma once

#include <cliffracer/detail/message/reply.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/service_info.hpp>
#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// What NATS's services protocol (ADR-32) asks of every service, so that tools find it.
enum class Inquiry : std::uint8_t { ping, info, stats };

inline constexpr std::array<Inquiry, 3> inquiries{Inquiry::ping, Inquiry::info, Inquiry::stats};

/// "$SRV.PING".
[[nodiscard]] constexpr std::string_view subject_of(Inquiry inquiry) noexcept {
  switch (inquiry) {
    case Inquiry::ping:
      return "$SRV.PING";
    case Inquiry::info:
      return "$SRV.INFO";
    case Inquiry::stats:
      return "$SRV.STATS";
  }
  return {};
}

/// What every answer begins with.
[[nodiscard]] inline nlohmann::json identity_of(const ServiceInfo& service, std::string_view type) {
  nlohmann::json answer = nlohmann::json::object();
  answer["type"] = "io.nats.micro.v1." + std::string{type};
  answer["name"] = service.name;
  answer["id"] = service.id;
  answer["version"] = service.version;
  answer["metadata"] = nlohmann::json::object();
  return answer;
}

[[nodiscard]] inline nlohmann::json identity_of(const EndpointInfo& endpoint) {
  nlohmann::json answer = nlohmann::json::object();
  answer["name"] = endpoint.name;
  answer["subject"] = endpoint.subject;
  answer["queue_group"] = endpoint.queue_group;
  return answer;
}

[[nodiscard]] inline std::string ping_text(const ServiceInfo& service) {
  return to_text(identity_of(service, "ping_response"));
}

[[nodiscard]] inline std::string info_text(const ServiceInfo& service) {
  nlohmann::json answer = identity_of(service, "info_response");
  answer["description"] = service.description;
  nlohmann::json& endpoints = answer["endpoints"] = nlohmann::json::array();
  for (const EndpointInfo& endpoint : service.endpoints) {
    nlohmann::json entry = identity_of(endpoint);
    entry["metadata"] = nlohmann::json::object();
    endpoints.push_back(std::move(entry));
  }
  return to_text(answer);
}

/// Less than one timer takes as JSON.
inline constexpr std::size_t least_timer_bytes = 1024;

/// The timers' statistics stand in `data`, as `take_timers()` gives them, unless the whole would exceed
/// `max_bytes`: then `data` says how many were left out. They are not even taken when that can be known
/// before.
template <class TakeTimers>
[[nodiscard]] std::string stats_text(const ServiceInfo& service, std::size_t timer_count,
                                     const TakeTimers& take_timers, std::size_t max_bytes) {
  nlohmann::json answer = identity_of(service, "stats_response");
  // Nobody asks a service that was never started.
  answer["started"] = iso_timestamp(service.started.value_or(std::chrono::system_clock::time_point{}));
  nlohmann::json& endpoints = answer["endpoints"] = nlohmann::json::array();
  for (const EndpointInfo& endpoint : service.endpoints) {
    nlohmann::json entry = identity_of(endpoint);
    entry["num_requests"] = endpoint.num_requests;
    entry["num_errors"] = endpoint.num_errors;
    entry["last_error"] = endpoint.last_error;
    entry["processing_time"] = endpoint.processing_time.count();
    entry["average_processing_time"] = endpoint.average_processing_time.count();
    endpoints.push_back(std::move(entry));
  }
  if (timer_count <= max_bytes / least_timer_bytes) {
    answer["data"] = take_timers();
    std::string whole = to_text(answer);
    if (whole.size() <= max_bytes) return whole;
  }
  nlohmann::json& data = answer["data"] = nlohmann::json::object();
  data["timer_count"] = timer_count;
  data["timers"] = nlohmann::json::array();
  data["timers_omitted"] = timer_count;
  return to_text(answer);
}

}  // namespace cliffracer::detail
