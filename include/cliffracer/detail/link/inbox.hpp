#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/message_headers.hpp>

namespace cliffracer::detail {

/// A message from the broker.
struct Inbound {
  std::string subject{};
  std::string reply{};          ///< Where an answer goes; empty: nobody waits for one.
  MessageHeaders headers{};     ///< As far as they are usable.
  nlohmann::json payload{};     ///< Parsed; an empty payload is an empty object.
  std::string payload_error{};  ///< Not empty: why the payload was refused. Then `payload` is null.
};

/// One message on its way from nats.c's threads to the event loop.
struct InboxMessage {
  Inbound inbound{};
  std::uint64_t subscription = 0;  ///< Whose handler it is for; 0: a reply to `request_id`.
  std::uint64_t request_id = 0;
  bool no_responders = false;  ///< The broker's own answer: nobody serves the subject.
  std::size_t bytes = 0;       ///< Size of the payload as it came.
};

/// What was received and not yet handed to the event loop, bounded in messages and bytes. The event loop is
/// woken once per burst, not per message. No lock: the caller has one.
class Inbox {
 public:
  struct Pushed {
    bool stored;  ///< False: dropped, because a bound is reached.
    bool wake;    ///< The event loop must be told of what happened here; otherwise it has been already.
  };

  Inbox(std::size_t max_messages, std::size_t max_bytes)
      : max_messages_{max_messages}, max_bytes_{max_bytes} {}

  [[nodiscard]] Pushed push(InboxMessage message) {
    // Replies are few, because requests are, and a flood of events must not cost them.
    const std::size_t share = message.subscription != 0 ? 1 : 2;
    if (messages_.size() / share >= max_messages_ || (bytes_ + message.bytes) / share > max_bytes_)
      return {.stored = false, .wake = !std::exchange(told_, true)};
    const std::size_t bytes = message.bytes;
    messages_.push_back(std::move(message));
    bytes_ += bytes;
    return {.stored = true, .wake = !std::exchange(told_, true)};
  }

  /// The event loop could not be told: the next push tries again.
  void wake_failed() noexcept { told_ = false; }

  /// The oldest messages, at most `max_messages`. When some are left the event loop must come back by itself;
  /// otherwise the next push tells it.
  [[nodiscard]] std::vector<InboxMessage> take(std::size_t max_messages) {
    std::vector<InboxMessage> batch;
    while (!messages_.empty() && batch.size() < max_messages) {
      bytes_ -= messages_.front().bytes;
      batch.push_back(std::move(messages_.front()));
      messages_.pop_front();
    }
    told_ = !messages_.empty();
    return batch;
  }

  [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }

  /// Forgets everything and says how many messages that were.
  std::size_t discard() noexcept {
    const std::size_t count = messages_.size();
    messages_.clear();
    bytes_ = 0;
    return count;
  }

 private:
  std::size_t max_messages_;
  std::size_t max_bytes_;
  std::deque<InboxMessage> messages_;
  std::size_t bytes_ = 0;
  bool told_ = false;
};

}  // namespace cliffracer::detail
