#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/event_loop_port.hpp>
#include <cliffracer/detail/link/link_status.hpp>
#include <cliffracer/detail/link/link_work.hpp>
#include <cliffracer/detail/link/outbox.hpp>
#include <cliffracer/detail/link/subscriptions.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/service_config.hpp>

namespace cliffracer::detail {

/// What the event loop, the link's own thread and nats.c's threads share, and the one lock that guards it. It
/// lives as long as any of them; what belongs to the service (executor, handlers) leaves it in sever().
class LinkCore {
 public:
  static constexpr std::size_t batch_messages = 4096;
  static constexpr std::size_t batch_bytes = 1024 * 1024;

  LinkCore(ServiceConfig settings, std::string reply_prefix)
      : config{std::move(settings)},
        inbox_prefix{std::move(reply_prefix)},
        port_{config.inbox_max_messages, config.inbox_max_bytes},
        outbox_{config.outbox_max_messages, config.outbox_max_bytes} {}

  const ServiceConfig config;
  const std::string inbox_prefix;  ///< Replies come to this, a dot, and the request's id.

  // From the event loop, and from any thread.

  /// `changed` is called after each change that there may be work from, on the thread that made it. Before
  /// open(); for a driver without a thread that waits.
  void on_change(std::function<void()> changed) { on_change_ = std::move(changed); }

  /// `on_inbox` runs on `executor` when messages wait in the inbox, `on_finished` when the link's thread has
  /// ended, which is about to start.
  void open(asio::any_io_executor executor, std::function<void()> on_inbox,
            std::function<void()> on_finished) {
    const std::lock_guard lock{mutex_};
    port_.open(std::move(executor), std::move(on_inbox), std::move(on_finished));
    status_.state = LinkState::connecting;
  }

  /// From here on nothing is posted to the event loop, which may go away, and no handler is left.
  void sever() {
    SubscriptionTable::Handlers handlers;
    const std::lock_guard lock{mutex_};
    handlers = subscriptions_.release_handlers();
    status_.inbox_dropped += port_.close();
  }

  void subscribe(std::string subject, std::string queue_group,
                 std::shared_ptr<const InboundHandler> handler) {
    change([&] { subscriptions_.add(std::move(subject), std::move(queue_group), std::move(handler)); });
  }

  void unsubscribe_all() {
    change([&] { subscriptions_.clear_wanted(); });
  }

  /// Throws std::system_error: not_connected, message_size, no_buffer_space.
  void push(OutboxMessage message) {
    change([&] {
      try {
        push_locked(std::move(message));
      } catch (...) {
        ++status_.publish_errors;
        throw;
      }
    });
  }

  /// The link's thread sends what it can until `deadline` and ends.
  void request_stop(TimePoint deadline) {
    change([&] {
      if (!stopping_ || deadline < stop_deadline_) stop_deadline_ = deadline;
      stopping_ = true;
    });
  }

  [[nodiscard]] InboxWork take_inbound(std::size_t max_messages) {
    const std::lock_guard lock{mutex_};
    InboxWork work;
    std::tie(work.batch, work.more) = port_.take(max_messages);
    work.dropped = std::exchange(newly_dropped_, 0);
    return work;
  }

  /// Empty after sever().
  [[nodiscard]] std::shared_ptr<const InboundHandler> handler(std::uint64_t subscription) const {
    const std::lock_guard lock{mutex_};
    return subscriptions_.handler(subscription);
  }

  [[nodiscard]] LinkStatus status() const {
    const std::lock_guard lock{mutex_};
    LinkStatus out = status_;
    out.outbox_messages = outbox_.messages();
    out.outbox_bytes = outbox_.bytes();
    out.expired = outbox_.expired();
    return out;
  }

  /// Waits at most `patience` for the end of the link's thread.
  [[nodiscard]] bool wait_finished(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return wake_.wait_for(lock, patience, [this] { return finished_; });
  }

  // From nats.c's threads.

  void received(InboxMessage message) {
    const std::lock_guard lock{mutex_};
    ++status_.received;
    if (status_.state != LinkState::closed && port_.push(std::move(message))) return;
    ++status_.inbox_dropped;
    ++newly_dropped_;
  }

  /// A message was received that could not even be stored.
  void receive_failed() {
    const std::lock_guard lock{mutex_};
    ++status_.received;
    ++status_.inbox_dropped;
  }

  /// The connection number `generation` has ended.
  void connection_closed(std::uint64_t generation) {
    change([&] {
      if (generation == generation_) lost_ = true;
    });
  }

  /// Something went wrong on a connection that goes on: the link's thread will say so.
  void note_problem(std::string text) {
    change([&] { problem_ = std::move(text); });
  }

