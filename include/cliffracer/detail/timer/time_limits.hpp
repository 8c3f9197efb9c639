#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_places.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <asio/dispatch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timeouts of a TimerLoop's runs, which wait in the queue beside the timers. Only on the strand.
class TimeLimits final : private TimerQueue::Group {
 public:
  TimeLimits(const Strand& strand, TimerQueue& queue, TimerPlaces& places, const TimerRuns& runs)
      : strand_{strand}, queue_{queue}, places_{places}, runs_{runs} {}

  /// The timer's run goes on, in `task` or (null) on a worker.
  void arm(TimerEntry& timer, std::shared_ptr<TaskGroup::Task> task, TimePoint now) {
    if (!timer.limit) return;
    TimeLimit& limit = *timer.limit;
    limit.task = std::move(task);
    limit.due = later(timer.schedule.last_start(), limit.timeout);
    limit.group = this;
    if (std::exchange(limit.state, TimeLimit::State::running) == TimeLimit::State::obsolete) return;
    places_.hold();
    places_.insert(limit, now);
  }

  /// The timer's run has ended at `end`.
  void run_ended(TimerEntry& timer, TimePoint end) {
    TimeLimit& limit = *timer.limit;
    limit.task.reset();
    // Nothing could ask it to end in time, because it held the event loop.
    if (limit.state != TimeLimit::State::passed && elapsed(timer.schedule.last_start(), end) > limit.timeout)
      runs_.outlasted(timer);
  }

  /// The same, after it was recorded.
  void disarm(TimerEntry& timer) {
    TimeLimit& limit = *timer.limit;
    if (limit.state == TimeLimit::State::passed && !runs_.is_stopping()) limit.stop = std::stop_source{};
    if (limit.state != TimeLimit::State::running && limit.state != TimeLimit::State::passed) return;
    if (places_.remove(limit)) {
      leave(limit);
    } else {
      limit.state = TimeLimit::State::obsolete;
    }
  }

  /// A timer that leaves stays until its limit is in no queue.
  void keep(const std::shared_ptr<TimerEntry>& timer) {
    if (timer->limit && timer->limit->state != TimeLimit::State::idle) kept_.push_back(timer);
  }

  [[nodiscard]] static bool has_passed(const TimerEntry& timer) noexcept {
    return timer.limit && timer.limit->state == TimeLimit::State::passed;
  }

 private:
  // A run that goes on after it was cancelled is cancelled again, because it may have begun another
  // operation.
  static constexpr std::chrono::nanoseconds shortest_pause = std::chrono::milliseconds{10};
  static constexpr std::chrono::nanoseconds longest_pause = std::chrono::seconds{1};

  struct Due {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.memory_}; }
    void operator()() const { self.take_due(); }
    TimeLimits& self;
  };

  void on_due() noexcept override {
    // The loop may be gone when dispatch() returns.
    const Strand strand{strand_};
    asio::dispatch(strand, Due{*this});
  }

  void take_due() {
    TimerQueue::List due = queue_.take(*this);
    const TimePoint now = queue_.now();
    while (!due.empty()) is_due(static_cast<TimeLimit&>(*due.pop_front()), now);
  }

  void is_due(TimeLimit& limit, TimePoint now) {
    if (limit.state == TimeLimit::State::obsolete) {
      leave(limit);
      std::erase_if(kept_, [&](const auto& timer) { return timer->limit.get() == &limit; });
      return;
    }
    // Another run may have begun while this was on its way.
    if (now < limit.due) return places_.insert(limit, now);
    TimerEntry& timer = limit.timer;
    if (limit.state == TimeLimit::State::running) {
      limit.state = TimeLimit::State::passed;
      limit.pause = shortest_pause;
      runs_.time_out(timer);
      limit.stop.request_stop();
    } else if (limit.pause < longest_pause) {
      limit.pause = std::min(limit.pause * 2, longest_pause);
      if (limit.pause == longest_pause) runs_.log().goes_on(timer);
    }
    // A thread can only be asked, and has been.
    limit.due = limit.task ? later(now, limit.pause) : never;
    places_.insert(limit, now);
    // Its run may end in here.
    if (const auto task = limit.task) TaskGroup::cancel(*task);
  }

  void leave(TimeLimit& limit) noexcept {
    limit.state = TimeLimit::State::idle;
    places_.release();
  }

  const Strand& strand_;
  TimerQueue& queue_;
  TimerPlaces& places_;
  const TimerRuns& runs_;
  std::vector<std::shared_ptr<TimerEntry>> kept_;
  OperationMemory memory_;
};

}  // namespace cliffracer::detail
