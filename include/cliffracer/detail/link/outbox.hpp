#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/time/time_point.hpp>

namespace cliffracer::detail {

struct OutboxMessage {
  std::string subject{};
  std::string payload{};
  std::string reply_to{};
  MessageHeaders headers{};
  TimePoint deadline = TimePoint::max();           ///< From here on nobody waits for it.
  std::shared_ptr<std::atomic<bool>> abandoned{};  ///< When set and true nobody waits for it either.

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(OutboxMessage) + subject.size() + payload.size() + reply_to.size() + headers.text_bytes();
  }
  [[nodiscard]] bool expired(TimePoint now) const noexcept {
    return now >= deadline || (abandoned && abandoned->load(std::memory_order_relaxed));
  }
};

/// What waits to be sent, in order, bounded in messages and bytes. What was taken stays within the bounds
/// until it is settled, so that it can always be put back. No clock, no lock: the caller has both.
class Outbox {
 public:
  Outbox(std::size_t max_messages, std::size_t max_bytes)
      : max_messages_{max_messages}, max_bytes_{max_bytes} {}

  /// The broker takes no longer payloads, headers included; 0 or less: not known.
  void set_max_payload(std::int64_t bytes) noexcept {
    max_payload_ = bytes <= 0 ? 0 : static_cast<std::size_t>(bytes);
  }

  /// A trace for which there is no room is left out. Throws std::system_error: std::errc::no_buffer_space
  /// when a bound is reached, std::errc::message_size above the broker's limit.
  void push(OutboxMessage message) {
    make_fit(message);
    const std::size_t headers = wire_bytes(message.headers);
    if (max_payload_ > 0 && message.payload.size() + headers > max_payload_)
      throw std::system_error{std::make_error_code(std::errc::message_size),
                              "a payload of " + std::to_string(message.payload.size()) + " bytes with " +
                                  std::to_string(headers) +
                                  " bytes of headers exceeds the broker's limit of " +
                                  std::to_string(max_payload_)};
    const std::size_t bytes = message.bytes();
    if (messages() >= max_messages_)
      refuse("the outbox is full: " + std::to_string(messages()) + " messages wait for the broker");
    if (bytes > max_bytes_ - std::min(max_bytes_, this->bytes()))
      refuse("the outbox is full: " + std::to_string(this->bytes()) + " bytes wait for the broker");
    waiting_.push_back(std::move(message));
    waiting_bytes_ += bytes;
  }

  /// The oldest messages, at most `max_messages` and about `max_bytes` of them but at least one; without
  /// those that nobody waits for any more. settle() or put_back() must follow.
  [[nodiscard]] std::vector<OutboxMessage> take(std::size_t max_messages, std::size_t max_bytes,
                                                TimePoint now) {
    std::vector<OutboxMessage> batch;
    std::size_t bytes = 0;
    while (!waiting_.empty() && batch.size() < max_messages && (batch.empty() || bytes < max_bytes)) {
      OutboxMessage message = std::move(waiting_.front());
      waiting_.pop_front();
      const std::size_t size = message.bytes();
      waiting_bytes_ -= size;
      if (message.expired(now)) {
        ++expired_;
        continue;
      }
      make_fit(message);
      bytes += size;
      batch.push_back(std::move(message));
    }
    taken_messages_ += batch.size();
    taken_bytes_ += bytes;
    return batch;
  }

  /// What was taken has left.
  void settle() noexcept {
    taken_messages_ = 0;
    taken_bytes_ = 0;
  }

  /// What was taken has left but for `rest`, which comes before everything that waits, in its order.
  void put_back(std::vector<OutboxMessage> rest) {
    settle();
    for (auto message = rest.rbegin(); message != rest.rend(); ++message) {
      waiting_bytes_ += message->bytes();
      waiting_.push_front(std::move(*message));
    }
  }

  /// Forgets everything that waits and says how many of it somebody still waited for.
  std::size_t discard(TimePoint now) {
    std::size_t lost = 0;
    for (const OutboxMessage& message : waiting_) ++(message.expired(now) ? expired_ : lost);
    waiting_.clear();
    waiting_bytes_ = 0;
    return lost;
  }

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  /// Waiting and taken.
  [[nodiscard]] std::size_t messages() const noexcept { return waiting_.size() + taken_messages_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return waiting_bytes_ + taken_bytes_; }
  /// Messages dropped so far because nobody waited for them any more.
  [[nodiscard]] std::uint64_t expired() const noexcept { return expired_; }

 private:
  /// Whatever the broker takes without a trace can be sent. In a message pushed before the limit was known it
  /// is left out when that is taken.
  void make_fit(OutboxMessage& message) const {
    if (max_payload_ > 0 && message.headers.trace.is_valid() &&
        message.payload.size() + wire_bytes(message.headers) > max_payload_)
      message.headers.trace = {};
  }

  [[noreturn]] static void refuse(const std::string& why) {
    throw std::system_error{std::make_error_code(std::errc::no_buffer_space), why};
  }

  std::size_t max_messages_;
  std::size_t max_bytes_;
  std::size_t max_payload_ = 0;
  std::deque<OutboxMessage> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t taken_messages_ = 0;
  std::size_t taken_bytes_ = 0;
  std::uint64_t expired_ = 0;
};

}  // namespace cliffracer::detail
