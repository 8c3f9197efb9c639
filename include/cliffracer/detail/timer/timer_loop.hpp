#pragma once

#include <cliffracer/detail/exception_text.hpp>
#include <cliffracer/detail/log.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/run_observer.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/worker_pool.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <exception>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// What the loops of one service share while it runs.
struct LoopContext {
  Strand strand;
  TimerQueue& queue;
  WorkerPool* workers;  // null when no method runs on workers
  spdlog::logger& log;
  std::string service;
  RunObserver* observer = nullptr;
  std::stop_source stop;    // no new run; asks the runs in progress to end
  bool cancelling = false;  // runs in progress are being cut short
};

[[nodiscard]] inline double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>{duration}.count();
}

/// The numbers need no memory, and a line that cannot be logged does not end the loop.
inline Outcome record_end_of_run(TimerEntry& entry, LoopContext& context, std::uint32_t attempt,
                                 std::chrono::nanoseconds length, const std::exception_ptr& thrown) noexcept {
  if (entry.worker_run.withdrawn) {
    entry.stats.run_ended(Outcome::cancelled, length);
    log_quietly([&] {
      context.log.warn("service {}: timer {} found no worker before the service stopped", context.service,
                       entry.name);
    });
    return Outcome::cancelled;
  }
  if (!thrown) {
    entry.stats.run_ended(Outcome::succeeded, length);
    return Outcome::succeeded;
  }
  // A plain method is never cut short: what it throws is a failure of its own.
  if (context.cancelling && entry.method.start && is_abort(thrown)) {
    entry.stats.run_ended(Outcome::cancelled, length);
    log_quietly([&] {
      context.log.warn("service {}: timer {} was cancelled after {:.3f} s because the service stops",
                       context.service, entry.name, seconds(length));
    });
    return Outcome::cancelled;
  }
  with_text(thrown, [&](std::string_view text) {
    entry.stats.run_ended(Outcome::failed, length, text);
    log_quietly([&] {
      context.log.error("service {}: timer {} failed (attempt {}) after {:.3f} s: {}; retry in {:.3f} s",
                        context.service, entry.name, attempt, seconds(length), escaped(text),
                        seconds(entry.schedule.error_backoff));
    });
  });
  return Outcome::failed;
}

/// For a loop that has no memory to wait for its next due point, inside the handler of what was thrown. Asio
/// ends the process when its own part of the same wait finds none; a service that went on without one of its
/// timers would be worse.
[[noreturn]] inline void end_without_memory(const TimerEntry& entry, LoopContext& context) noexcept {
  log_quietly([&] {
    context.log.critical("service {}: timer {} cannot wait any more, the process ends: {}", context.service,
                         entry.name, escaped(text_of(std::current_exception())));
    context.log.flush();
  });
  std::terminate();
}

/// One timer from start to stop: await the due point, run the method, record, ask the schedule. Runs on the
/// service's strand; whatever the method throws ends here.
inline asio::awaitable<void> run_timer(TimerEntry& entry, LoopContext& context) {
  Schedule schedule{entry.schedule, context.queue.now()};
  entry.stats.loop_started(schedule.due());
  log_quietly([&] {
    context.log.info("service {}: timer {} started: every {} s{}", context.service, entry.name,
                     seconds(entry.schedule.interval), entry.schedule.eager ? ", eager" : "");
  });
  while (!context.stop.stop_requested()) {
    try {
      co_await context.queue.sleep_until(context.strand, entry.sleeper, schedule.due());
    } catch (...) {
      if (!context.stop.stop_requested()) end_without_memory(entry, context);
    }
    if (context.stop.stop_requested()) break;

    const TimePoint started = context.queue.now();
    const Schedule::Decision decision = schedule.wake(started);
    if (!decision.run) {
      entry.stats.skipped(decision.skipped, schedule.due());
      continue;
    }
    if (decision.drifted) {
      log_quietly([&] {
        context.log.warn(
            "service {}: timer {} is {:.3f} s late, more than max_drift {:.3f} s: re-anchored, {} due points "
            "skipped",
            context.service, entry.name, seconds(decision.lateness), seconds(entry.schedule.max_drift),
            decision.skipped);
      });
    }
    entry.stats.run_started(decision);
    if (context.observer) context.observer->run_started(context.service, entry.name, decision, started);
    const TickContext tick{.due = decision.due,
                           .lateness = decision.lateness,
                           .run_number = entry.stats.execution_count(),
                           .attempt = decision.attempt,
                           .stop_token = context.stop.get_token()};
    log_quietly([&] {
      context.log.debug("service {}: timer {} tick {}, {} ns late", context.service, entry.name,
                        tick.run_number, decision.lateness.count());
    });
    std::exception_ptr thrown;
    TimePoint ended{};
    std::chrono::nanoseconds length{};
    if (entry.run_on == RunOn::worker_pool) {
      try {
        co_await context.workers->run(context.strand, entry, context.queue, tick);
        thrown = std::exchange(entry.worker_run.thrown, nullptr);
        if (!entry.worker_run.withdrawn) entry.stats.worker_found(elapsed(started, entry.worker_run.started));
        length = elapsed(entry.worker_run.started, entry.worker_run.ended);
      } catch (...) {
        // No memory to go to a worker: a failed run, though the method was not called.
        thrown = std::current_exception();
        entry.worker_run.withdrawn = false;
      }
      ended = context.queue.now();
    } else {
      try {
        if (entry.method.start) {
          co_await entry.method.start(entry.method.object, tick);
        } else {
          entry.method.call(entry.method.object, tick);
        }
      } catch (...) {
        thrown = std::current_exception();
      }
      ended = context.queue.now();
      length = elapsed(started, ended);
    }
    const Outcome outcome = record_end_of_run(entry, context, decision.attempt, length, thrown);
    if (context.observer) context.observer->run_ended(context.service, entry.name, outcome, ended);
    if (context.stop.stop_requested()) break;
    const std::uint64_t skipped = schedule.finished(ended, !thrown);
    entry.stats.skipped(skipped, schedule.due());
  }
  entry.stats.loop_ended();
}

}  // namespace cliffracer::detail
