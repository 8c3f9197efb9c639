#pragma once

#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/short_text.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/hold_history.hpp>
#include <cliffracer/detail/timer/observer_calls.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/run_probe.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/tick_claims.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_log.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/tick_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// What it means that a run begins and ends, and that a timer is paused: the schedule is asked, and
/// statistics, log and observers are told. Whatever a method throws ends here.
class TimerRuns {
 public:
  /// Who is told.
  struct Told {
    TimerLog log;
    std::chrono::nanoseconds blocking_threshold{0};  ///< As ServiceConfig says.
    RunProbe* run_probe = nullptr;
    std::shared_ptr<TimerObserver> observer{};
  };

  explicit TimerRuns(const Told& told)
      : log_{told.log},
        watch_{told.blocking_threshold},
        run_observer_{told.run_probe},
        tell_{told.observer, log_} {}
  TimerRuns(const TimerRuns&) = delete;
  TimerRuns& operator=(const TimerRuns&) = delete;

  [[nodiscard]] const TimerLog& log() const noexcept { return log_; }
  [[nodiscard]] HoldHistory& watch() noexcept { return watch_; }

  /// Asks runs in progress to end by their stop_token; from now on they have no next due point.
  void request_stop() {
    is_stopping_ = true;
    stop_.request_stop();
  }
  [[nodiscard]] bool is_stopping() const noexcept { return is_stopping_; }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept { is_cancelling_ = true; }

  /// At the start of all timers.
  void start(TimerEntry& entry, TimePoint now) const {
    if (entry.limit && entry.limit->stop.stop_requested()) entry.limit->stop = std::stop_source{};
    was_asked(entry);
    if (entry.has_finished()) entry.mode = entry.is_paused() ? TimerMode::paused : TimerMode::active;
    entry.runs = 0;
    // What was claimed before the stop is not claimed for an eager run.
    if (entry.cluster) entry.cluster->held.reset();
    entry.schedule.start(now);
    publish_phase(entry);
    entry.stats.loop_started(entry.schedule.due());
    log_.started(entry);
  }

  /// Asks the schedule whether to run, and records it.
  bool begin(TimerEntry& entry, TimePoint now) {
    const Schedule::Decision& decision = entry.decision = entry.schedule.wake(now);
    if (!decision.run) {
      not_run(entry, decision);
      return false;
    }
    was_asked(entry);
    entry.state = TimerState::executing;
    entry.stats.run_started(decision, now);
    if (entry.cluster) cluster_run_began(entry, decision);
    if (decision.lateness >= HoldHistory::shortest || decision.drifted) {
      late(entry, decision, now);
    } else {
      entry.stats.late(LatenessCause::none, {});
    }
    if (run_observer_ || tell_) tell_started(entry, decision, now);
    log_.tick(entry, decision.lateness);
    return true;
  }

  [[nodiscard]] TickContext context_of(const TimerEntry& entry) const {
    const Schedule::Decision& decision = entry.decision;
    return {.due = decision.due,
            .lateness = decision.lateness,
            .run_number = entry.stats.execution_count(),
            .attempt = decision.attempt,
            .stop_token = entry.limit ? entry.limit->stop.get_token() : stop_.get_token(),
            .deferral = decision.deferral,
            .token = entry.cluster ? entry.cluster->token : 0,
            .name = entry.name,
            .is_catch_up = decision.is_catch_up};
  }

  /// A run that was not on the worker pool has ended, as the entry says. `has_passed`: its time was over.
  void end(TimerEntry& entry, TimePoint now, bool has_passed) const {
    const auto length = elapsed(entry.schedule.last_start(), now);
    if (entry.thrown) [[unlikely]]
      return end_with(std::exchange(entry.thrown, nullptr), entry, now, length, has_passed, *entry.context);
    record(entry, Outcome::succeeded, now, length);
    if (tell_) tell_(&TimerObserver::on_success, entry.name, length);
  }

