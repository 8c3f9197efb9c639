#pragma once

#include <cliffracer/detail/time/handler_memory.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>

#include <asio/basic_waitable_timer.hpp>
#include <asio/error_code.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

namespace cliffracer::detail {

/// The time of an io_context in production: the steady clock, and the kernel's timer behind the queue.
class SteadyTime final : private TimeSource {
 public:
  explicit SteadyTime(asio::io_context& context) : context_{context}, timer_{std::in_place, context_} {}

  [[nodiscard]] TimerQueue& queue() noexcept { return queue_; }

  /// The io_context ends: what sleeps on it is destroyed. The queue stays, for whom the io_context destroys
  /// next.
  void shut_down() noexcept {
    queue_.destroy_sleepers();
    timer_.reset();
  }

 private:
  // With the io_context's own executor instead of a type-erased one.
  using Timer =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                 asio::io_context::executor_type>;

  struct Fire {
    using allocator_type = HandlerAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.fire_memory_}; }
    void operator()() const {
      self.is_fire_posted_ = false;
      self.queue_.fire();
    }

    SteadyTime& self;
  };

  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }

  void wake_at(TimePoint due) override {
    if (due == never) {
      timer_->cancel();
    } else if (due <= now()) {
      // The kernel's timer would cost ten times as much; other handlers get their turn all the same.
      if (!is_fire_posted_.exchange(true)) asio::post(context_, Fire{*this});
    } else {
      // The wait that this replaces ends with an error; one that has expired already causes a harmless extra
      // round.
      timer_->expires_at(due);
      timer_->async_wait([this](const asio::error_code& error) {
        if (!error) queue_.fire();
      });
    }
  }

  asio::io_context& context_;
  std::optional<Timer> timer_;
  std::atomic<bool> is_fire_posted_{false};
  HandlerMemory fire_memory_;
  TimerQueue queue_{*this};
};

}  // namespace cliffracer::detail
