#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/testing/detail/broker_message.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

namespace cliffracer::detail {

/// What a stream of JetStream keeps. Limits count when they are > 0.
struct StreamLimits {
  std::int64_t max_messages = -1;
  std::int64_t max_bytes = -1;
  std::int64_t max_messages_per_subject = -1;  ///< Older ones make room.
  std::int64_t max_message_size = -1;
  std::chrono::nanoseconds max_age{0};
  bool discards_new = false;  ///< At a limit of the stream the new message is refused; else the oldest goes.
};

/// Why JetStream does not do what it is asked.
struct StoreError {
  int code;  ///< As those of HTTP.
  int err_code;
  std::string description;
};

struct StoredMessage {
  std::uint64_t sequence;
  TimePoint at;                                ///< Decides when it is too old.
  std::chrono::system_clock::time_point time;  ///< The same on the wall clock.
  SharedMessage message;
};

/// A stream: the messages that it keeps, by sequence numbers that begin with 1. `now` never runs backwards.
class BrokerStream {
 public:
  using Result = std::variant<std::uint64_t, StoreError>;  // the sequence number

  explicit BrokerStream(const StreamLimits& limits) : limits_{limits} {}

  Result store(SharedMessage message, TimePoint now, std::chrono::system_clock::time_point time) {
    expire(now);
    const std::uint64_t last = last_of(message->subject);
    if (const auto expected = message->headers.expected_sequence; expected && *expected != last)
      return StoreError{400, 10071, "wrong last sequence: " + std::to_string(last)};
    if (is_above(message->size(), limits_.max_message_size))
      return StoreError{400, 10054, "message size exceeds maximum allowed"};
    if (limits_.discards_new && !makes_room(message->subject)) {
      if (is_above(messages_.size() + 1, limits_.max_messages))
        return StoreError{503, 10077, "maximum messages exceeded"};
      if (is_above(bytes_ + bytes_of(*message), limits_.max_bytes))
        return StoreError{503, 10077, "maximum bytes exceeded"};
    }
    bytes_ += bytes_of(*message);
    by_subject_[message->subject].insert(++last_sequence_);
    last_time_ = time;
    messages_.emplace_hint(messages_.end(), last_sequence_,
                           StoredMessage{last_sequence_, now, time, std::move(message)});
    keep_limits();
    return last_sequence_;
  }

  /// Null: it keeps none of that number.
  [[nodiscard]] const StoredMessage* find(std::uint64_t sequence, TimePoint now) {
    expire(now);
    const auto found = messages_.find(sequence);
    return found == messages_.end() ? nullptr : &found->second;
  }

  /// The newest on a subject, or on any that a pattern matches. Null: it keeps none.
  [[nodiscard]] const StoredMessage* newest(const std::string& subject, TimePoint now) {
    expire(now);
    if (subject.find_first_of("*>") != std::string::npos) {
      const auto found = std::find_if(messages_.rbegin(), messages_.rend(), [&](const auto& stored) {
        return subject_matches(subject, stored.second.message->subject);
      });
      return found == messages_.rend() ? nullptr : &found->second;
    }
    const std::uint64_t last = last_of(subject);
    return last == 0 ? nullptr : &messages_.at(last);
  }

  /// As after the failure of servers that had not written them yet: the newest are gone, and their numbers
  /// are given again.
  void forget(std::size_t count) {
    for (; count > 0 && !messages_.empty(); --count) {
      last_sequence_ = messages_.rbegin()->first - 1;
      remove(std::prev(messages_.end()));
    }
  }

  /// In the order of their numbers.
  [[nodiscard]] const std::map<std::uint64_t, StoredMessage>& messages(TimePoint now) {
    expire(now);
    return messages_;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t subjects() const noexcept { return by_subject_.size(); }
  /// Given last; 0: none.
  [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_sequence_; }
  /// When that was; empty: never.
  [[nodiscard]] const std::optional<std::chrono::system_clock::time_point>& last_time() const noexcept {
    return last_time_;
  }

 private:
  using Messages = std::map<std::uint64_t, StoredMessage>;

  [[nodiscard]] static bool is_above(std::size_t size, std::int64_t limit) noexcept {
    return limit > 0 && size > static_cast<std::size_t>(limit);
  }

  /// As nats-server counts what is in its files.
  [[nodiscard]] static std::size_t bytes_of(const BrokerMessage& message) {
    constexpr std::size_t frame = 30;
    return frame + message.subject.size() + message.size() + (message.headers.empty() ? 0 : 4);
  }

  [[nodiscard]] std::uint64_t last_of(const std::string& subject) const {
    const auto found = by_subject_.find(subject);
    return found == by_subject_.end() ? 0 : *found->second.rbegin();
  }

  /// Whether a message to that subject takes another one's place.
  [[nodiscard]] bool makes_room(const std::string& subject) const {
    const auto found = by_subject_.find(subject);
    return found != by_subject_.end() && is_above(found->second.size() + 1, limits_.max_messages_per_subject);
  }

  void keep_limits() {
    const auto& of_subject = by_subject_[messages_.rbegin()->second.message->subject];
    if (is_above(of_subject.size(), limits_.max_messages_per_subject))
      remove(messages_.find(*of_subject.begin()));
    while (is_above(messages_.size(), limits_.max_messages) || is_above(bytes_, limits_.max_bytes))
      remove(messages_.begin());
  }

  void expire(TimePoint now) {
    if (limits_.max_age <= std::chrono::nanoseconds::zero()) return;
    while (!messages_.empty() && later(messages_.begin()->second.at, limits_.max_age) <= now)
      remove(messages_.begin());
  }

  void remove(Messages::iterator gone) {
    const std::string& subject = gone->second.message->subject;
    bytes_ -= bytes_of(*gone->second.message);
    const auto of_subject = by_subject_.find(subject);
    of_subject->second.erase(gone->first);
    if (of_subject->second.empty()) by_subject_.erase(of_subject);
    messages_.erase(gone);
  }

  StreamLimits limits_;
  Messages messages_;
  std::unordered_map<std::string, std::set<std::uint64_t>> by_subject_;  // numbers, never an empty set
  std::size_t bytes_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::optional<std::chrono::system_clock::time_point> last_time_;
};

}  // namespace cliffracer::detail