  /// The same for one on the worker pool, as its WorkerRun tells.
  void end_worker_run(TimerEntry& entry, TimePoint now, bool has_passed) const {
    WorkerRun& run = *entry.worker_run;
    const auto length = elapsed(run.started, run.ended);
    if (run.withdrawn && has_passed) {
      const ShortText text = ShortText{} << "timeout: no worker was free for " << entry.limit->timeout;
      fail(entry, now, length, text.view(), run.context);
    } else if (run.withdrawn) {
      log_.withdrawn(entry);
      record(entry, Outcome::cancelled, now, length);
      tell_(&TimerObserver::on_cancel, entry.name, length);
    } else {
      entry.stats.worker_found(elapsed(run.asked, run.started));
      if (run.thrown)
        return end_with(std::exchange(run.thrown, nullptr), entry, now, length, has_passed, run.context);
      record(entry, Outcome::succeeded, now, length);
      if (tell_) tell_(&TimerObserver::on_success, entry.name, length);
    }
  }

  /// What came of the claim for a due tick. Unless it will be run or asked for again, it is passed over.
  void claim_decided(TimerEntry& entry, ClaimOutcome outcome, bool is_passed_over, TimePoint now) const {
    const bool is_elsewhere = outcome != ClaimOutcome::failed && outcome != ClaimOutcome::unclear;
    std::uint64_t passed = 0;
    if (is_passed_over) {
      was_asked(entry);
      passed = entry.schedule.pass_over(now);
    }
    entry.stats.claim_decided(outcome, passed, entry.schedule.due());
    if (passed == 0) return;
    tell_passed(entry, is_elsewhere ? SkipReason::elsewhere : SkipReason::claim_failed, 1);
    tell_passed(entry, SkipReason::missed, passed - 1);
  }

  /// What was to be caught up is passed over for a newer tick, if one has come.
  void give_way(TimerEntry& entry, TimePoint now) const {
    const std::uint64_t passed = entry.schedule.give_way(now);
    if (passed == 0) return;
    entry.stats.skipped(passed, entry.schedule.due());
    tell_passed(entry, SkipReason::missed, passed);
  }

  /// The run in progress has outlasted its timeout, and is asked to end.
  void time_out(TimerEntry& entry) const {
    entry.stats.timed_out();
    log_.timed_out(entry);
    tell_(&TimerObserver::on_timeout, entry.name);
  }

  /// The run that ends has outlasted its timeout, and could not be asked.
  void outlasted(TimerEntry& entry) const {
    entry.stats.timed_out();
    log_.outlasted(entry);
    tell_(&TimerObserver::on_timeout, entry.name);
  }

  /// The entry's method held the event loop from `began` to `ended`.
  void held(TimerEntry& entry, TimePoint began, TimePoint ended) noexcept {
    const std::chrono::nanoseconds length = elapsed(began, ended);
    if (length >= HoldHistory::shortest && watch_.is_on()) held_for_long(entry, began, ended, length);
  }

  // ---- Asked for from outside

  /// `end`: `never` if it does not end by itself.
  void pause(TimerEntry& entry, std::string_view reason, TimePoint end, TimePoint now) const {
    entry.mode = entry.has_finished() ? TimerMode::finished_paused : TimerMode::paused;
    entry.pause_end = end;
    entry.stats.paused(reason, end);
    log_.paused(entry, reason, now);
    tell_(&TimerObserver::on_pause, entry.name, reason);
  }

  /// Ends a pause.
  void resume(TimerEntry& entry, TimePoint now) const {
    const std::uint64_t passed = pass_over_pause(entry, now);
    entry.mode = entry.has_finished() ? TimerMode::finished : TimerMode::active;
    entry.pause_end = never;
    entry.schedule.forget_failures();
    entry.stats.resumed();
    log_.resumed(entry, passed);
    tell_passed(entry, SkipReason::paused, passed);
    tell_(&TimerObserver::on_resume, entry.name);
  }

  /// A run is asked for.
  void trigger(TimerEntry& entry, TimePoint now) const {
    const std::uint64_t passed = pass_over_pause(entry, now);
    if (entry.is_paused()) entry.mode = TimerMode::paused_but_once;
    entry.schedule.trigger(now, entry.is_executing());
    log_.triggered(entry);
    tell_passed(entry, SkipReason::paused, passed);
  }

