#pragma once

#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/registration/handler_call.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

// How a service's timers are controlled with requests to `{service}.rpc.timers.*`.

namespace cliffracer {
namespace detail {

/// A text among the arguments of a request. Throws BadArgument.
[[nodiscard]] inline std::string text_argument(const nlohmann::json& arguments, const char* name,
                                               bool is_required) {
  const auto found = arguments.find(name);
  if (found == arguments.end() && !is_required) return {};
  if (found == arguments.end() || !found->is_string())
    throw BadArgument{std::string{name} + " must be a text"};
  return found->get<std::string>();
}

/// A number of seconds among them. Throws BadArgument.
[[nodiscard]] inline std::chrono::duration<double> seconds_argument(const nlohmann::json& arguments,
                                                                    const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end() || !found->is_number())
    throw BadArgument{std::string{name} + " must be a number of seconds"};
  return std::chrono::duration<double>{found->get<double>()};
}

}  // namespace detail

inline void NatsService::add_remote_control() {
  const auto add = [this](std::string name, auto call) {
    detail::MessageHandler handler{.kind = detail::MessageKind::rpc,
                                   .name = "timers." + std::move(name),
                                   .subject = {},
                                   .queue_group = {},
                                   .run_on = RunOn::event_loop,
                                   .object = this};
    handler.call = call;
    dispatcher_.add_builtin(std::move(handler));
  };
  add("pause", [](void* self, detail::Request& request) {
    return control(self, request, [&](NatsService& service, const std::string& timer) {
      service.pause(timer, detail::text_argument(request.payload, "reason", false));
    });
  });
  add("resume", [](void* self, detail::Request& request) {
    return control(self, request,
                   [](NatsService& service, const std::string& timer) { service.resume(timer); });
  });
  add("trigger", [](void* self, detail::Request& request) {
    return control(self, request,
                   [](NatsService& service, const std::string& timer) { service.trigger(timer); });
  });
  add("set_interval", [](void* self, detail::Request& request) {
    return control(self, request, [&](NatsService& service, const std::string& timer) {
      service.set_interval(timer, detail::seconds_argument(request.payload, "interval"));
    });
  });
}

/// Does `action` with the timer that a request names. Returns the timer's statistics after it.
template <class Action>
nlohmann::json NatsService::control(void* self, const detail::Request& request, const Action& action) {
  auto& service = *static_cast<NatsService*>(self);
  const std::string timer = detail::text_argument(request.payload, "name", true);
  try {
    action(service, timer);
  } catch (const std::invalid_argument& refused) {
    throw detail::BadArgument{refused.what()};
  }
  return service.timers_.stats_of(service.config_.name, timer, service.queue_.now(),
                                  service.queue_.source().wall_clock());
}

}  // namespace cliffracer
