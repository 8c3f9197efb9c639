#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/registration/handler_call.hpp>
#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/json_fields.hpp>
#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// How a service's timers are controlled with requests to `{service}.rpc.timers.*`.

namespace cliffracer::detail {

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

/// A point in time among them, in seconds since the epoch; empty: it is not given. Throws BadArgument.
[[nodiscard]] inline std::optional<std::chrono::system_clock::time_point> instant_argument(
    const nlohmann::json& arguments, const char* name) {
  if (!arguments.contains(name)) return std::nullopt;
  const OptionDuration since_epoch{seconds_argument(arguments, name)};
  if (!since_epoch.is_representable())
    throw BadArgument{std::string{name} + " must be a point in time before 2262"};
  return std::chrono::system_clock::time_point{
      std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch.value())};
}

// More would not fit into a message of usual size.
inline constexpr std::size_t most_runs_told = 1000;

CLIFFRACER_DECL void Service::add_remote_control() {
  const auto add = [this](std::string name, auto call) {
    HandlerRegistration handler{.kind = MessageKind::rpc,
                                .name = "timers." + std::move(name),
                                .subject = {},
                                .queue_group = {},
                                .run_on = RunOn::event_loop,
                                .object = this};
    handler.call = call;
    dispatcher_.add_builtin(std::move(handler));
  };
  add("pause", [](void* self, Request& request) {
    return control(self, request, [&](Service& service, const std::string& timer) {
      service.pause(timer, text_argument(request.payload, "reason", false),
                    instant_argument(request.payload, "until"));
    });
  });
  add("resume", [](void* self, Request& request) {
    return control(self, request, [](Service& service, const std::string& timer) { service.resume(timer); });
  });
  add("trigger", [](void* self, Request& request) {
    return control(self, request, [](Service& service, const std::string& timer) { service.trigger(timer); });
  });
  add("set_interval", [](void* self, Request& request) {
    return control(self, request, [&](Service& service, const std::string& timer) {
      service.set_interval(timer, seconds_argument(request.payload, "interval"));
    });
  });
  add("next_runs", [](void* self, Request& request) { return tell_next_runs(self, request); });
}

/// The coming due points of the timer that a request names, in seconds since the epoch.
CLIFFRACER_DECL nlohmann::json Service::tell_next_runs(void* self, const Request& request) {
  const auto& service = *static_cast<const Service*>(self);
  const std::string timer = text_argument(request.payload, "name", true);
  const auto wanted = request.payload.find("count");
  const bool is_given = wanted != request.payload.end();
  if (is_given && (!wanted->is_number_unsigned() || *wanted > most_runs_told))
    throw BadArgument{"count must be a whole number up to " + std::to_string(most_runs_told)};
  nlohmann::json runs = nlohmann::json::array();
  try {
    for (const auto run : service.next_runs(timer, is_given ? wanted->get<std::size_t>() : 10))
      runs.push_back(in_seconds(run.time_since_epoch()));
  } catch (const std::invalid_argument& refused) {
    throw BadArgument{std::string{text_of(refused)}};
  }
  return {{"name", timer}, {"next_runs", std::move(runs)}};
}

/// Does `action` with the timer that a request names. Returns the timer's statistics after it.
template <class Action>
nlohmann::json Service::control(void* self, const Request& request, const Action& action) {
  auto& service = *static_cast<Service*>(self);
  const std::string timer = text_argument(request.payload, "name", true);
  try {
    action(service, timer);
  } catch (const std::invalid_argument& refused) {
    throw BadArgument{std::string{text_of(refused)}};
  }
  return service.timers_.stats_of(service.config_.name, timer, service.queue_.now(),
                                  service.queue_.source().wall_clock());
}

}  // namespace cliffracer::detail
