#pragma once

#include <cliffracer/detail/link/pending_requests.hpp>
#include <cliffracer/detail/link/received_text.hpp>
#include <cliffracer/detail/link/request_text.hpp>
#include <cliffracer/detail/message/correlation_id.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/error.hpp>
#include <cliffracer/service_config.hpp>
#include <cliffracer/testing/detail/broker_hub.hpp>

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace cliffracer::detail {

/// The test's own connection to an in-process broker: it is there whenever the broker is. Only on the event
/// loop's thread.
class BrokerTestClient final : public BrokerClient, public std::enable_shared_from_this<BrokerTestClient> {
 public:
  BrokerTestClient(asio::io_context& context, TimerQueue& queue, std::shared_ptr<BrokerHub> hub)
      : strand_{asio::make_strand(context)}, queue_{queue}, hub_{std::move(hub)} {
    hub_->add(*this);
  }
  BrokerTestClient(const BrokerTestClient&) = delete;
  BrokerTestClient& operator=(const BrokerTestClient&) = delete;
  ~BrokerTestClient() override { hub_->remove(*this); }

  [[nodiscard]] const Strand& strand() const noexcept { return strand_; }

  /// Throws std::invalid_argument for an impossible subject, std::system_error: message_size above
  /// max_payload, not_connected while the broker is stopped.
  void publish(BrokerMessage message) {
    require_publish_subject(message.subject);
    message.headers.correlation_id = header_text(message.headers.correlation_id);
    if (message.size() > hub_->max_payload)
      throw std::system_error{std::make_error_code(std::errc::message_size), message.subject};
    if (!hub_->is_running())
      throw std::system_error{std::make_error_code(std::errc::not_connected), "the broker is stopped"};
    if (!connection_) connect();
    hub_->publish(std::make_shared<const BrokerMessage>(std::move(message)), *connection_);
  }

  /// What is answered to a request, as JSON. On strand(). Throws as Link::request().
  [[nodiscard]] asio::awaitable<nlohmann::json> request(std::string subject, std::string payload,
                                                        std::chrono::nanoseconds timeout) {
    const auto self = shared_from_this();
    PendingRequests::Waiter waiter{pending_, queue_, strand_};
    BrokerMessage message;
    message.subject = subject;
    message.payload = std::move(payload);
    message.reply_to = std::string{inbox_prefix} + "." + std::to_string(waiter.id());
    message.headers.correlation_id = make_correlation_id();
    publish(std::move(message));

    // Nobody serves it: that is said at once.
    if (!waiter.reply()) co_await waiter.wait_until(later(queue_.now(), timeout));
    if (!waiter.reply()) {
      throw std::system_error{asio::error::make_error_code(asio::error::timed_out),
                              subject + ": no reply within " + seconds_text(timeout)};
    }
    if (waiter.reply()->no_responders) throw rpc_error(RpcError::Reason::no_responders, subject, {});
    Inbound reply = std::move(waiter.reply()->inbound);
    if (!reply.payload_error.empty())
      throw rpc_error(RpcError::Reason::bad_reply, subject, std::move(reply.payload_error));
    co_return std::move(reply.payload);
  }

  // BrokerClient

  [[nodiscard]] const BrokerClientName& client() const override { return client_; }
  void hang(bool /*is_hung*/) override {}
  void disconnect(std::string_view /*why*/) override { connection_.reset(); }

 private:
  static constexpr std::string_view inbox_prefix = "_INBOX.test";

  void connect() {
    connection_ = hub_->connect(
        client_, hub_->schedule, [this](const BrokerMessage& message, std::uint64_t subscription) {
          pending_.resolve(to_inbox_message(text_of(message), subscription, inbox_prefix, config_));
        });
    connection_->subscribe({.id = 0, .subject = std::string{inbox_prefix} + ".*", .queue_group = {}});
  }

  const Strand strand_;
  TimerQueue& queue_;
  const std::shared_ptr<BrokerHub> hub_;
  const BrokerClientName client_{};
  const ServiceConfig config_{};  // the bounds of what it takes
  PendingRequests pending_;
  std::shared_ptr<BrokerConnection> connection_;
};

}  // namespace cliffracer::detail
