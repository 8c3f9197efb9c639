#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/inbox.hpp>

namespace cliffracer::detail {

/// Where nats.c's threads leave messages for the event loop, and how they wake it. Once closed nothing is
/// posted any more, and the event loop may go away. No lock: the caller has one.
class EventLoopPort {
 public:
  EventLoopPort(std::size_t max_messages, std::size_t max_bytes) : inbox_{max_messages, max_bytes} {}

  /// `on_inbox` runs on `executor` when messages wait or were dropped, `on_finished` after finished().
  void open(asio::any_io_executor executor, std::function<void()> on_inbox,
            std::function<void()> on_finished) {
    loop_.emplace(Loop{std::move(executor), std::move(on_inbox), std::move(on_finished)});
  }

  /// Returns how many messages nobody will see.
  std::size_t close() {
    loop_.reset();
    return inbox_.discard();
  }

  /// False when the message is dropped: a bound is reached, or the port is not open.
  [[nodiscard]] bool push(InboxMessage message) {
    if (!loop_) return false;
    const Inbox::Pushed pushed = inbox_.push(std::move(message));
    if (pushed.wake && !posted(loop_->on_inbox)) inbox_.wake_failed();
    return pushed.stored;
  }

  /// The oldest messages, and whether some are left, for which the event loop must come back by itself.
  [[nodiscard]] std::pair<std::vector<InboxMessage>, bool> take(std::size_t max_messages) {
    auto batch = inbox_.take(max_messages);
    return {std::move(batch), !inbox_.empty()};
  }

  void finished() {
    if (loop_) static_cast<void>(posted(loop_->on_finished));
  }

 private:
  struct Loop {
    asio::any_io_executor executor;
    std::function<void()> on_inbox;
    std::function<void()> on_finished;
  };

  // False without memory.
  bool posted(const std::function<void()>& action) noexcept {
    try {
      asio::post(loop_->executor, action);
      return true;
    } catch (...) {
      return false;
    }
  }

  std::optional<Loop> loop_;
  Inbox inbox_;
};

}  // namespace cliffracer::detail
