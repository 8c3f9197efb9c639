#pragma once

#include <cliffracer/detail/message/handler_stats.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/run_on.hpp>

#include <asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// One message on its way into a handler, which may take the payload out of it.
struct Request {
  std::string subject;
  nlohmann::json payload;  ///< A JSON object, without its correlation_id.
};

enum class MessageKind : std::uint8_t { rpc, listener };

/// An rpc or listener method with its type erased: two words and a function. Exactly one of `start` and
/// `call` is set. Both throw BadArgument when the payload does not fit the method's argument, and whatever
/// the method throws; the result of a void method is null. `request` must outlive the call, and the
/// coroutine.
struct MessageHandler {
  MessageKind kind;
  std::string name;
  std::string subject{};      ///< Listener: what it subscribes to. Rpc: empty.
  std::string queue_group{};  ///< Listener: replicas with one group share the messages; empty: each gets all.
  RunOn run_on;
  void* object;
  asio::awaitable<nlohmann::json> (*start)(void* object,
                                           Request& request) = nullptr;  ///< A coroutine method.
  nlohmann::json (*call)(void* object, Request& request) = nullptr;      ///< A plain method.
  bool is_builtin = false;                ///< Of the library, for each replica by itself.
  std::unique_ptr<HandlerStats> stats{};  ///< There as soon as a Dispatcher has it.
};

[[nodiscard]] constexpr std::string_view kind_name(MessageKind kind) noexcept {
  return kind == MessageKind::rpc ? "rpc" : "listener";
}

/// "rpc get_health", safe for a log line.
[[nodiscard]] inline std::string label(const MessageHandler& handler) {
  return std::string{kind_name(handler.kind)} + " " + escaped(handler.name, 128);
}

/// Throws std::invalid_argument that names service, handler and rule.
inline void check_validity(std::string_view service, const MessageHandler& handler) {
  const auto refuse = [&](const std::string& what) {
    throw std::invalid_argument{"service " + escaped(service, 128) + ": " + label(handler) + ": " + what};
  };
  if (const auto rule = violated_token_rule(handler.name); !rule.empty())
    refuse("name must be " + std::string{rule});
  if (handler.start != nullptr && handler.run_on == RunOn::worker_pool)
    refuse("run_on must be RunOn::event_loop for a coroutine");
  if (handler.kind == MessageKind::rpc) return;
  if (const auto rule = violated_subscription_rule(handler.subject); !rule.empty())
    refuse("subject \"" + escaped(handler.subject, 128) + "\" must be " + std::string{rule});
  if (handler.queue_group.empty()) return;
  if (const auto rule = violated_token_rule(handler.queue_group); !rule.empty())
    refuse("queue_group \"" + escaped(handler.queue_group, 128) + "\" must be " + std::string{rule});
}

}  // namespace cliffracer::detail
