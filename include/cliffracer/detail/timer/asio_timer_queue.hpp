#pragma once

#include <cliffracer/detail/timer/timer_queue.hpp>

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <optional>

namespace cliffracer::detail {

/// The TimerQueue of an io_context on the steady clock, made at first use: asio::use_service<AsioTimerQueue>(context).
class AsioTimerQueue final : public asio::execution_context::service, private TimeSource {
 public:
  using key_type = AsioTimerQueue;
  inline static asio::execution_context::id id;

  explicit AsioTimerQueue(asio::execution_context& context)
      : asio::execution_context::service{context}, timer_{std::in_place, static_cast<asio::io_context&>(context)} {}

  [[nodiscard]] TimerQueue& queue() noexcept { return queue_; }

 private:
  void shutdown() override {
    queue_.destroy_sleepers();
    timer_.reset();
  }

  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }

  void wake_at(TimePoint due) override {
    // The wait that this replaces ends with an error; one that has expired already causes a harmless extra round.
    if (due == never) {
      timer_->cancel();
      return;
    }
    timer_->expires_at(due);
    timer_->async_wait([this](const asio::error_code& error) {
      if (!error) queue_.fire();
    });
  }

  std::optional<asio::steady_timer> timer_;
  TimerQueue queue_{*this};
};

}  // namespace cliffracer::detail
