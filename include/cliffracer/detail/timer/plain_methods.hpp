#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/time_limits.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/timer/worker_pool.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/tick_context.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <utility>

namespace cliffracer::detail {

/// Calls the methods of a TimerLoop's timers that are no coroutines, on the event loop or on a worker thread.
/// Only on the strand.
class PlainMethods {
 public:
  struct Workers {
    std::size_t threads = 0;  ///< 0: one for each timer that has its method called there.
    bool inlined = false;     ///< There are none: the event loop does their work.
  };

  PlainMethods(TimerQueue& queue, asio::io_context& event_loop, Workers workers, TimerRuns& runs,
               TimeLimits& limits, WorkerPool::Ended ended)
      : queue_{queue},
        runs_{runs},
        limits_{limits},
        workers_{workers},
        pool_{event_loop, queue.source(), std::move(ended)} {}

  /// The timer's method will be called. Throws std::system_error and std::bad_alloc.
  void prepare(const TimerEntry& timer) {
    if (!timer.worker_run) return;
    ++users_;
    if (workers_.inlined) return;
    pool_.reserve(workers_.threads > 0 ? std::min(workers_.threads, users_) : users_);
  }

  /// It will not be called any more.
  void forget(const TimerEntry& timer) noexcept {
    if (timer.worker_run) --users_;
  }

  /// Calls the timer's method; `now` is when it begins, and afterwards when this has ended. True: the run has
  /// ended. False: a worker calls it.
  bool call(TimerEntry& timer, TimePoint& now) {
    if (timer.worker_run) return !call_on_worker(timer, now);
    try {
      timer.context = &context_;
      context_.begin();
      const WorkContextScope scope{&context_};
      if (timer.method->takes_context) {
        call_with_context(timer);
      } else {
        timer.method->call(timer.object, nullptr);
      }
    } catch (...) {
      timer.thrown = std::current_exception();
    }
    now = queue_.now();
    runs_.held(timer, timer.schedule.last_start(), now);
    return true;
  }

  /// What a method that is called on the event loop does, it does in this.
  [[nodiscard]] WorkContext& context() noexcept { return context_; }

 private:
  /// Apart, so that methods without one do not pay for it.
  [[gnu::noinline]] void call_with_context(const TimerEntry& timer) const {
    const TickContext tick = runs_.context_of(timer);
    timer.method->call(timer.object, &tick);
  }

  /// False: there is no memory for it, and the run has failed.
  [[gnu::noinline]] bool call_on_worker(TimerEntry& timer, TimePoint& now) {
    WorkerRun& run = *timer.worker_run;
    try {
      timer.context = &run.context;
      run.tick = runs_.context_of(timer);
      run.asked = now;
      run.context.begin();
      pool_.post(timer);
    } catch (...) {
      timer.thrown = std::current_exception();
      return false;
    }
    now = queue_.now();
    limits_.arm(timer, nullptr, now);
    return true;
  }

  TimerQueue& queue_;
  TimerRuns& runs_;
  TimeLimits& limits_;
  const Workers workers_;
  std::size_t users_ = 0;  // timers whose methods workers call
  WorkerPool pool_;
  WorkContext context_;
};

}  // namespace cliffracer::detail
