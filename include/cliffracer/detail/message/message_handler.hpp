#pragma once

#include <cliffracer/detail/message/handler_stats.hpp>
#include <cliffracer/detail/registration/handler_registration.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/run_on.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// A registered handler of a Dispatcher.
struct MessageHandler : HandlerRegistration {
  bool is_builtin = false;                ///< Of the library, for each replica by itself.
  std::unique_ptr<HandlerStats> stats{};  ///< There as soon as a Dispatcher has it.
};

[[nodiscard]] constexpr std::string_view kind_name(MessageKind kind) noexcept {
  return kind == MessageKind::rpc ? "rpc" : "listener";
}

/// "rpc get_health", safe for a log line.
[[nodiscard]] inline std::string label(const HandlerRegistration& handler) {
  return std::string{kind_name(handler.kind)} + " " + escaped(handler.name, 128);
}

/// Throws std::invalid_argument that names service, handler and rule.
inline void check_validity(std::string_view service, const HandlerRegistration& handler) {
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
