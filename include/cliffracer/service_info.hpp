#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/stats_fields.hpp>
#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace cliffracer {

/// The connection to the broker and what passed through it.
struct BrokerInfo {
  std::string state{};       ///< "idle", "connecting", "connected", "reconnecting" or "closed".
  std::string url{};         ///< The connected server, or the configured ones; without user, password, token.
  std::string last_error{};  ///< Why the last attempt failed or the last connection ended.
  std::uint64_t reconnects = 0;
  std::uint64_t published = 0;       ///< Messages handed to a connection.
  std::uint64_t unconfirmed = 0;     ///< Of these: the connection ended before the broker confirmed them.
  std::uint64_t publish_errors = 0;  ///< Messages refused with an exception, or accepted and given up later.
  std::uint64_t received = 0;
  std::uint64_t dropped = 0;  ///< Messages received and dropped or refused, because too many were waiting.
  std::size_t outbox_messages = 0;  ///< Waiting to be sent.
  std::size_t outbox_bytes = 0;
};

/// One RPC method as NATS's services protocol (ADR-32) has it. Requests on `{service}.rpc.{method}` and on
/// `{service}.async.{method}` count alike, when they have ended.
struct EndpointInfo {
  std::string name{};
  std::string subject{};
  std::string queue_group{};       ///< Replicas with the same one share the requests; empty: each gets all.
  std::uint64_t num_requests = 0;  ///< Refused ones included: unusable payload, overloaded, stopping.
  std::uint64_t num_errors = 0;    ///< Of these: answered with an error.
  std::string last_error{};  ///< Text of the newest error, at most 255 bytes; kept over later successes.
  std::chrono::nanoseconds processing_time{0};          ///< From taking a request to its answer, in sum.
  std::chrono::nanoseconds average_processing_time{0};  ///< processing_time / num_requests.
};

/// What get_service_info() returns.
struct ServiceInfo {
  std::string name{};
  std::string version{};
  std::string description{};
  bool is_running = false;
  std::vector<std::string> methods{};  ///< RPC methods, in the order of registration.
  /// What the service subscribes to for its methods, its listeners and remote_control. The `$SRV` subjects of
  /// NATS's services protocol, which are the same for every service, are not among it.
  std::vector<std::string> subjects{};
  std::vector<TimerStats> timers{};
  BrokerInfo broker{};
  std::string id{};  ///< Of this service object: no other one has it. One subject token.
  std::optional<std::chrono::system_clock::time_point>
      started{};  ///< The newest start; empty before the first.
  std::vector<EndpointInfo>
      endpoints{};  ///< The methods and, last, those of remote_control, with their numbers.
  /// The time zones of the cron timers but for UTC, each with the version of its data: "Europe/Berlin 2025b".
  std::vector<std::string> time_zones{};
};

/// Calls `visitor` with each field of BrokerInfo.
template <class Visitor>
constexpr void visit_fields(std::type_identity<BrokerInfo>, Visitor&& visitor) {
  using Stats = BrokerInfo;
  visitor(StatsField{"state", &Stats::state, StatsUnit::none,
                     "idle, connecting, connected, reconnecting or closed."});
  visitor(StatsField{"url", &Stats::url, StatsUnit::none,
                     "The connected server, or the configured ones; without user, password, token."});
  visitor(StatsField{"last_error", &Stats::last_error, StatsUnit::none,
                     "Why the last attempt failed or the last connection ended."});
  visitor(StatsField{"reconnects", &Stats::reconnects, StatsUnit::count, "Connections after the first."});
  visitor(StatsField{"published", &Stats::published, StatsUnit::count, "Messages handed to a connection."});
  visitor(StatsField{"unconfirmed", &Stats::unconfirmed, StatsUnit::count,
                     "Of these: the connection ended before the broker confirmed them."});
  visitor(StatsField{"publish_errors", &Stats::publish_errors, StatsUnit::count,
                     "Messages refused with an exception, or accepted and given up later."});
  visitor(StatsField{"received", &Stats::received, StatsUnit::count, "Messages received."});
  visitor(StatsField{"dropped", &Stats::dropped, StatsUnit::count,
                     "Messages received and dropped or refused, because too many were waiting."});
  visitor(StatsField{"outbox_messages", &Stats::outbox_messages, StatsUnit::count,
                     "Messages that wait to be sent."});
  visitor(StatsField{"outbox_bytes", &Stats::outbox_bytes, StatsUnit::bytes, "Their size."});
}

/// Calls `visitor` with each field of EndpointInfo.
template <class Visitor>
constexpr void visit_fields(std::type_identity<EndpointInfo>, Visitor&& visitor) {
  using Stats = EndpointInfo;
  visitor(StatsField{"name", &Stats::name, StatsUnit::none, "The method."});
  visitor(StatsField{"subject", &Stats::subject, StatsUnit::none, "What it is called with."});
  visitor(StatsField{"queue_group", &Stats::queue_group, StatsUnit::none,
                     "Replicas with the same one share the requests; empty: each gets all."});
  visitor(StatsField{"num_requests", &Stats::num_requests, StatsUnit::count,
                     "Requests that have ended, refused ones included."});
  visitor(
      StatsField{"num_errors", &Stats::num_errors, StatsUnit::count, "Of these: answered with an error."});
  visitor(StatsField{"last_error", &Stats::last_error, StatsUnit::none,
                     "Text of the newest error; kept over later successes."});
  visitor(StatsField{"processing_time", &Stats::processing_time, StatsUnit::seconds,
                     "From taking a request to its answer, in sum."});
  visitor(StatsField{"average_processing_time", &Stats::average_processing_time, StatsUnit::seconds,
                     "processing_time by num_requests."});
}

/// Calls `visitor` with each field of ServiceInfo.
template <class Visitor>
constexpr void visit_fields(std::type_identity<ServiceInfo>, Visitor&& visitor) {
  using Stats = ServiceInfo;
  visitor(StatsField{"name", &Stats::name, StatsUnit::none, "The name that the service is configured with."});
  visitor(StatsField{"version", &Stats::version, StatsUnit::none, "The version that it is configured with."});
  visitor(StatsField{"description", &Stats::description, StatsUnit::none, "What it is for."});
  visitor(StatsField{"is_running", &Stats::is_running, StatsUnit::none,
                     "Whether it is started and not stopped."});
  visitor(
      StatsField{"methods", &Stats::methods, StatsUnit::none, "RPC methods, in the order of registration."});
  visitor(StatsField{"subjects", &Stats::subjects, StatsUnit::none, "What it subscribes to."});
  visitor(StatsField{"timers", &Stats::timers, StatsUnit::none,
                     "The timers, in the order of their registration."});
  visitor(StatsField{"broker", &Stats::broker, StatsUnit::none, "The connection to the broker."});
  visitor(StatsField{"id", &Stats::id, StatsUnit::none, "Of this service object: no other one has it."});
  visitor(StatsField{"started", &Stats::started, StatsUnit::timestamp,
                     "The newest start; empty before the first."});
  visitor(StatsField{"endpoints", &Stats::endpoints, StatsUnit::none,
                     "RPC methods, those of remote_control included, with their numbers."});
  visitor(StatsField{"time_zones", &Stats::time_zones, StatsUnit::none,
                     "The time zones of the cron timers but for UTC, each with the version of its data."});
}

void to_json(nlohmann::json& json, const BrokerInfo& info);
/// Durations are written in seconds, `started` in seconds since the epoch or null.
void to_json(nlohmann::json& json, const EndpointInfo& info);
void to_json(nlohmann::json& json, const ServiceInfo& info);

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/service_info.ipp>
#endif
