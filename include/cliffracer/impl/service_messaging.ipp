#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/message/correlation_id.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/detail/work/work_context.hpp>

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

// What the service sends, and what it says of itself.

namespace cliffracer::detail {

CLIFFRACER_DECL std::shared_ptr<Link> Service::link() const {
  const std::lock_guard lock{link_mutex_};
  return link_;
}

CLIFFRACER_DECL std::shared_ptr<Link> Service::started_link(std::string_view operation) const {
  if (auto started = link()) return started;
  throw std::system_error{std::make_error_code(std::errc::not_connected),
                          "service " + config_.name + ": " + std::string{operation} + " before start"};
}

CLIFFRACER_DECL void Service::send(std::string_view operation, std::string_view subject,
                                   const nlohmann::json& object) {
  started_link(operation)->publish(std::string{subject}, object_text(operation, object), {},
                                   outgoing_headers());
}

CLIFFRACER_DECL void Service::publish_event(std::string_view subject, const nlohmann::json& event) {
  if (event.is_null()) throw std::invalid_argument{"publish_event: a JSON object is needed, not null"};
  if (const auto rule = violated_publish_rule(subject); !rule.empty()) {
    throw std::invalid_argument{"publish_event: subject \"" + escaped(subject, 128) + "\" must be " +
                                std::string{rule}};
  }
  send("publish_event", subject, event);
}

CLIFFRACER_DECL void Service::call_async(std::string_view service, std::string_view method,
                                         const nlohmann::json& arguments) {
  send("call_async", method_subject("call_async", service, "async", method), arguments);
}

CLIFFRACER_DECL asio::awaitable<nlohmann::json> Service::call_rpc(std::string service, std::string method,
                                                                  nlohmann::json arguments) {
  std::string subject = method_subject("call_rpc", service, "rpc", method);
  std::string payload = object_text("call_rpc", arguments);
  MessageHeaders headers = outgoing_headers();
  if (headers.correlation_id.empty()) headers.correlation_id = make_correlation_id();
  const auto started = started_link("call_rpc");
  auto request =
      started->request(std::move(subject), std::move(payload), std::move(headers), config_.request_timeout);
  nlohmann::json reply = co_await asio::co_spawn(strand_, std::move(request), asio::use_awaitable);
  co_return result_of(std::move(reply), service, method);
}

CLIFFRACER_DECL asio::awaitable<void> Service::sleep_for(std::chrono::nanoseconds duration) {
  const auto due = later(queue_.now(), std::max(duration, std::chrono::nanoseconds::zero()));
  auto sleeping = sleep_until(queue_, strand_, due);
  co_await asio::co_spawn(strand_, std::move(sleeping), asio::use_awaitable);
}

CLIFFRACER_DECL ServiceTimerStats Service::get_timer_stats() const {
  return timers_.stats(queue_.now(), queue_.source().wall_clock());
}

/// Without timers and broker.
CLIFFRACER_DECL ServiceInfo Service::describe() const {
  ServiceInfo info{.name = config_.name, .version = config_.version, .description = config_.description};
  info.id = id_;
  const auto started = started_at_.load();
  if (started != std::chrono::system_clock::time_point{}) info.started = started;
  info.is_running = state_ == State::running;
  for (const auto& handler : dispatcher_.handlers()) {
    if (handler.kind != MessageKind::rpc) continue;
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
    if (handler.kind == MessageKind::listener) info.subjects.push_back(handler.subject);
  }
  if (config_.remote_control) info.subjects.push_back(config_.name + ".rpc.timers.*");
  return info;
}

CLIFFRACER_DECL ServiceInfo Service::get_service_info() const {
  ServiceInfo info = describe();
  info.timers = get_timer_stats().timers;
  info.time_zones = timers_.time_zones();
  const auto current = link();
  const LinkStatus status = current ? current->status() : LinkStatus{};
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

}  // namespace cliffracer::detail