  /// `interval` has been checked.
  void set_interval(TimerEntry& entry, std::chrono::nanoseconds interval, TimePoint now) const {
    const std::uint64_t passed = pass_over_pause(entry, now);
    const std::uint64_t skipped = entry.schedule.set_interval(interval, now, entry.is_executing());
    publish_phase(entry);
    entry.stats.interval_set(interval, skipped, entry.schedule.due());
    log_.interval_set(entry);
    // What an observer asks for when it is told comes later than this.
    tell_passed(entry, SkipReason::paused, passed);
    tell_passed(entry, SkipReason::missed, skipped);
  }

  /// The wall clock was set. `entry` is aligned. Returns how many points it was set over, for tell_missed().
  [[nodiscard]] std::uint64_t follow_clock(TimerEntry& entry, std::chrono::nanoseconds offset,
                                           TimePoint now) const {
    const std::uint64_t skipped = entry.schedule.follow_clock(offset, now, entry.is_executing());
    entry.stats.clock_stepped(skipped, entry.schedule.due());
    return skipped;
  }

  void tell_missed(const TimerEntry& entry, std::uint64_t count) const {
    tell_passed(entry, SkipReason::missed, count);
  }

 private:
  // What few runs come to is not part of the code that every run goes through.

  /// The one run that a paused timer was asked for, if it was, is this.
  static void was_asked(TimerEntry& entry) noexcept {
    if (entry.mode == TimerMode::paused_but_once) entry.mode = TimerMode::paused;
  }

  /// Until the next time that this is called a fixed grid has points at intervals from here.
  static void publish_phase(TimerEntry& entry) noexcept {
    entry.grid_phase.store(entry.schedule.grid().next().time_since_epoch().count(),
                           std::memory_order_relaxed);
  }

  [[gnu::noinline]] void cluster_run_began(TimerEntry& entry, const Schedule::Decision& decision) const {
    entry.stats.claimed_run_began(entry.cluster->token, decision.is_catch_up);
    if (decision.is_catch_up) log_.catches_up(entry, decision, entry.schedule.last_start());
  }

  [[gnu::noinline]] void not_run(TimerEntry& entry, const Schedule::Decision& decision) const {
    entry.stats.skipped(decision.skipped, entry.schedule.due());
    tell_skipped(entry, decision);
  }

  /// The points until `now` came while it was paused, but for one that runs or is being claimed. A run that
  /// was asked for meanwhile is not passed over.
  [[nodiscard]] std::uint64_t pass_over_pause(TimerEntry& entry, TimePoint now) const {
    const bool waits = entry.state == TimerState::waiting || entry.state == TimerState::parked;
    if (!entry.is_resting() || !waits) return 0;
    const std::uint64_t passed = entry.schedule.pass_over(now);
    entry.stats.passed_over(passed, entry.schedule.due());
    return passed;
  }

  void tell_passed(const TimerEntry& entry, SkipReason reason, std::uint64_t count) const {
    if (count > 0) tell_(&TimerObserver::on_skip, entry.name, reason, count);
  }

  [[gnu::noinline]] void tell_started(const TimerEntry& entry, const Schedule::Decision& decision,
                                      TimePoint now) const {
    if (run_observer_) run_observer_->run_started(log_.service(), entry.name, decision, now);
    if (!tell_) return;
    tell_skipped(entry, decision);
    if (decision.drifted) tell_(&TimerObserver::on_drift, entry.name, decision.lateness);
    tell_(&TimerObserver::on_start, entry.name, context_of(entry));
  }

  /// The run threw.
  [[gnu::noinline]] void end_with(const std::exception_ptr& thrown, TimerEntry& entry, TimePoint now,
                                  std::chrono::nanoseconds length, bool has_passed,
                                  WorkContext& context) const {
    if (entry.method->start && has_passed && is_abort(thrown)) {
      const ShortText text = ShortText{} << "timeout: cancelled after " << entry.limit->timeout;
      fail(entry, now, length, text.view(), context);
    } else if (is_cancelling_ && entry.method->start && is_abort(thrown)) {
      // A plain method is never cut short: what it throws is a failure of its own.
      log_.cancelled(entry, length);
      record(entry, Outcome::cancelled, now, length);
      tell_(&TimerObserver::on_cancel, entry.name, length);
    } else {
      with_text(thrown, [&](std::string_view text) { fail(entry, now, length, text, context); });
    }
  }

