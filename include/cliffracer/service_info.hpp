#pragma once

#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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
};

void to_json(nlohmann::json& json, const BrokerInfo& info);
/// Durations are written in seconds, `started` in seconds since the epoch or null.
void to_json(nlohmann::json& json, const EndpointInfo& info);
void to_json(nlohmann::json& json, const ServiceInfo& info);

}  // namespace cliffracer
