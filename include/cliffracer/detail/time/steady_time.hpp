#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
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

/// The time of an io_context in production: the steady clock, and the kernel's timer behind the queue. Must
/// outlive the handlers of the io_context.
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
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.fire_memory_}; }
    void operator()() const {
      self.is_fire_posted_ = false;
      self.queue_.fire(TimerQueue::most_at_once);
    }

    SteadyTime& self;
  };

  struct Expired {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.wait_memory_}; }
    void operator()(const asio::error_code& error) const {
      if (!error) self.queue_.fire(TimerQueue::most_at_once);
    }

    SteadyTime& self;
  };

  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }

  void wake_at(TimePoint due) override {
    if (due == never) {
      timer_->cancel();
      timer_due_ = never;
    } else if (due <= now()) {
      // The kernel's timer would cost ten times as much; other handlers get their turn all the same.
      if (!is_fire_posted_.exchange(true)) post_fire();
    } else if (due != timer_due_) {
      timer_due_ = never;
      // The wait that this replaces ends with an error; one that has expired already causes a harmless extra
      // round.
      timer_->expires_at(due);
      timer_->async_wait(Expired{*this});
      timer_due_ = due;
    }
  }

  void post_fire() {
    try {
      asio::post(context_, Fire{*this});
    } catch (...) {
      is_fire_posted_ = false;
      throw;
    }
  }

  asio::io_context& context_;
  std::optional<Timer> timer_;
  TimePoint timer_due_ = never;  // while that lies ahead, the timer waits for it
  std::atomic<bool> is_fire_posted_{false};
  OperationMemory fire_memory_;
  OperationMemory wait_memory_;
  TimerQueue queue_{*this};
};

}  // namespace cliffracer::detail
