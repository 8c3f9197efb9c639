#pragma once

#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
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

/// What get_service_info() returns.
struct ServiceInfo {
  std::string name{};
  std::string version{};
  std::string description{};
  bool is_running = false;
  std::vector<std::string> methods{};   ///< RPC methods, in the order of registration.
  std::vector<std::string> subjects{};  ///< What the service subscribes to.
  std::vector<TimerStats> timers{};
  BrokerInfo broker{};
};

void to_json(nlohmann::json& json, const BrokerInfo& info);
void to_json(nlohmann::json& json, const ServiceInfo& info);

}  // namespace cliffracer
