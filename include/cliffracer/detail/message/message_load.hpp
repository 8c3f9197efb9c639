#pragma once

#include <cliffracer/detail/text/service_log.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace cliffracer::detail {

/// How many messages of a service wait for their handler or are handled, and whether one more may. A flood of
/// messages is told in two lines of the log, not in a flood of lines.
class MessageLoad {
 public:
  MessageLoad(std::size_t most, ServiceLog log) : most_{most}, log_{std::move(log)} {}

  // Only on the service's strand.

  [[nodiscard]] bool is_full() const noexcept { return messages_ >= most_; }
  void begin() noexcept { ++messages_; }

  void end(std::size_t count = 1) {
    messages_ -= count;
    if (refused_ == 0 || messages_ > most_ / 2) return;
    log_.warn("refused messages since there were too many: {}; now they are taken again",
              std::exchange(refused_, 0));
  }

  /// A message was not taken because of is_full().
  void refuse() {
    total_refused_.fetch_add(1, std::memory_order_relaxed);
    if (refused_++ > 0) return;
    log_.warn("{} messages wait or are handled: more are refused", messages_);
  }

  // Any thread.

  [[nodiscard]] std::uint64_t total_refused() const noexcept {
    return total_refused_.load(std::memory_order_relaxed);
  }

 private:
  std::size_t most_;
  const ServiceLog log_;
  std::size_t messages_ = 0;
  std::size_t refused_ = 0;  // since there are too many
  std::atomic<std::uint64_t> total_refused_{0};
};

}  // namespace cliffracer::detail
