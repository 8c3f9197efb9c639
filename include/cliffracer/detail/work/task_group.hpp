#pragma once

#include <cliffracer/detail/coroutine/suspended.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// What of a service runs at this moment, by name: coroutines, and guests. Only on the service's strand; must
/// outlive both.
class TaskGroup {
 public:
  /// Something that runs and is no coroutine.
  class Guest {
   public:
    /// The names of what it still runs.
    virtual void add_names(std::vector<std::string>& names) const = 0;

   protected:
    ~Guest() = default;
  };

  /// A coroutine of the group.
  class Task {
   public:
    explicit Task(std::string task_name) : name_{std::move(task_name)} {}

    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }

   private:
    friend class TaskGroup;
    std::string name_;
    asio::cancellation_signal cancel_;
    std::list<std::shared_ptr<Task>>::iterator place_;
    bool has_ended_ = false;  // or the group
  };

  /// `on_escape` is told of what a coroutine threw: nothing escapes in silence.
  using EscapeHandler = std::function<void(const std::string& name, std::exception_ptr)>;

  TaskGroup(const Strand& strand, TimerQueue& queue, EscapeHandler on_escape)
      : strand_{strand},
        executor_{strand},
        queue_{queue},
        on_escape_{std::move(on_escape)},
        last_ended_{queue, strand} {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() {
    // Of tasks that never end the io_context destroys the frames.
    for (const auto& task : tasks_) task->has_ended_ = true;
  }

  /// The group is not empty until the guest leaves. One guest at a time.
  void enter(const Guest& guest) noexcept { guest_ = &guest; }
  void leave() noexcept {
    guest_ = nullptr;
    if (empty()) last_ended_.ring();
  }

  /// Starts `task` on the strand. One without name is not told of.
  std::shared_ptr<Task> spawn(std::string name, asio::awaitable<void> task) {
    return spawn(std::move(name), executor_, std::move(task));
  }

  /// Starts `task` on `executor`, which must be the strand or wrap it.
  std::shared_ptr<Task> spawn(std::string name, const asio::any_io_executor& executor,
                              asio::awaitable<void> task) {
    auto self = std::make_shared<Task>(std::move(name));
    auto whole = run(self, std::move(task));
    tasks_.push_back(self);
    self->place_ = std::prev(tasks_.end());
    try {
      // Asio may touch the signal as long as the handler is there.
      asio::co_spawn(
          executor, std::move(whole),
          asio::bind_cancellation_slot(self->cancel_.slot(), [self](const std::exception_ptr&) {}));
    } catch (...) {
      // No memory. The task may have run to its end by now, and only Asio could not say so.
      if (self->has_ended_) return self;
      end(*self);
      throw;
    }
    return self;
  }

  [[nodiscard]] bool empty() const noexcept { return tasks_.empty() && !guest_; }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& task : tasks_) {
      if (!task->name_.empty()) names.push_back(task->name_);
    }
    if (guest_) guest_->add_names(names);
    return names;
  }

  /// Asks each coroutine to end: its current operation fails with operation_aborted.
  void cancel() {
    // Coroutines may end inside emit().
    const std::vector<std::shared_ptr<Task>> present{tasks_.begin(), tasks_.end()};
    for (const auto& task : present) cancel(*task);
  }

  /// Asks one of them.
  static void cancel(Task& task) {
    if (!task.has_ended_) task.cancel_.emit(asio::cancellation_type::terminal);
  }

  /// Waits until the group is empty, or end_wait(), at most for `timeout`. True: it is empty. One waiter at a
  /// time.
  asio::awaitable<bool> wait_empty(std::chrono::nanoseconds timeout) {
    const TimePoint deadline = later(queue_.now(), timeout);
    for (is_wait_over_ = false; !empty() && !is_wait_over_ && queue_.now() < deadline;)
      co_await last_ended_.wait_until(deadline);
    co_return empty();
  }
  void end_wait() noexcept {
    is_wait_over_ = true;
    last_ended_.ring();
  }

 private:
  /// Lies in a task's frame, to see that the frame is not destroyed before the end of the task.
  class EndGuard {
   public:
    EndGuard(TaskGroup& group, const Task& task) noexcept : group_{group}, task_{task} {}
    EndGuard(const EndGuard&) = delete;
    EndGuard& operator=(const EndGuard&) = delete;
    ~EndGuard() {
      // When the io_context ends it destroys what it still has, and nothing runs on the strand.
      if (!task_.has_ended_ && group_.strand_.running_in_this_thread()) group_.lost(task_);
    }

   private:
    TaskGroup& group_;
    const Task& task_;
  };

  /// Asio destroys a coroutine when it finds no memory to resume it where it belongs. Whoever waits for its
  /// end would wait for ever.
  [[noreturn]] void lost(const Task& task) noexcept {
    tell(task.name_.empty() ? "a coroutine" : task.name_,
         std::make_exception_ptr(std::runtime_error{
             "there was no memory to go on, or what it awaited was destroyed: the process ends"}));
    std::terminate();
  }

  /// The end is recorded here and not in co_spawn's handler, which Asio may have no memory to call.
  asio::awaitable<void> run(std::shared_ptr<Task> self, asio::awaitable<void> task) {
    const EndGuard guard{*this, *self};
    std::exception_ptr escaped;
    try {
      co_await std::move(task);
    } catch (...) {
      escaped = std::current_exception();
    }
    if (escaped) tell(self->name_, std::move(escaped));
    end(*self);
  }

  void tell(const std::string& name, std::exception_ptr escaped) noexcept {
    try {
      on_escape_(name, std::move(escaped));
    } catch (...) {  // NOLINT(bugprone-empty-catch): no memory for a log line
    }
  }

  void end(Task& task) noexcept {
    task.has_ended_ = true;
    tasks_.erase(task.place_);
    if (empty()) last_ended_.ring();
  }

  Strand strand_;
  asio::any_io_executor executor_;
  TimerQueue& queue_;
  EscapeHandler on_escape_;
  std::list<std::shared_ptr<Task>> tasks_;
  const Guest* guest_ = nullptr;
  bool is_wait_over_ = false;
  Alarm last_ended_;
};

}  // namespace cliffracer::detail
