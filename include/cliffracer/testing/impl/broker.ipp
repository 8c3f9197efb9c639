#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/link/request_text.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/detail/broker_core.hpp>
#include <cliffracer/testing/detail/broker_hub.hpp>
#include <cliffracer/testing/detail/broker_message.hpp>
#include <cliffracer/testing/detail/virtual_time_core.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The messages in the journal for which `is_wanted` holds, as tests see them.
template <class Predicate>
std::vector<testing::BrokerEvent> events_if(const BrokerHub& hub, const Predicate& is_wanted) {
  std::vector<testing::BrokerEvent> found;
  for (const auto& [at, client, message] : hub.journal()) {
    if (!is_wanted(*message)) continue;
    const MessageHeaders& headers = message->headers;
    found.push_back({.at = testing::VirtualTime::since_start(at),
                     .service = client.service,
                     .subject = message->subject,
                     .payload = json_of(*message),
                     .correlation_id = headers.correlation_id,
                     .traceparent = headers.trace.is_valid() ? traceparent_of(headers.trace) : "",
                     .service_error = headers.service_error,
                     .service_error_code = headers.service_error_code,
                     .replica = client.site > 0 ? std::optional{client.site - 1} : std::nullopt});
  }
  return found;
}

inline void require_probability(double probability) {
  if (!(probability >= 0 && probability <= 1)) throw std::invalid_argument{"Broker: a probability is 0 to 1"};
}

CLIFFRACER_DECL BrokerCore& BrokerCore::of(testing::Broker& broker) noexcept { return *broker.core_; }

}  // namespace cliffracer::detail

namespace cliffracer::testing {

CLIFFRACER_DECL Broker::Broker(VirtualTime& time, const Options& options)
    : core_{std::make_unique<detail::BrokerCore>(
          detail::VirtualTimeCore::of(time),
          std::make_shared<detail::BrokerHub>(time.context(), detail::VirtualTimeCore::of(time).queue(),
                                              options.seed.value_or(detail::VirtualTimeCore::of(time).seed()),
                                              options.max_payload, options.keep_events, options.servers))} {}

CLIFFRACER_DECL Broker::~Broker() = default;

// ---- What was published

CLIFFRACER_DECL std::vector<BrokerEvent> Broker::events() const {
  return detail::events_if(core_->hub(), [](const detail::BrokerMessage& message) {
    return message.reply_to.empty() && !message.subject.starts_with("_INBOX.");
  });
}

CLIFFRACER_DECL std::vector<BrokerEvent> Broker::events(std::string_view pattern) const {
  detail::require_subscription_subject(pattern);
  return detail::events_if(core_->hub(), [&](const detail::BrokerMessage& message) {
    return detail::subject_matches(pattern, message.subject);
  });
}

CLIFFRACER_DECL std::vector<StoredEvent> Broker::stored(std::string_view pattern) const {
  detail::require_subscription_subject(pattern);
  std::vector<StoredEvent> found;
  for (const auto& [sequence, at, wall_time, message] : core_->hub().store().messages()) {
    if (detail::subject_matches(pattern, message->subject))
      found.push_back({message->subject, message->payload, sequence});
  }
  return found;
}

CLIFFRACER_DECL void Broker::clear_events() noexcept { core_->hub().clear_journal(); }

CLIFFRACER_DECL std::uint64_t Broker::delivered() const noexcept { return core_->hub().deliveries().arrived; }

CLIFFRACER_DECL std::uint64_t Broker::lost() const noexcept { return core_->hub().deliveries().lost; }

// ---- The test as another program

CLIFFRACER_DECL void Broker::publish(std::string subject, const nlohmann::json& payload,
                                     std::string correlation_id, std::string_view traceparent) {
  publish_text(std::move(subject), detail::to_text(payload), std::move(correlation_id), traceparent);
}

CLIFFRACER_DECL void Broker::publish_text(std::string subject, std::string payload,
                                          std::string correlation_id, std::string_view traceparent) {
  detail::BrokerMessage message;
  message.subject = std::move(subject);
  message.payload = std::move(payload);
  message.headers.correlation_id = std::move(correlation_id);
  message.headers.trace = detail::parse_traceparent(traceparent).value_or(detail::Trace{});
  core_->client()->publish(std::move(message));
}

CLIFFRACER_DECL asio::awaitable<nlohmann::json> Broker::call_rpc(std::string service, std::string method,
                                                                 nlohmann::json arguments,
                                                                 std::chrono::nanoseconds timeout) {
  const auto client = core_->client();
  std::string subject = detail::method_subject("call_rpc", service, "rpc", method);
  std::string payload = detail::object_text("call_rpc", arguments);
  auto request = client->request(std::move(subject), std::move(payload), timeout);
  nlohmann::json reply = co_await asio::co_spawn(client->strand(), std::move(request), asio::use_awaitable);
  co_return detail::result_of(std::move(reply), service, method);
}

CLIFFRACER_DECL asio::awaitable<nlohmann::json> Broker::request(std::string subject, nlohmann::json object,
                                                                std::chrono::nanoseconds timeout) {
  const auto client = core_->client();
  std::string payload = detail::object_text("request", object);
  auto request = client->request(std::move(subject), std::move(payload), timeout);
  nlohmann::json reply = co_await asio::co_spawn(client->strand(), std::move(request), asio::use_awaitable);
  co_return reply;
}

// ---- Faults

CLIFFRACER_DECL void Broker::set_latency(std::chrono::nanoseconds latency) { set_latency(latency, latency); }

CLIFFRACER_DECL void Broker::set_latency(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
  if (least.count() < 0 || least > most)
    throw std::invalid_argument{"Broker: 0 <= least latency <= most latency"};
  core_->hub().set_latency(least, most);
}

CLIFFRACER_DECL void Broker::set_loss(double probability) {
  detail::require_probability(probability);
  core_->hub().set_loss(probability);
}

CLIFFRACER_DECL void Broker::set_store(const StoreFaults& faults) {
  for (const auto& delay : {faults.request_delay, faults.answer_delay}) {
    if (delay.least.count() < 0 || delay.least > delay.most)
      throw std::invalid_argument{"Broker: 0 <= least delay <= most delay"};
  }
  for (const double probability : {faults.lost_requests, faults.lost_answers, faults.forgotten_writes})
    detail::require_probability(probability);
  core_->hub().store().set_faults(faults);
}

CLIFFRACER_DECL void Broker::forget(std::size_t newest) { core_->hub().store().forget(newest); }

CLIFFRACER_DECL void Broker::stop() { core_->hub().stop(); }

CLIFFRACER_DECL void Broker::start() noexcept { core_->hub().start(); }

CLIFFRACER_DECL void Broker::cut_off(std::string_view service) { core_->hub().cut_off(std::string{service}); }

CLIFFRACER_DECL void Broker::reconnect(std::string_view service) { core_->hub().heal(std::string{service}); }

CLIFFRACER_DECL void Broker::reconnect_all() { core_->hub().heal_all(); }

}  // namespace cliffracer::testing
