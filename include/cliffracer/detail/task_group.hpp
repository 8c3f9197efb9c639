#pragma once

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/suspended.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The coroutines of a service that run at this moment, by name. Only on the service's strand; must outlive
/// its coroutines.
class TaskGroup {
 public:
  /// `on_escape` is told of what a coroutine threw: nothing escapes in silence.
  using EscapeHandler = std::function<void(const std::string& name, std::exception_ptr)>;

  TaskGroup(const Strand& strand, TimerQueue& queue, EscapeHandler on_escape)
      : executor_{strand}, queue_{queue}, on_escape_{std::move(on_escape)}, last_ended_{queue, strand} {}

  /// Starts `task` on the strand.
  void spawn(std::string name, asio::awaitable<void> task) {
    spawn(std::move(name), executor_, std::move(task));
  }

  /// Starts `task` on `executor`, which must be the strand or wrap it.
  void spawn(std::string name, const asio::any_io_executor& executor, asio::awaitable<void> task) {
    const auto self = tasks_.emplace(tasks_.end(), std::move(name));
    asio::co_spawn(
        executor, std::move(task),
        asio::bind_cancellation_slot(self->cancel.slot(), [this, self](std::exception_ptr escaped) {
          if (escaped) on_escape_(self->name, std::move(escaped));
          // Asio may touch the signal until this handler has returned.
          asio::post(executor_, [this, self] { forget(self); });
        }));
  }

  [[nodiscard]] bool empty() const noexcept { return tasks_.empty(); }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& task : tasks_) names.push_back(task.name);
    return names;
  }

  /// Asks each coroutine to end: its current operation fails with operation_aborted.
  void cancel() {
    for (auto task = tasks_.begin(); task != tasks_.end();) {
      // The coroutine may end inside emit().
      const auto current = task++;
      current->cancel.emit(asio::cancellation_type::terminal);
    }
  }

  /// Waits until no coroutine is left, at most for `timeout`. True: none is left. One waiter at a time.
  asio::awaitable<bool> wait_empty(std::chrono::nanoseconds timeout) {
    const TimePoint deadline = later(queue_.now(), timeout);
    while (!tasks_.empty() && queue_.now() < deadline) co_await last_ended_.wait_until(deadline);
    co_return tasks_.empty();
  }

 private:
  struct Task {
    explicit Task(std::string task_name) : name{std::move(task_name)} {}
    std::string name;
    asio::cancellation_signal cancel;
  };

  void forget(std::list<Task>::iterator task) {
    tasks_.erase(task);
    if (tasks_.empty()) last_ended_.ring();
  }

  asio::any_io_executor executor_;
  TimerQueue& queue_;
  EscapeHandler on_escape_;
  std::list<Task> tasks_;
  Alarm last_ended_;
};

}  // namespace cliffracer::detail
