#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
#include <cliffracer/detail/coroutine/timer_coroutine.hpp>
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

#include <atomic>
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

/// How long a run may take. It waits in the queue beside its timer, while a run is in progress.
struct TimeLimit : TimerQueue::Waiter {
  enum class State : std::uint8_t {
    idle,      // in no queue
    running,   // until the time of the run in progress is over
    passed,    // the run in progress has outlasted it, and is asked again to end
    obsolete,  // the run has ended while this was on its way to the loop
  };

  TimeLimit(TimerEntry& entry, std::chrono::nanoseconds limit) : timer{entry}, timeout{limit} {}

  TimerEntry& timer;
  const std::chrono::nanoseconds timeout;  // > 0
  std::stop_source stop;                   // of the run in progress
  std::shared_ptr<TaskGroup::Task> task;   // that awaits the run in progress; null on a worker
  std::chrono::nanoseconds pause{0};       // until it is asked again
  State state = State::idle;
};

/// Where a timer is.
enum class TimerState : std::uint8_t {
  stopped,    // its loop does not run
  waiting,    // for its due point: in the queue, or on its way there or from there
  parked,     // paused, in no queue
  claiming,   // has asked for its tick
  executing,  // a run is in progress
};

/// Whether a timer may run.
enum class TimerMode : std::uint8_t {
  active,
  paused_but_once,  // paused, and a run was asked for since
  paused,
  finished,         // has had its max_runs
  finished_paused,  // and stays paused at the next start
  removed,
};

/// One registered timer of one service object: when it is due, what it is, what it did. What every tick
/// touches lies at the beginning, in as few cache lines as possible.
struct alignas(64) TimerEntry : TimerQueue::Waiter {
  /// `options`: as checked_options() returns them; `seed`: of the jitter; `timer_calendar`: which they point
  /// to.
  TimerEntry(std::string timer_name, const TimerMethod& timer_method, void* service,
             const TimerOptions& options, std::uint64_t seed,
             std::shared_ptr<const Calendar> timer_calendar = {})
      : object{service},
        method{&timer_method},
        extras{ScheduleExtras::are_needed(options) ? std::make_unique<ScheduleExtras>(options, seed)
                                                   : nullptr},
        schedule{options, TimePoint{}, extras.get()},
        worker_run{options.run_on == RunOn::worker_pool ? std::make_unique<WorkerRun>() : nullptr},
        limit{options.timeout.value() > std::chrono::nanoseconds::zero()
                  ? std::make_unique<TimeLimit>(*this, options.timeout)
                  : nullptr},
        cluster{options.scope == Scope::cluster ? std::make_unique<ClusterTimer>(options) : nullptr},
        has_extra_end{worker_run || limit || cluster || options.max_runs > 0},
        stats{timer_calendar ? std::chrono::nanoseconds{0} : schedule.interval(),
              {.deferral = schedule.has_tolerance(),
               .worker_wait = worker_run != nullptr,
               .cluster = cluster != nullptr}},
        max_runs{options.max_runs},
        calendar{std::move(timer_calendar)},
        name{std::move(timer_name)} {}

  /// Has fetched from memory what every tick touches, but for the statistics' buckets.
  void prefetch() const noexcept {
#pragma GCC unroll 8
    for (std::size_t line = 0; line < 8; ++line)
      __builtin_prefetch(reinterpret_cast<const std::byte*>(this) + 64 * line, 1);
  }

  [[nodiscard]] bool is_executing() const noexcept { return state == TimerState::executing; }
  [[nodiscard]] bool is_paused() const noexcept {
    return mode == TimerMode::paused || mode == TimerMode::paused_but_once ||
           mode == TimerMode::finished_paused;
  }
  [[nodiscard]] bool may_run() const noexcept { return mode < TimerMode::paused; }
  /// Paused, and not asked for a run.
  [[nodiscard]] bool is_resting() const noexcept { return mode == TimerMode::paused; }
  /// It has had its max_runs.
  [[nodiscard]] bool has_finished() const noexcept {
    return mode == TimerMode::finished || mode == TimerMode::finished_paused;
  }
  /// It has finished, or is removed.
  [[nodiscard]] bool has_ended() const noexcept { return mode >= TimerMode::finished; }
  /// Nothing is due any more, though observers may hear of the last run at this moment.
  [[nodiscard]] bool is_over() const noexcept {
    return state == TimerState::stopped || (has_ended() && !is_executing());
  }

  void* object;
  const TimerMethod* method;
  std::unique_ptr<ScheduleExtras> extras;  // null: nothing that needs them
  Schedule schedule;
  std::unique_ptr<WorkerRun> worker_run;  // null: the method runs on the event loop
  std::unique_ptr<TimeLimit> limit;       // null: a run may take as long as it likes
  std::unique_ptr<ClusterTimer> cluster;  // null: each replica runs it
  const bool has_extra_end;               // there is more to the end of a run than to record it
  TimerState state = TimerState::stopped;
  TimerMode mode = TimerMode::active;
  Schedule::Decision decision{};   // of the newest run
  TimePoint ended{};               // the newest run
  std::exception_ptr thrown;       // by the run that ends
  WorkContext* context = nullptr;  // of the run that ends
  TimerCoroutine::Frame frame;
  TimerCoroutine coroutine;  // while its loop runs
  StatsCell stats;
  const std::uint64_t max_runs;                    // 0: no limit
  std::uint64_t runs = 0;                          // since the start; counted if there is a limit
  TimePoint pause_end = never;                     // when a pause ends by itself
  std::size_t index = 0;                           // among the timers of its loop
  std::atomic<std::int64_t> grid_phase{0};         // an instant at which a fixed grid has a point
  const std::shared_ptr<const Calendar> calendar;  // null: it has an interval
  std::string name;
};

inline void* TimerCoroutine::promise_type::operator new(std::size_t bytes, TimerLoop& /*loop*/,
                                                        TimerEntry& timer) {
  return bytes <= Frame::capacity ? timer.frame.memory : ::operator new(bytes);
}

inline void TimerCoroutine::promise_type::operator delete(void* frame, std::size_t bytes) noexcept {
  if (bytes > Frame::capacity) ::operator delete(frame);
}

}  // namespace cliffracer::detail
