#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <cliffracer/detail/time/time_point.hpp>

namespace cliffracer::detail {

/// When the next connection may be tried, and whether at all. Two attempts are never closer than `wait`, so
/// that a broker that accepts and hangs up at once is not hammered.
class RetryPolicy {
 public:
  /// `max_attempts` after the first one in a row; -1: without end.
  RetryPolicy(std::chrono::nanoseconds wait, int max_attempts) : wait_{wait}, max_attempts_{max_attempts} {}

  void attempt_started(TimePoint now) {
    last_attempt_ = now;
    if (max_attempts_ >= 0 && left_) --*left_;
  }
  /// From here on a new row of attempts counts, without a free first one.
  void connected() { left_ = max_attempts_; }

  /// The instant of the next attempt, or nothing when they are used up.
  [[nodiscard]] std::optional<TimePoint> next_attempt() {
    if (!last_attempt_) return TimePoint::min();
    if (max_attempts_ >= 0) {
      if (!left_) left_ = max_attempts_;
      if (*left_ <= 0) return std::nullopt;
    }
    return later(*last_attempt_, wait_);
  }

 private:
  std::chrono::nanoseconds wait_;
  int max_attempts_;
  std::optional<int> left_;
  std::optional<TimePoint> last_attempt_;
};

/// Says which of many equal failures deserve a line in the log: the first, each with a new reason, one per
/// minute.
class FailureLog {
 public:
  [[nodiscard]] bool worth_a_line(std::string_view reason, TimePoint now) {
    if (last_line_ && reason == reason_ && now - *last_line_ < std::chrono::minutes{1}) return false;
    reason_ = reason;
    last_line_ = now;
    return true;
  }
  /// The failure is over: the next one is a first one.
  void recovered() { last_line_.reset(); }

 private:
  std::string reason_;
  std::optional<TimePoint> last_line_;
};

}  // namespace cliffracer::detail
