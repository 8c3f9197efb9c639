#pragma once

#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_places.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <utility>

namespace cliffracer::detail {

/// The timeouts of a TimerLoop's runs. While a run with a timeout is in progress, its entry waits in the
/// queue for the end of its time. Only on the strand.
class TimeLimits {
 public:
  TimeLimits(TimerPlaces& places, const TimerRuns& runs) : places_{places}, runs_{runs} {}

  /// The entry's time is limited, and runs: what is due is the end of that time.
  [[nodiscard]] static bool is_armed(const TimerEntry& entry) noexcept {
    return entry.limit && entry.limit->is_armed;
  }

  /// The run that began at `began` goes on, in `task` or (null) on a worker.
  void arm(TimerEntry& entry, TimePoint began, std::shared_ptr<TaskGroup::Task> task, TimePoint now) {
    if (!entry.limit || runs_.is_stopping()) return;
    entry.limit->task = std::move(task);
    entry.limit->is_armed = true;
    entry.due = later(began, entry.limit->timeout);
    entry.tolerance = std::chrono::nanoseconds::zero();
    places_.insert(entry, now);
  }

  /// Out of the batch: the time of the run in progress is over, or the run ended while that was on its way.
  void is_due(TimerEntry& entry) const {
    TimeLimit& limit = *entry.limit;
    limit.is_armed = false;
    if (std::exchange(limit.has_run_ended, false)) {
      places_.put_back(entry);
    } else if (!runs_.is_stopping()) {
      limit.has_passed = true;
      runs_.time_out(entry);
      limit.stop.request_stop();
      if (limit.task) TaskGroup::cancel(*limit.task);
    }
  }

  /// After a run whose time is limited. False: the entry is on its way here as due, and is put back then.
  [[nodiscard, gnu::noinline]] bool disarm(TimerEntry& entry) const {
    TimeLimit& limit = *entry.limit;
    limit.task.reset();
    if (std::exchange(limit.has_passed, false)) limit.stop = std::stop_source{};
    if (limit.is_armed && !places_.take_out(entry)) {
      limit.has_run_ended = true;
      return false;
    }
    limit.is_armed = false;
    return true;
  }

  /// The timers stop: whoever runs is asked to end. True: the entry has left the queue, and its run goes on.
  [[nodiscard]] static bool stop(TimerEntry& entry, bool was_in_queue) {
    if (!entry.limit) return false;
    entry.limit->stop.request_stop();
    return was_in_queue && std::exchange(entry.limit->is_armed, false);
  }

 private:
  TimerPlaces& places_;
  const TimerRuns& runs_;
};

}  // namespace cliffracer::detail
