#pragma once

#include <asio/awaitable.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/link_driver.hpp>
#include <cliffracer/detail/link/link_log.hpp>
#include <cliffracer/detail/link/link_status.hpp>
#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/link/pending_requests.hpp>
#include <cliffracer/detail/link/request_text.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/error.hpp>
#include <cliffracer/service_config.hpp>

namespace cliffracer::detail {

/// A service's connection to its broker, which comes and goes without the event loop noticing: nothing here
/// blocks. One link is opened once and closed once. Delivery is at most once.
class Link : public std::enable_shared_from_this<Link> {
  struct Private {};

 public:
  /// `strand` is the service's: handlers run there. It and `queue` must outlive the link.
  /// `make_driver` gives what moves the messages. Makes no connection yet.
  /// Throws std::invalid_argument for a config that check_validity() refuses.
  [[nodiscard]] static std::shared_ptr<Link> create(const Strand& strand, TimerQueue& queue,
                                                    const ServiceConfig& config, ServiceLog log,
                                                    const LinkDriverFactory& make_driver) {
    check_validity(config);
    return std::make_shared<Link>(Private{}, strand, queue, config, std::move(log), make_driver);
  }

  Link(Private /*only create()*/, const Strand& strand, TimerQueue& queue, const ServiceConfig& config,
       ServiceLog log, const LinkDriverFactory& make_driver)
      : strand_{strand},
        queue_{queue},
        log_{std::move(log)},
        core_{std::make_shared<LinkCore>(config, "_INBOX." + unique_token())},
        driver_{make_driver(core_, log_)} {}

  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Blocks up to a second when the link is open: close() first.
  ~Link() {
    core_->sever();
    core_->request_stop(TimePoint::min());
  }

  // Only on the executor.

  /// Begins to connect, in the background. Once only.
  /// Throws std::logic_error the second time, std::system_error when there is no thread to be had.
  void open() {
    if (opened_) throw std::logic_error{"a NATS link is opened once"};
    opened_ = true;
    // Through the io_context: Asio leaves a strand locked for ever when a post to it from another thread runs
    // out of memory half-way. Here that can be survived.
    core_->open(strand_.get_inner_executor(), on_strand(&Link::drain), on_strand(&Link::driver_ended));
    driver_->start();
  }

  /// Sends a request and waits for the reply's JSON. `timeout` is > 0; the request is not sent any more after
  /// it. Throws RpcError: nobody serves the subject, the reply is malformed or exceeds a limit, or it is an
  /// error by its header alone. Throws std::system_error: asio::error::timed_out;
  /// asio::error::operation_aborted when cancelled or when the link closes; what publish() throws.
  /// Cancellation: terminal.
  [[nodiscard]] asio::awaitable<nlohmann::json> request(std::string subject, std::string payload,
                                                        MessageHeaders headers,
                                                        std::chrono::nanoseconds timeout) {
    const auto self = shared_from_this();
    const TimePoint deadline = later(queue_.now(), timeout);
    PendingRequests::Waiter waiter{pending_, queue_, strand_};
    OutboxMessage message;
    message.subject = subject;
    message.payload = std::move(payload);
    message.reply_to = core_->inbox_prefix + "." + std::to_string(waiter.id());
    message.headers = std::move(headers);
    message.deadline = deadline;
    message.abandoned = waiter.abandoned();
    push(std::move(message));

    co_await waiter.wait_until(deadline);
    if (!waiter.reply()) {
      const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
      if (waiter.closed() || state.cancelled() != asio::cancellation_type::none)
        throw std::system_error{asio::error::make_error_code(asio::error::operation_aborted), subject};
      throw std::system_error{asio::error::make_error_code(asio::error::timed_out),
                              subject + ": no reply within " + seconds_text(timeout)};
    }
    if (waiter.reply()->no_responders) throw rpc_error(RpcError::Reason::no_responders, subject, {});
    Inbound reply = std::move(waiter.reply()->inbound);
    if (const std::string& error = reply.headers.service_error; !error.empty() && !is_error(reply.payload))
      throw rpc_error(RpcError::Reason::remote, subject, error);
    if (!reply.payload_error.empty())
      throw rpc_error(RpcError::Reason::bad_reply, subject, std::move(reply.payload_error));
    co_return std::move(reply.payload);
  }

  /// Sends what the outbox holds if there is a connection, for at most `grace` (>= 0), ends requests that
  /// still wait with asio::error::operation_aborted, and closes. Returns within `grace` and little more
  /// whatever the broker does: a thread that hangs in nats.c is left behind then, with a warning, and ends
  /// when its attempt does (`connect_timeout` per server). A handler is not called any more afterwards.
  /// Calling it again waits for the same end. Cancellation: terminal; it closes at once.
  [[nodiscard]] asio::awaitable<void> close(std::chrono::nanoseconds grace) {
    constexpr std::chrono::milliseconds little{250};
    const auto self = shared_from_this();
    pending_.close();
    const TimePoint deadline = later(queue_.now(), grace);
    core_->request_stop(deadline);
    if (!opened_) {
      opened_ = true;
      core_->sever();
      static_cast<void>(core_->finish(true, queue_.now()));
      co_return;
    }

    if (!ended_) {
      Alarm end{queue_, strand_};
      waiting_for_end_.push_back(&end);
      co_await end.wait_until(later(deadline, little));
      std::erase(waiting_for_end_, &end);
    }
    let_go();
    warn_of_dropped(drops_.rest());
    core_->sever();
  }

