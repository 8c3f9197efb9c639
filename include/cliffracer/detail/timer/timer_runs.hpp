#pragma once

#include <cliffracer/detail/exception_text.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/run_observer.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_log.hpp>
#include <cliffracer/tick_context.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// What it means that a run begins and ends: the schedule is asked, and statistics, log and observer are
/// told. Whatever a method throws ends here.
class TimerRuns {
 public:
  TimerRuns(RunObserver* observer, TimerLog log) : observer_{observer}, log_{std::move(log)} {}

  [[nodiscard]] const TimerLog& log() const noexcept { return log_; }

  /// Asks runs in progress to end by their stop_token; from now on they have no next due point.
  void request_stop() {
    is_stopping_ = true;
    stop_.request_stop();
  }
  [[nodiscard]] bool is_stopping() const noexcept { return is_stopping_; }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept { is_cancelling_ = true; }

  /// At the start of all timers: `entry.due` is the first due point.
  void start(TimerEntry& entry, TimePoint now) const noexcept {
    entry.schedule.start(now);
    entry.due = entry.schedule.due();
    entry.stats.loop_started(entry.due);
    log_.started(entry);
  }

  /// Asks the schedule whether to run, and records it if so. Else `entry.due` is the next due point.
  Schedule::Decision begin(TimerEntry& entry, TimePoint now) const {
    const Schedule::Decision decision = entry.schedule.wake(now);
    if (!decision.run) {
      entry.due = entry.schedule.due();
      entry.stats.skipped(decision.skipped, entry.due);
      return decision;
    }
    if (decision.drifted) log_.drifted(entry, decision);
    entry.stats.run_started(decision);
    if (observer_) observer_->run_started(log_.service(), entry.name, decision, now);
    log_.tick(entry, decision.lateness);
    return decision;
  }

  [[nodiscard]] TickContext context_of(const TimerEntry& entry, const Schedule::Decision& decision) const {
    return {.due = decision.due,
            .lateness = decision.lateness,
            .run_number = entry.stats.execution_count(),
            .attempt = decision.attempt,
            .stop_token = stop_.get_token(),
            .deferral = decision.deferral};
  }

  /// A run that took `length` has ended. `entry.due` is the next due point.
  void end(TimerEntry& entry, TimePoint now, std::chrono::nanoseconds length,
           const std::exception_ptr& thrown) const {
    if (!thrown) {
      record(entry, Outcome::succeeded, now, length);
    } else if (is_cancelling_ && entry.method->start && is_abort(thrown)) {
      // A plain method is never cut short: what it throws is a failure of its own.
      log_.cancelled(entry, length);
      record(entry, Outcome::cancelled, now, length);
    } else {
      with_text(thrown, [&](std::string_view text) {
        log_.failed(entry, length, text);
        record(entry, Outcome::failed, now, length, text);
      });
    }
  }

  /// The same for one on the worker pool, as its WorkerRun tells.
  void end_worker_run(TimerEntry& entry, TimePoint now) const {
    WorkerRun& run = *entry.worker_run;
    const auto length = elapsed(run.started, run.ended);
    if (run.withdrawn) {
      log_.withdrawn(entry);
      record(entry, Outcome::cancelled, now, length);
    } else {
      entry.stats.worker_found(elapsed(run.asked, run.started));
      end(entry, now, length, std::exchange(run.thrown, nullptr));
    }
  }

 private:
  void record(TimerEntry& entry, Outcome outcome, TimePoint now, std::chrono::nanoseconds length,
              std::string_view error = {}) const {
    const std::uint64_t skipped =
        is_stopping_ ? 0 : entry.schedule.finished(now, outcome == Outcome::succeeded);
    entry.due = entry.schedule.due();
    entry.stats.run_ended(outcome, length, skipped, entry.due, error);
    if (observer_) observer_->run_ended(log_.service(), entry.name, outcome, now);
  }

  RunObserver* observer_;
  TimerLog log_;
  std::stop_source stop_;
  bool is_stopping_ = false;
  bool is_cancelling_ = false;
};

}  // namespace cliffracer::detail
