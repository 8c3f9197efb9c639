#pragma once

#include <cliffracer/detail/text/shared_text.hpp>
#include <cliffracer/detail/timer/duration_histogram.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/rare_stats.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/work/seqlock.hpp>
#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

namespace cliffracer::detail {

/// The statistics of one timer. The timer's loop is the only writer and never waits; a reader on any thread
/// sees one instant between two writes and tries again when a write (some 10 stores) came in between.
class StatsCell {
 public:
  /// What not every timer has.
  struct Parts {
    bool deferral = false;     // it has a tolerance
    bool worker_wait = false;  // it runs on the worker pool
    bool cluster = false;      // replicas share it
  };

  StatsCell(std::chrono::nanoseconds interval, Parts parts)
      : deferral_{parts.deferral ? std::make_unique<Deferral>() : nullptr},
        worker_wait_{parts.worker_wait ? std::make_unique<Durations>() : nullptr},
        cluster_{parts.cluster ? std::make_unique<ClusterStats>() : nullptr},
        interval_{interval.count()} {}
  StatsCell(const StatsCell&) = delete;
  StatsCell& operator=(const StatsCell&) = delete;
  ~StatsCell() { delete rare_.load(std::memory_order_acquire); }

  // Only the timer's loop.

  void loop_started(TimePoint due) noexcept {
    write([&] {
      set(is_running_, true);
      set(is_finished_, false);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  /// `is_finished`: after the last run that it may have.
  void loop_ended(bool is_finished) noexcept {
    write([&] {
      set(is_running_, false);
      set(is_finished_, is_finished);
    });
  }

  /// Due points passed over without a run; the next one is `due`.
  void skipped(std::uint64_t count, TimePoint due) noexcept {
    write([&] {
      add(skipped_, count);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  [[gnu::always_inline]] void run_started(const Schedule::Decision& decision, TimePoint now) noexcept {
    const bool has_reason = decision.drifted || decision.failing > 0;
    if (has_reason) make_rare();
    {
      const Seqlock::Writing writing{lock_};
      if (has_reason) add_by_reason(decision);
      if (decision.skipped > 0) add(skipped_, decision.skipped);
      set(is_executing_, 1);
      set(started_, now.time_since_epoch().count());
      set(last_lateness_, decision.lateness.count());
      add(total_lateness_, number(decision.lateness));
      if (deferral_) set(deferral_->last, decision.deferral.count());
    }
    lateness_.record(decision.lateness, lateness_range_);
    if (deferral_) deferral_->record(decision.deferral);
  }

  /// Why the run that has just been started is late. For LatenessCause::event_loop `holder` is who
  /// held it; empty: many short runs.
  void late(LatenessCause cause, std::string_view holder) noexcept {
    if (cause == LatenessCause::event_loop) return late_by_event_loop(holder);
    if (get(lateness_cause_) != cause) write([&] { set(lateness_cause_, cause); });
  }

  /// The run in progress has outlasted its timeout.
  void timed_out() noexcept {
    write_rare([&](RareStats& rare) {
      add(rare.timeouts, 1);
      set(rare.is_overdue, 1);
    });
  }

  /// The method held the event loop for `length`. True: at least twice as long as ever before.
  bool blocked(std::chrono::nanoseconds length) noexcept {
    std::chrono::nanoseconds longest{0};
    write_rare([&](RareStats& rare) {
      longest = get(rare.longest_blocking);
      add(rare.blockings, 1);
      if (length > longest) set(rare.longest_blocking, length.count());
    });
    return length / 2 >= longest;
  }

  /// The wall clock was set, and `passed` due points with it.
  void clock_stepped(std::uint64_t passed, TimePoint due) noexcept {
    RareStats* const rare = make_rare();
    write([&] {
      add(skipped_, passed);
      if (rare) add(rare->clock_steps, 1);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  /// `end`: `never` if it does not end by itself.
  void paused(std::string_view reason, TimePoint end) noexcept {
    write_rare([&](RareStats& rare) {
      set(rare.is_paused, 1);
      set(rare.pause_end, end.time_since_epoch().count());
      rare.pause_reason.set(reason);
    });
  }

  void resumed() noexcept {
    write_rare([&](RareStats& rare) {
      set(rare.is_paused, 0);
      set(consecutive_errors_, 0);
    });
  }

  /// Points that came while it was paused.
  void passed_over(std::uint64_t count, TimePoint due) noexcept {
    RareStats* const rare = make_rare();
    write([&] {
      if (rare) add(rare->paused, count);
      add(skipped_, count);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  void interval_set(std::chrono::nanoseconds interval, std::uint64_t skipped_by_it, TimePoint due) noexcept {
    write([&] {
      set(interval_, interval.count());
      add(skipped_, skipped_by_it);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  // Only of a cluster timer.

  /// What came of a claim; `passed` due points (0: none) are passed over because of it, and the next one is
  /// `due`.
  void claim_decided(ClaimOutcome outcome, std::uint64_t passed, TimePoint due) noexcept {
    write([&] {
      if (Count* const count = count_of(outcome)) add(*count, 1);
      set(next_due_, due.time_since_epoch().count());
      if (passed == 0) return;
      const bool is_claim_failed = outcome == ClaimOutcome::failed || outcome == ClaimOutcome::unclear;
      add(is_claim_failed ? cluster_->claim_failed : cluster_->elsewhere, 1);
      add(skipped_, passed);
    });
  }
  /// A run that was claimed.
  void claimed_run_began(std::uint64_t token, bool is_catch_up) noexcept {
    write([&] {
      set(cluster_->token, token);
      if (is_catch_up) add(cluster_->catch_ups, 1);
    });
  }
  void owner_seen(std::string_view owner) noexcept {
    write([&] { cluster_->last_owner.set(owner); });
  }
  void claim_refused(std::string_view why) noexcept {
    write([&] { cluster_->last_claim_error.set(why); });
  }

  /// The next point is another one.
  void due_again(TimePoint due) noexcept {
    write([&] { set(next_due_, due.time_since_epoch().count()); });
  }

  /// Only of a timer on the worker pool.
  void worker_found(std::chrono::nanoseconds waited) noexcept { worker_wait_->record(waited); }

  /// The run took `length` and ended at `now`. Due points passed over meanwhile; the next one is `due`.
  /// `error` is the text of a failure.
  [[gnu::always_inline]] void run_ended(Outcome outcome, TimePoint now, std::chrono::nanoseconds length,
                                        std::uint64_t skipped_since, TimePoint due,
                                        std::string_view error = {}) noexcept {
    {
      const Seqlock::Writing writing{lock_};
      if (RareStats* const rare = rare_.load(std::memory_order_relaxed)) set(rare->is_overdue, 0);
      set(is_executing_, 0);
      if (skipped_since > 0) add(skipped_, skipped_since);
      set(next_due_, due.time_since_epoch().count());
      set(last_execution_time_, length.count());
      add(total_execution_time_, number(length));
      switch (outcome) {
        case Outcome::succeeded:
          add(succeeded_, 1);
          set(last_success_, now.time_since_epoch().count());
          if (get(consecutive_errors_) > 0) set(consecutive_errors_, 0);
          break;
        case Outcome::failed:
          add(failed_, 1);
          add(consecutive_errors_, 1);
          last_error_.set(error);
          break;
        case Outcome::cancelled:
          add(cancelled_, 1);
          break;
      }
    }
    execution_time_.record(length, execution_time_range_);
  }

  // Any thread.

  /// Runs started so far; on the timer's loop exact without a snapshot.
  [[nodiscard]] std::uint64_t execution_count() const noexcept {
    return get(succeeded_) + get(failed_) + get(cancelled_) + get(is_executing_);
  }

  [[nodiscard]] bool is_executing() const noexcept { return get(is_executing_) != 0; }
  [[nodiscard]] bool is_running() const noexcept { return get(is_running_); }

  /// `never`: the timer does not run, is paused, or a run is in progress.
  [[nodiscard]] TimePoint next_due() const noexcept {
    TimePoint due = never;
    lock_.read([&] {
      const RareStats* const rare = rare_.load(std::memory_order_acquire);
      const bool has_none = !is_running() || is_executing() || (rare && get(rare->is_paused) != 0);
      due = TimePoint{get(next_due_)};
      if (has_none) due = never;
    });
    return due;
  }

  [[nodiscard]] std::chrono::nanoseconds last_execution_time() const noexcept {
    return get(last_execution_time_);
  }

  /// Of the timers' clock.
  struct Instants {
    TimePoint due = never;           ///< `never`: no run is due.
    TimePoint started = never;       ///< `never`: none is in progress.
    TimePoint last_success = never;  ///< `never`: there was none.
    TimePoint pause_end = never;     ///< `never`: there is no pause, or it does not end by itself.
  };

  /// Fills the measured members of `stats`.
  Instants snapshot(TimerStats& stats) const {
    Instants instants;
    bool was_late_by_many = false;
    SharedText::Copy error{}, pause_reason{}, blocked_by{}, last_owner{}, last_claim_error{};
    lock_.read([&] {
      stats.success_count = get(succeeded_);
      stats.error_count = get(failed_);
      stats.cancelled_count = get(cancelled_);
      stats.is_executing = get(is_executing_) != 0;
      stats.is_running = get(is_running_);
      stats.is_finished = get(is_finished_);
      if (stats.is_executing) instants.started = TimePoint{get(started_)};
      stats.last_lateness_cause = get(lateness_cause_);
      was_late_by_many = get(was_late_by_many_);
      stats.skipped_count = get(skipped_);
      stats.drift_count = get(drifts_);
      stats.consecutive_errors = get(consecutive_errors_);
      stats.last_execution_time = get(last_execution_time_);
      stats.total_execution_time =
          std::chrono::nanoseconds{static_cast<std::int64_t>(get(total_execution_time_))};
      stats.last_lateness = get(last_lateness_);
      if (deferral_) stats.last_deferral = get(deferral_->last);
      stats.interval = get(interval_);
      instants.due = TimePoint{get(next_due_)};
      instants.last_success = TimePoint{get(last_success_)};
      error = last_error_.copy();
      if (const RareStats* const rare = rare_.load(std::memory_order_acquire)) {
        read(*rare, stats);
        pause_reason = rare->pause_reason.copy();
        if (stats.is_paused) instants.pause_end = TimePoint{get(rare->pause_end)};
        blocked_by = rare->blocked_by.copy();
      }
      if (cluster_) {
        read(*cluster_, stats);
        last_owner = cluster_->last_owner.copy();
        last_claim_error = cluster_->last_claim_error.copy();
      }
    });

    const std::uint64_t finished = stats.success_count + stats.error_count + stats.cancelled_count;
    stats.execution_count = finished + (stats.is_executing ? 1 : 0);
    if (stats.execution_count > 0) {
      stats.error_rate =
          100.0 * static_cast<double>(stats.error_count) / static_cast<double>(stats.execution_count);
    }
    if (finished > 0) stats.average_execution_time = stats.total_execution_time / finished;
    const SkippedCounts& skipped = stats.skipped;
    stats.skipped.missed = stats.skipped_count - skipped.drifted - skipped.failing - skipped.paused -
                           skipped.elsewhere - skipped.claim_failed;
    stats.last_error = error.text();
    if (stats.is_paused) stats.pause_reason = pause_reason.text();
    stats.last_blocked_by = was_late_by_many ? std::string{many_short_runs} : blocked_by.text();
    stats.last_owner = last_owner.text();
    stats.last_claim_error = last_claim_error.text();
    stats.execution_time = execution_time_.percentiles(execution_time_range_);
    stats.lateness = lateness_.percentiles(lateness_range_);
    if (deferral_) stats.deferral = deferral_->histogram.percentiles(deferral_->range);
    if (worker_wait_) stats.worker_wait = worker_wait_->histogram.percentiles(worker_wait_->range);
    stats.execution_time_buckets = execution_time_.buckets(stats.total_execution_time);
    stats.lateness_buckets =
        lateness_.buckets(std::chrono::nanoseconds{static_cast<std::int64_t>(get(total_lateness_))});
    if (!stats.is_running || stats.is_executing || stats.is_paused) instants.due = never;
    return instants;
  }

 private:
  using Count = std::atomic<std::uint64_t>;
  using Nanoseconds = std::atomic<std::int64_t>;
  struct Durations {
    [[gnu::noinline]] void record(std::chrono::nanoseconds duration) noexcept {
      histogram.record(duration, range);
    }
    DurationRange range;
    DurationHistogram histogram;
  };
  struct Deferral : Durations {
    Nanoseconds last{0};
  };
  static_assert(Count::is_always_lock_free && Nanoseconds::is_always_lock_free &&
                std::atomic<LatenessCause>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

  template <class Write>
  void write(Write&& fields) noexcept {
    const Seqlock::Writing writing{lock_};
    fields();
  }

  /// Null without memory: what it should hold is lost.
  RareStats* make_rare() noexcept {
    RareStats* rare = rare_.load(std::memory_order_relaxed);
    if (rare) return rare;
    rare = new (std::nothrow) RareStats;
    rare_.store(rare, std::memory_order_release);
    return rare;
  }

  void late_by_event_loop(std::string_view holder) noexcept {
    constexpr LatenessCause cause = LatenessCause::event_loop;
    if (holder.empty()) {
      // In an overloaded service all timers are late, all the time: no text for each.
      if (get(was_late_by_many_) && get(lateness_cause_) == cause) return;
      write([&] {
        set(lateness_cause_, cause);
        set(was_late_by_many_, true);
      });
      return;
    }
    RareStats* const rare = make_rare();
    write([&] {
      set(lateness_cause_, cause);
      set(was_late_by_many_, false);
      if (rare) rare->blocked_by.set(holder);
    });
  }

  template <class Write>
  void write_rare(Write&& fields) noexcept {
    if (RareStats* const rare = make_rare()) write([&] { fields(*rare); });
  }

  [[gnu::noinline]] void add_by_reason(const Schedule::Decision& decision) noexcept {
    if (decision.drifted) add(drifts_, 1);
    RareStats* const rare = rare_.load(std::memory_order_relaxed);
    if (!rare) return;
    add(rare->failing, decision.failing);
    if (decision.drifted) add(rare->drifted, decision.skipped - decision.failing);
  }

  static void read(const RareStats& rare, TimerStats& stats) noexcept {
    stats.skipped.drifted = get(rare.drifted);
    stats.skipped.failing = get(rare.failing);
    stats.skipped.paused = get(rare.paused);
    stats.timeout_count = get(rare.timeouts);
    stats.blocking_count = get(rare.blockings);
    stats.clock_step_count = get(rare.clock_steps);
    stats.is_overdue = get(rare.is_overdue) != 0;
    stats.is_paused = get(rare.is_paused) != 0;
    stats.longest_blocking = get(rare.longest_blocking);
  }

  static void read(const ClusterStats& cluster, TimerStats& stats) noexcept {
    stats.claims.won = get(cluster.won);
    stats.claims.lost = get(cluster.lost);
    stats.claims.failed = get(cluster.failed);
    stats.claims.unclear = get(cluster.unclear);
    stats.claims.running_elsewhere = get(cluster.running_elsewhere);
    stats.skipped.elsewhere = get(cluster.elsewhere);
    stats.skipped.claim_failed = get(cluster.claim_failed);
    stats.catch_up_count = get(cluster.catch_ups);
    stats.current_token = get(cluster.token);
  }

  /// Null: it is not a claim that was made.
  Count* count_of(ClaimOutcome outcome) noexcept {
    switch (outcome) {
      case ClaimOutcome::won:
        return &cluster_->won;
      case ClaimOutcome::lost:
        return &cluster_->lost;
      case ClaimOutcome::failed:
        return &cluster_->failed;
      case ClaimOutcome::unclear:
        return &cluster_->unclear;
      case ClaimOutcome::running_elsewhere:
        return &cluster_->running_elsewhere;
      case ClaimOutcome::behind:
        break;
    }
    return nullptr;
  }

  static std::uint64_t number(std::chrono::nanoseconds duration) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  }

  template <class Field>
  static Field get(const std::atomic<Field>& field) noexcept {
    return field.load(std::memory_order_acquire);
  }
  template <class Field>
  static void set(std::atomic<Field>& field, std::type_identity_t<Field> value) noexcept {
    field.store(value, std::memory_order_release);
  }
  static std::chrono::nanoseconds get(const Nanoseconds& field) noexcept {
    return std::chrono::nanoseconds{field.load(std::memory_order_acquire)};
  }
  [[gnu::always_inline]] static void add(Count& count, std::uint64_t by) noexcept {
    set(count, count.load(std::memory_order_relaxed) + by);
  }

  // What a tick reads and writes lies together.
  Seqlock lock_;
  Count is_executing_{0}, succeeded_{0}, consecutive_errors_{0}, total_execution_time_{0};
  Count total_lateness_{0};
  Nanoseconds last_execution_time_{0}, last_lateness_{0}, next_due_{0}, started_{0};
  Nanoseconds last_success_{never.time_since_epoch().count()};
  DurationRange execution_time_range_, lateness_range_;
  std::unique_ptr<Deferral> deferral_;
  std::atomic<RareStats*> rare_{nullptr};
  std::atomic<LatenessCause> lateness_cause_{LatenessCause::none};
  std::atomic<bool> was_late_by_many_{false};
  std::atomic<bool> is_running_{false};
  std::atomic<bool> is_finished_{false};
  std::unique_ptr<Durations> worker_wait_;
  std::unique_ptr<ClusterStats> cluster_;
  Nanoseconds interval_;
  Count failed_{0}, cancelled_{0}, skipped_{0}, drifts_{0};
  SharedText last_error_;
  DurationHistogram execution_time_, lateness_;
};

}  // namespace cliffracer::detail