  // Any thread.

  /// Calls `handler` on the executor for each message to `subject`, now or as soon as there is a connection,
  /// and again after each reconnection. `queue_group` may be empty. What `handler` throws is logged. Throws
  /// std::invalid_argument for an impossible subject or group.
  void subscribe(std::string subject, std::string queue_group, InboundHandler handler) {
    require_subscription_subject(subject);
    if (!queue_group.empty()) require_publish_subject(queue_group);
    auto shared = std::make_shared<const InboundHandler>(std::move(handler));
    core_->subscribe(std::move(subject), std::move(queue_group), std::move(shared));
  }

  /// Tells the broker that no more messages are wanted but replies. What has arrived before is still handed
  /// over.
  void unsubscribe_all() { core_->unsubscribe_all(); }

  /// Hands a message to the outbox; control characters in a header are left out. Throws std::invalid_argument
  /// for an impossible subject; std::system_error: std::errc::no_buffer_space when the outbox is full,
  /// std::errc::message_size above the broker's limit (once that is known), std::errc::not_connected when the
  /// link is not open.
  void publish(std::string subject, std::string payload, std::string reply_to = {},
               MessageHeaders headers = {}) {
    OutboxMessage message;
    message.subject = std::move(subject);
    message.payload = std::move(payload);
    message.reply_to = std::move(reply_to);
    message.headers = std::move(headers);
    push(std::move(message));
  }

  [[nodiscard]] LinkStatus status() const { return core_->status(); }

 private:
  // More in one go would keep timers waiting.
  static constexpr std::size_t handlers_in_a_row = 64;

  static void on_event_loop(const std::weak_ptr<Link>& weak, void (Link::*action)()) {
    if (const auto self = weak.lock()) (*self.*action)();
  }

  [[nodiscard]] std::function<void()> on_strand(void (Link::*action)()) {
    return [weak = weak_from_this(), strand = strand_, action] {
      asio::dispatch(strand, [weak, action] { on_event_loop(weak, action); });
    };
  }

  /// A reply that says more than its header.
  [[nodiscard]] static bool is_error(const nlohmann::json& reply) {
    return reply.is_object() && reply.contains("error");
  }

  void push(OutboxMessage message) {
    require_publish_subject(message.subject);
    if (!message.reply_to.empty()) require_publish_subject(message.reply_to);
    if (message.payload.size() > longest_payload)
      throw std::system_error{std::make_error_code(std::errc::message_size), "a payload above 1 GiB"};
    message.headers.correlation_id = header_text(message.headers.correlation_id);
    message.headers.service_error = header_text(message.headers.service_error);
    core_->push(std::move(message));
  }

  // nats.c counts in int.
  static constexpr std::size_t longest_payload = 1024 * 1024 * 1024;

  void drain() {
    InboxWork work = core_->take_inbound(handlers_in_a_row);
    warn_of_dropped(drops_.told_now(work.dropped, queue_.now()));
    if (work.more) asio::post(strand_, [weak = weak_from_this()] { on_event_loop(weak, &Link::drain); });
    for (InboxMessage& message : work.batch) {
      if (message.subscription == 0) {
        pending_.resolve(std::move(message));
        continue;
      }
      const auto handler = core_->handler(message.subscription);
      if (!handler) continue;
      try {
        (*handler)(std::move(message.inbound));
      } catch (const std::exception& error) {
        log_.error("a message handler failed: {}", escaped(text_of(error)));
      } catch (...) {
        log_.error("a message handler failed");
      }
    }
  }

  void warn_of_dropped(std::uint64_t count) {
    if (count == 0) return;
    log_.warn("the inbox is full: dropped {} from NATS, which came faster than handlers ran",
              message_count(count));
  }

  void driver_ended() {
    ended_ = true;
    pending_.close();
    for (Alarm* const waiting : waiting_for_end_) waiting->ring();
  }

  void let_go() {
    if (ended_) return driver_->join();
    if (std::exchange(left_behind_, true)) return;
    const std::uint64_t lost = core_->finish(false, queue_.now());
    log_.warn("NATS does not let go within the time to stop: left behind{}",
              lost == 0 ? "" : ", lost " + message_count(lost));
    driver_->leave_behind();
  }

  Strand strand_;
  TimerQueue& queue_;
  const ServiceLog log_;
  std::shared_ptr<LinkCore> core_;
  PendingRequests pending_;
  DropLog drops_;
  std::vector<Alarm*> waiting_for_end_;
  const std::unique_ptr<LinkDriver> driver_;
  bool opened_ = false;
  bool ended_ = false;
  bool left_behind_ = false;
};

}  // namespace cliffracer::detail
