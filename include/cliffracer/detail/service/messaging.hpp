#pragma once

#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/message/correlation_id.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/service_info.hpp>

#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// What NatsService sends, and what it says of itself.

namespace cliffracer {
namespace detail {

/// The subject of `service`'s `method`. Throws std::invalid_argument for what is no name.
[[nodiscard]] inline std::string method_subject(std::string_view operation, std::string_view service,
                                                std::string_view kind, std::string_view method) {
  for (const auto name : {service, method}) {
    if (is_subject_token(name)) continue;
    throw std::invalid_argument{std::string{operation} + ": \"" + escaped(name, 128) +
                                "\" is not one NATS subject token"};
  }
  return std::string{service} + "." + std::string{kind} + "." + std::string{method};
}

/// `arguments` as the text of a JSON object; null is an empty one.
[[nodiscard]] inline std::string object_text(std::string_view operation, const nlohmann::json& arguments) {
  if (arguments.is_null()) return "{}";
  if (!arguments.is_object()) {
    throw std::invalid_argument{std::string{operation} + ": a JSON object is needed, not " +
                                arguments.type_name()};
  }
  return to_text(arguments);
}

/// What the calling code's messages carry: the correlation id of the message that it handles, and the trace
/// of its work; outside of any work a trace that begins there.
[[nodiscard]] inline MessageHeaders outgoing_headers() {
  MessageHeaders headers;
  WorkContext* const context = current_work_context();
  if (context) headers.correlation_id = context->correlation_id();
  headers.trace = context ? context->trace() : make_trace();
  return headers;
}

/// The result in a reply. Throws RpcError for an error in it.
[[nodiscard]] inline nlohmann::json result_of(nlohmann::json reply, const std::string& service,
                                              const std::string& method) {
  if (reply.is_object()) {
    if (const auto error = reply.find("error"); error != reply.end()) {
      throw RpcError{RpcError::Reason::remote, service, method,
                     error->is_string() ? error->get<std::string>() : to_text(*error)};
    }
    if (const auto result = reply.find("result"); result != reply.end()) return std::move(*result);
  }
  throw RpcError{RpcError::Reason::bad_reply, service, method, "neither result nor error"};
}

}  // namespace detail

inline std::shared_ptr<detail::Link> NatsService::link() const {
  const std::lock_guard lock{link_mutex_};
  return link_;
}

inline std::shared_ptr<detail::Link> NatsService::started_link(std::string_view operation) const {
  if (auto started = link()) return started;
  throw std::system_error{std::make_error_code(std::errc::not_connected),
                          "service " + config_.name + ": " + std::string{operation} + " before start"};
}

inline void NatsService::send(std::string_view operation, std::string_view subject,
                              const nlohmann::json& object) {
  started_link(operation)->publish(std::string{subject}, detail::object_text(operation, object), {},
                                   detail::outgoing_headers());
}

inline void NatsService::publish_event(std::string_view subject, const nlohmann::json& event) {
  if (event.is_null()) throw std::invalid_argument{"publish_event: a JSON object is needed, not null"};
  if (const auto rule = detail::violated_publish_rule(subject); !rule.empty()) {
    throw std::invalid_argument{"publish_event: subject \"" + detail::escaped(subject, 128) + "\" must be " +
                                std::string{rule}};
  }
  send("publish_event", subject, event);
}

inline void NatsService::call_async(std::string_view service, std::string_view method,
                                    const nlohmann::json& arguments) {
  send("call_async", detail::method_subject("call_async", service, "async", method), arguments);
}

inline asio::awaitable<nlohmann::json> NatsService::call_rpc(std::string service, std::string method,
                                                             nlohmann::json arguments) {
  std::string subject = detail::method_subject("call_rpc", service, "rpc", method);
  std::string payload = detail::object_text("call_rpc", arguments);
  detail::MessageHeaders headers = detail::outgoing_headers();
  if (headers.correlation_id.empty()) headers.correlation_id = detail::make_correlation_id();
  const auto started = started_link("call_rpc");
  auto request =
      started->request(std::move(subject), std::move(payload), std::move(headers), config_.request_timeout);
  nlohmann::json reply = co_await asio::co_spawn(strand_, std::move(request), asio::use_awaitable);
  co_return detail::result_of(std::move(reply), service, method);
}

inline asio::awaitable<void> NatsService::sleep_for(std::chrono::nanoseconds duration) {
  const auto due = detail::later(queue_.now(), std::max(duration, std::chrono::nanoseconds::zero()));
  auto sleeping = detail::sleep_until(queue_, strand_, due);
  co_await asio::co_spawn(strand_, std::move(sleeping), asio::use_awaitable);
}

inline ServiceTimerStats NatsService::get_timer_stats() const {
  return timers_.stats(queue_.now(), queue_.source().wall_clock());
}

/// Without timers and broker.
inline ServiceInfo NatsService::describe() const {
  ServiceInfo info{.name = config_.name, .version = config_.version, .description = config_.description};
  info.id = id_;
  const auto started = started_at_.load();
  if (started != std::chrono::system_clock::time_point{}) info.started = started;
  info.is_running = state_ == State::running;
  for (const auto& handler : dispatcher_.handlers()) {
    if (handler.kind != detail::MessageKind::rpc) continue;
    if (!handler.is_builtin) info.methods.push_back(handler.name);
    auto numbers = handler.stats->snapshot();
    EndpointInfo endpoint{.name = handler.name, .subject = config_.name + ".rpc." + handler.name};
    if (!handler.is_builtin) endpoint.queue_group = rpc_group();
    endpoint.num_requests = numbers.requests;
    endpoint.num_errors = numbers.errors;
    endpoint.last_error = std::move(numbers.last_error);
    endpoint.processing_time = numbers.processing_time;
    if (numbers.requests > 0)
      endpoint.average_processing_time =
          numbers.processing_time / static_cast<std::int64_t>(numbers.requests);
    info.endpoints.push_back(std::move(endpoint));
  }
  if (!info.methods.empty()) info.subjects = {config_.name + ".rpc.*", config_.name + ".async.*"};
  for (const auto& handler : dispatcher_.handlers()) {
    if (handler.kind == detail::MessageKind::listener) info.subjects.push_back(handler.subject);
  }
  if (config_.remote_control) info.subjects.push_back(config_.name + ".rpc.timers.*");
  return info;
}

inline ServiceInfo NatsService::get_service_info() const {
  ServiceInfo info = describe();
  info.timers = get_timer_stats().timers;
  const auto current = link();
  const detail::LinkStatus status = current ? current->status() : detail::LinkStatus{};
  info.broker = {.state = std::string{to_string(status.state)},
                 .url = status.server.empty() ? config_.nats_url.redacted() : status.server,
                 .last_error = status.last_error,
                 .reconnects = status.reconnects,
                 .published = status.published,
                 .unconfirmed = status.unconfirmed,
                 .publish_errors = status.publish_errors,
                 .received = status.received,
                 .dropped = status.inbox_dropped + dispatcher_.refused(),
                 .outbox_messages = status.outbox_messages,
                 .outbox_bytes = status.outbox_bytes};
  return info;
}

}  // namespace cliffracer