  [[gnu::noinline]] void held_for_long(TimerEntry& entry, TimePoint began, TimePoint ended,
                                       std::chrono::nanoseconds length) noexcept {
    const bool is_too_long = length >= watch_.threshold();
    // One that does so in every run is not told in every run.
    const bool is_news = is_too_long && entry.stats.blocked(length);
    log_quietly([&] {
      const std::string by = "timer " + entry.name;
      watch_.held(by, began, ended);
      if (is_news) log_.blocked(by, length, watch_.threshold());
    });
    if (!is_too_long) return;
    tell_(&TimerObserver::on_blocking, entry.name, length);
  }

  void fail(TimerEntry& entry, TimePoint now, std::chrono::nanoseconds length, std::string_view text,
            WorkContext& context) const {
    const std::uint32_t attempt = entry.schedule.attempt();
    record(entry, Outcome::failed, now, length, text);
    log_.failed(entry, attempt, length, text, context.trace());
    tell_(&TimerObserver::on_error, entry.name, length, text);
    if (is_stopping_ || entry.mode != TimerMode::active || !entry.schedule.gives_up()) return;
    const ShortText reason = ShortText{} << attempt << " consecutive errors: " << text;
    pause(entry, reason.view(), never, now);
  }

  [[gnu::always_inline]] void record(TimerEntry& entry, Outcome outcome, TimePoint now,
                                     std::chrono::nanoseconds length, std::string_view error = {}) const {
    const std::uint64_t skipped =
        is_stopping_ ? 0 : entry.schedule.finished(now, outcome == Outcome::succeeded);
    entry.ended = now;
    // Observers may ask something of the timer from here on.
    entry.state = TimerState::waiting;
    entry.stats.run_ended(outcome, now, length, skipped, entry.schedule.due(), error);
    if (run_observer_) run_observer_->run_ended(log_.service(), entry.name, outcome, now);
    tell_passed(entry, SkipReason::missed, skipped);
  }

  /// Records why a run is late; the log has it if the run has drifted.
  [[gnu::noinline]] void late(TimerEntry& entry, const Schedule::Decision& decision, TimePoint now) {
    const bool has_cause = decision.lateness >= HoldHistory::shortest;
    const bool is_claim = entry.cluster && entry.cluster->claim_time > decision.lateness / 2;
    const LatenessCause cause = !has_cause ? LatenessCause::none
                                : is_claim ? LatenessCause::claim
                                           : watch_.cause_of(decision.due, now, entry.ended);
    entry.stats.late(cause, watch_.holder());
    if (!decision.drifted) return;
    if (cause == LatenessCause::own_run) {
      log_.drifted(entry, decision, "its own run before");
    } else if (cause == LatenessCause::claim) {
      log_.drifted(entry, decision, "the claim of its tick");
    } else if (cause == LatenessCause::suspended) {
      log_.drifted(entry, decision, "a stop of the process, or others on its io_context");
    } else {
      log_.drifted(entry, decision, cause == LatenessCause::event_loop ? watch_.blocked_by() : "");
    }
  }

  void tell_skipped(const TimerEntry& entry, const Schedule::Decision& decision) const {
    if (!tell_) return;
    const std::uint64_t others = decision.skipped - decision.failing;
    tell_passed(entry, SkipReason::failing, decision.failing);
    tell_passed(entry, decision.drifted ? SkipReason::drifted : SkipReason::missed, others);
  }

  TimerLog log_;
  HoldHistory watch_;
  RunProbe* run_observer_;
  ObserverCalls tell_;
  std::stop_source stop_;
  bool is_stopping_ = false;
  bool is_cancelling_ = false;
};

}  // namespace cliffracer::detail
