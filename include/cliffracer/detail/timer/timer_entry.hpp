#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
#include <cliffracer/detail/registration/timer_method.hpp>
#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/cluster_timer.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/schedule_extras.hpp>
#include <cliffracer/detail/timer/stats_cell.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/tick_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace cliffracer::detail {

/// A run of a plain method on a worker thread. Only the timer's loop, and the worker while the loop waits for
/// it.
struct WorkerRun {
  OperationMemory memory;
  TickContext tick{};
  TimePoint asked{};
  TimePoint started{};
  TimePoint ended{};
  std::exception_ptr thrown;
  bool withdrawn = false;  // stop or its timeout came while it waited for a worker: not run
  WorkContext context;
};

/// How long a timer's runs may take. While one is in progress its entry waits in the queue for the end of its
/// time.
struct TimeLimit {
  explicit TimeLimit(std::chrono::nanoseconds limit) : timeout{limit} {}

  const std::chrono::nanoseconds timeout;  // > 0
  std::stop_source stop;                   // of the run in progress
  std::shared_ptr<TaskGroup::Task> task;   // that awaits the run in progress; null on a worker
  bool is_armed = false;                   // the entry waits for the end of the time, or is due for it
  bool has_passed = false;                 // for the run in progress
  bool has_run_ended = false;              // while the entry was due for the end of its time
};

/// One registered timer of one service object: when it is due, what it is, what it did. What every tick
/// touches lies at the beginning, in as few cache lines as possible.
struct alignas(64) TimerEntry : TimerQueue::Waiter {
  /// `options`: as checked_options() returns them; `seed`: of the jitter.
  TimerEntry(std::string timer_name, const TimerMethod& timer_method, void* service,
             const TimerOptions& options, std::uint64_t seed)
      : object{service},
        method{&timer_method},
        extras{ScheduleExtras::are_needed(options) ? std::make_unique<ScheduleExtras>(options, seed)
                                                   : nullptr},
        schedule{options, TimePoint{}, extras.get()},
        worker_run{options.run_on == RunOn::worker_pool ? std::make_unique<WorkerRun>() : nullptr},
        limit{options.timeout.value() > std::chrono::nanoseconds::zero()
                  ? std::make_unique<TimeLimit>(options.timeout)
                  : nullptr},
        cluster{options.scope == Scope::cluster ? std::make_unique<ClusterTimer>(options.when_unavailable)
                                                : nullptr},
        stats{schedule.interval(),
              {.deferral = schedule.tolerance() > std::chrono::nanoseconds::zero(),
               .worker_wait = worker_run != nullptr,
               .cluster = cluster != nullptr}},
        name{std::move(timer_name)} {}

  /// Has fetched from memory what every tick touches, but for the statistics' buckets.
  void prefetch() const noexcept {
    for (std::size_t line = 0; line < 5; ++line)
      __builtin_prefetch(reinterpret_cast<const std::byte*>(this) + 64 * line, 1);
  }

  void* object;
  const TimerMethod* method;
  std::unique_ptr<ScheduleExtras> extras;  // null: nothing that needs them
  Schedule schedule;
  std::unique_ptr<WorkerRun> worker_run;  // null: the method runs on the event loop
  std::unique_ptr<TimeLimit> limit;       // null: a run may take as long as it likes
  std::unique_ptr<ClusterTimer> cluster;  // null: each replica runs it
  bool is_paused = false;
  bool is_triggered = false;  // runs once although it is paused
  bool is_parked = false;     // paused, and in no queue
  StatsCell stats;
  std::string name;
};

}  // namespace cliffracer::detail