  // From the link's thread.

  [[nodiscard]] std::uint64_t begin_connection(LinkState state) {
    const std::lock_guard lock{mutex_};
    lost_ = false;
    subscriptions_.restart();
    if (status_.state != LinkState::closed) status_.state = state;
    return ++generation_;
  }

  void connected(std::string server, std::int64_t max_payload) {
    const std::lock_guard lock{mutex_};
    if (status_.state != LinkState::closed) status_.state = LinkState::connected;
    status_.server = std::move(server);
    outbox_.set_max_payload(max_payload);
    status_.max_payload = max_payload;
    if (status_.connects++ > 0) ++status_.reconnects;
  }

  /// A connection could not be made, or has ended: `why`.
  void disconnected(LinkState state, std::string why) {
    const std::lock_guard lock{mutex_};
    if (status_.state != LinkState::closed) status_.state = state;
    status_.server.clear();
    status_.last_error = std::move(why);
  }

  /// False when close() was called before `until`.
  [[nodiscard]] bool wait_until(TimePoint until) {
    std::unique_lock lock{mutex_};
    if (until == TimePoint::min()) return !stopping_;
    if (until == TimePoint::max())
      wake_.wait(lock, [this] { return stopping_; });
    else
      wake_.wait_until(lock, until, [this] { return stopping_; });
    return !stopping_;
  }

  /// Waits until there is something to do.
  void wait_for_work() {
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [this] {
      return stopping_ || lost_ || subscriptions_.changed() || !outbox_.empty() || !problem_.empty();
    });
  }

  /// What there is to do. With `busy` nothing is taken from the outbox.
  [[nodiscard]] LinkWork take_work(bool busy, TimePoint now) {
    const std::lock_guard lock{mutex_};
    LinkWork work;
    work.stopping = stopping_;
    work.deadline = stop_deadline_;
    work.lost = lost_;
    work.unsubscribe = subscriptions_.take_unsubscribe();
    work.subscriptions = subscriptions_.take_new();
    if (!busy && !lost_) work.batch = outbox_.take(batch_messages, batch_bytes, now);
    return work;
  }

  [[nodiscard]] std::string take_problem() {
    const std::lock_guard lock{mutex_};
    return std::exchange(problem_, {});
  }

  [[nodiscard]] bool stop_is_overdue(TimePoint now) const {
    const std::lock_guard lock{mutex_};
    return stopping_ && now >= stop_deadline_;
  }

  /// Of the batch `sent` were published and `lost` given up; `rest` is for the next connection.
  void settle(std::uint64_t sent, std::uint64_t lost, std::vector<OutboxMessage> rest) {
    const std::lock_guard lock{mutex_};
    outbox_.put_back(std::move(rest));
    status_.published += sent;
    give_up(lost);
  }

  void add_unconfirmed(std::uint64_t count) {
    const std::lock_guard lock{mutex_};
    status_.unconfirmed += count;
  }

  /// Messages that nats.c had received and did not hand over.
  void add_inbox_dropped(std::uint64_t count) {
    const std::lock_guard lock{mutex_};
    status_.received += count;
    status_.inbox_dropped += count;
  }

  /// No connection will be made any more. Returns how many messages of the outbox are lost by that.
  std::uint64_t finish(bool thread_ended, TimePoint now) {
    std::uint64_t lost = 0;
    change([&] {
      status_.state = LinkState::closed;
      status_.server.clear();
      lost = outbox_.discard(now);
      give_up(lost);
      if (thread_ended && !std::exchange(finished_, true)) port_.finished();
    });
    return lost;
  }

 private:
  template <class Action>
  void change(const Action& action) {
    {
      const std::lock_guard lock{mutex_};
      action();
    }
    wake_.notify_all();
    if (on_change_) on_change_();
  }

  void push_locked(OutboxMessage message) {
    if (status_.state == LinkState::idle || status_.state == LinkState::closed || stopping_)
      throw std::system_error{std::make_error_code(std::errc::not_connected),
                              status_.state == LinkState::idle ? "the service is not started"
                                                               : "the connection to NATS is closed"};
    outbox_.push(std::move(message));
  }

  void give_up(std::uint64_t count) {
    status_.lost += count;
    status_.publish_errors += count;
  }

  std::function<void()> on_change_;  // set once, before others know of this object
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  EventLoopPort port_;
  Outbox outbox_;
  SubscriptionTable subscriptions_;
  bool lost_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  TimePoint stop_deadline_ = TimePoint::max();
  std::uint64_t generation_ = 0;
  std::uint64_t newly_dropped_ = 0;
  std::string problem_;
  LinkStatus status_;
};

}  // namespace cliffracer::detail
