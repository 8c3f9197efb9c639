#pragma once

#include <cliffracer/detail/coroutine/suspended.hpp>
#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/tick_context.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// A coroutine that awaits timer methods, one after the other; what they do, they do in its context.
struct MethodRunner : WorkContext {
  Suspended turn;
  std::shared_ptr<TaskGroup::Task> task;
  TimerEntry* timer = nullptr;  // of the newest run
  bool is_executing = false;
};

/// The coroutines that await the methods of a TimerLoop; as many as runs were suspended at once. Only on the
/// strand.
///
/// One of them drives at a time: it resumes the timers of the loop's batch and awaits the methods of those
/// that run, until a method suspends it.
template <class Loop>
class MethodRunners final : private WorkContext::HoldMeter {
 public:
  /// `time` is null when nobody wants to know how long methods hold the event loop.
  MethodRunners(Loop& loop, const Strand& strand, TaskGroup& tasks, const TimeSource* time)
      : loop_{loop}, strand_{strand}, tasks_{tasks}, time_{time} {}
  MethodRunners(const MethodRunners&) = delete;
  MethodRunners& operator=(const MethodRunners&) = delete;

  ~MethodRunners() {
    // What a method left behind on the runner's executor may go on.
    for (const auto& runner : runners_) runner->measure_no_more();
  }

  [[nodiscard]] bool empty() const noexcept { return runners_.empty(); }
  [[nodiscard]] bool has_idle() const noexcept { return !idle_.empty(); }
  [[nodiscard]] bool is_starting() const noexcept { return is_starting_; }

  /// Makes one more. Loop::runner_started() is called when it can drive: in this call or later. Throws
  /// std::bad_alloc.
  void spawn() {
    idle_.reserve(runners_.size() + 1);
    const auto runner = std::make_shared<MethodRunner>();
    if (time_) runner->measure(*this, *time_);
    const asio::any_io_executor executor = WorkContextExecutor{strand_, runner};
    runners_.push_back(runner);
    // It may come to its wait inside spawn().
    is_starting_ = true;
    try {
      runner->task = tasks_.spawn({}, executor, await_methods(*runner));
    } catch (...) {
      is_starting_ = false;
      runners_.pop_back();
      throw;
    }
  }

  /// An idle one drives. Returns it if a method has suspended it.
  MethodRunner* drive() {
    MethodRunner& runner = *idle_.back();
    idle_.pop_back();
    driver_ = &runner;
    {
      const WorkContextScope scope{&runner};
      runner.turn.resume();
    }
    driver_ = nullptr;
    return runner.is_executing ? &runner : nullptr;
  }

  /// The timer is about to be destroyed. What its newest run left behind is nobody's from now on.
  void forget(const TimerEntry& timer) noexcept {
    for (const auto& runner : runners_) {
      if (runner->timer == &timer) runner->timer = nullptr;
    }
  }

  /// The idle ones end; the others after their run. Loop::is_stopping() is true.
  void stop() {
    for (MethodRunner* const runner : std::exchange(idle_, {})) runner->turn.post();
  }

 private:
  asio::awaitable<void> await_methods(MethodRunner& self) {
    // A cancellation fails the operation in progress only, and is repeated. If it failed each later one
    // before that has begun, a method that tries for ever would never leave the event loop.
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!loop_.is_stopping()) {
      try {
        co_await self.turn.suspend(strand_, [this, &self] { wait_for_turn(self); });
      } catch (...) {
        // No memory to wait: whoever needs a runner makes another one.
        started();
        co_return;
      }
      // While a method is suspended another runner drives.
      while (driver_ == &self && loop_.next_coroutine()) {
        TimerEntry& timer = loop_.pop_batch();
        self.timer = &timer;
        if (!loop_.advance(timer)) continue;
        self.begin();
        self.is_executing = true;
        std::exception_ptr thrown;
        try {
          if (timer.method->takes_context) {
            const TickContext tick = loop_.context_of(timer);
            auto run = timer.method->start(timer.object, &tick);
            co_await std::move(run);
          } else {
            auto run = timer.method->start(timer.object, nullptr);
            co_await std::move(run);
          }
        } catch (...) {
          thrown = std::current_exception();
        }
        // What the method did to it is none of the next one's business.
        co_await asio::this_coro::reset_cancellation_state();
        co_await asio::this_coro::throw_if_cancelled(false);
        self.is_executing = false;
        loop_.method_ended(self, thrown, driver_ == &self);
      }
    }
  }

  void wait_for_turn(MethodRunner& runner) {
    idle_.push_back(&runner);
    started();
  }

  void started() {
    if (std::exchange(is_starting_, false)) loop_.runner_started();
  }

  /// A piece of a run after it was suspended.
  void held(WorkContext& context, TimePoint began, TimePoint ended) noexcept override {
    const auto& runner = static_cast<const MethodRunner&>(context);
    if (runner.timer) loop_.held(*runner.timer, began, ended);
  }

  Loop& loop_;
  const Strand& strand_;
  TaskGroup& tasks_;
  const TimeSource* time_;
  std::vector<std::shared_ptr<MethodRunner>> runners_;
  std::vector<MethodRunner*> idle_;
  MethodRunner* driver_ = nullptr;  // goes through the batch at this moment
  bool is_starting_ = false;
};

}  // namespace cliffracer::detail
