#pragma once

#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/grid.hpp>
#include <cliffracer/detail/timer/schedule_extras.hpp>
#include <cliffracer/missed_ticks.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace cliffracer::detail {

/// When a timer is due, decided in integers: no clock, no log, no waiting. One object lives as long as one
/// loop:
///
///     sleep until due(); wake(now) says whether to run; after the run finished(now, success); and again.
///
/// Due points are those of a Grid. Every one that passes is either run or counted as skipped, by the values
/// that wake(), finished(), pass_over(), set_interval() and follow_clock() return. A retry and a run that was
/// asked for have due points of their own, off the grid.
class Schedule {
 public:
  /// What to do at a wake-up.
  struct Decision {
    bool run = false;                      ///< False: sleep until due() again.
    bool drifted = false;                  ///< The run is later than max_drift.
    bool is_catch_up = false;              ///< The run is that of a point that catch_up() made due.
    std::uint32_t attempt = 1;             ///< 1 + failures in a row before this run.
    std::uint64_t skipped = 0;             ///< Due points passed over.
    std::uint64_t failing = 0;             ///< Of these: before a retry.
    TimePoint due{};                       ///< The oldest due point that the run stands for.
    std::chrono::nanoseconds deferral{0};  ///< From `due` to now, as far as the window allows.
    std::chrono::nanoseconds lateness{0};  ///< What is beyond it.
  };

  /// `extras` may be null; else it must outlive the schedule.
  constexpr Schedule(const TimerOptions& options, TimePoint anchor, ScheduleExtras* extras = nullptr) noexcept
      : grid_{options, extras ? &extras->grid : nullptr},
        max_drift_{options.max_drift},
        error_backoff_{options.error_backoff},
        most_tolerance_{options.tolerance ? options.tolerance->value() : options.default_tolerance},
        missed_ticks_{options.missed_ticks},
        is_eager_{options.eager},
        has_own_tolerance_{options.tolerance.has_value()},
        tolerance_{tolerance(options.interval)},
        extras_{extras} {
    start(anchor);
  }

  /// As if new, with the same options, which other threads may look at meanwhile.
  constexpr void start(TimePoint anchor) noexcept {
    grid_.start(anchor, is_eager_);
    last_due_ = TimePoint::min();
    last_start_ = anchor;
    failures_ = 0;
    // A grid that follows the wall clock has no point at the start.
    off_grid_ = is_eager_ && grid_.follows_wall_clock();
    is_run_wanted_ = false;
    skipped_last_ = false;
    due_ = off_grid_ ? anchor : grid_.next();
    forget_missed();
    draw_jitter();
  }

  [[nodiscard]] constexpr std::chrono::nanoseconds interval() const noexcept { return grid_.interval(); }
  [[nodiscard]] constexpr std::chrono::nanoseconds max_drift() const noexcept { return max_drift_; }
  [[nodiscard]] constexpr std::chrono::nanoseconds error_backoff() const noexcept { return error_backoff_; }
  /// With this interval. Any thread.
  [[nodiscard]] constexpr std::chrono::nanoseconds tolerance(
      std::chrono::nanoseconds interval) const noexcept {
    return has_own_tolerance_ ? most_tolerance_
                              : std::min<std::chrono::nanoseconds>(most_tolerance_, interval / 10);
  }
  /// With some interval.
  [[nodiscard]] constexpr bool has_tolerance() const noexcept { return most_tolerance_.count() > 0; }
  [[nodiscard]] constexpr const Grid& grid() const noexcept { return grid_; }
  [[nodiscard]] constexpr bool is_eager() const noexcept { return is_eager_; }

  /// When to wake up; in the past for a run that is late already, `never` at the end of the clock's range.
  [[nodiscard]] constexpr TimePoint due() const noexcept {
    return extras_ ? later(due_, extras_->drawn_jitter) : due_;
  }

  /// How much later than due() what is due may be started: a run off the grid is not put off.
  [[nodiscard]] constexpr std::chrono::nanoseconds window() const noexcept {
    return off_grid_ ? std::chrono::nanoseconds::zero() : tolerance_;
  }

  /// When the newest run began; before the first: the start.
  [[nodiscard]] constexpr TimePoint last_start() const noexcept { return last_start_; }

  /// Up to what error_backoff doubles, with this interval; 0: it stays as it is. Any thread.
  [[nodiscard]] constexpr std::chrono::nanoseconds max_error_backoff(
      std::chrono::nanoseconds interval) const noexcept {
    if (extras_ && extras_->max_error_backoff) return *extras_->max_error_backoff;
    if (error_backoff_.count() == 0) return error_backoff_;
    return std::max<std::chrono::nanoseconds>(
        error_backoff_, std::min<std::chrono::nanoseconds>(interval, std::chrono::minutes{5}));
  }

  /// After a failure: from its end to the retry.
  [[nodiscard]] constexpr std::chrono::nanoseconds backoff() const noexcept {
    const std::chrono::nanoseconds most = max_error_backoff(interval());
    std::chrono::nanoseconds backoff = error_backoff_;
    for (std::uint32_t n = 1; n < failures_ && backoff < most; ++n)
      backoff = backoff > most / 2 ? most : backoff * 2;
    return backoff;
  }

  /// It has failed as often in a row as it may.
  [[nodiscard]] constexpr bool gives_up() const noexcept {
    return extras_ && extras_->max_consecutive_errors > 0 && failures_ >= extras_->max_consecutive_errors;
  }

  /// What is due is a retry, or a run that was asked for.
  [[nodiscard]] constexpr bool is_off_grid() const noexcept { return off_grid_; }

  /// 1 + failures in a row so far.
  [[nodiscard]] constexpr std::uint32_t attempt() const noexcept { return failures_ + 1; }

  [[nodiscard, gnu::always_inline]] constexpr Decision wake(TimePoint instant) noexcept {
    Decision decision{.attempt = attempt(), .due = due()};
    if (instant < decision.due || due_ == never) return decision;
    // Jitter delays a run and nothing else: the grid sees it on time.
    const TimePoint now = extras_ ? instant - extras_->drawn_jitter : instant;
    const std::chrono::nanoseconds late = elapsed(due_, now);
    decision.deferral = std::min(late, window());
    decision.lateness = late - decision.deferral;
    if (off_grid_) pass_before_retry(decision);
    if (decision.lateness > max_drift_) {
      drift(decision, now);
    } else if (off_grid_) {
      // The grid goes on where it was; what passed since the retry was due is looked at after it.
    } else if (missed_ticks_ == MissedTicks::burst) {
      grid_.pass_one();
    } else {
      const std::uint64_t passed = grid_.pass(now);
      if (missed_ticks_ == MissedTicks::skip && passed > 1 && !skipped_last_) {
        decision.skipped += passed + grid_.follow_clock(instant);
        due_ = grid_.next();
        draw_jitter();
        // Waking late every time must not end in never running.
        skipped_last_ = true;
        return decision;
      }
      decision.skipped += passed - 1;
    }
    skipped_last_ = false;
    last_due_ = decision.due;
    last_start_ = instant;
    decision.skipped += grid_.run_began(off_grid_, instant);
    decision.run = true;
    return decision;
  }

  /// Ends the run that wake() started. Returns the number of due points passed over.
  [[nodiscard, gnu::always_inline]] constexpr std::uint64_t finished(TimePoint now, bool success) noexcept {
    if (!success) {
      if (failures_ < std::numeric_limits<std::uint32_t>::max() - 1) ++failures_;
      go_off_grid(later(now, backoff()));
      run_if_wanted(now);
      return 0;
    }
    off_grid_ = false;
    failures_ = 0;
    grid_.run_succeeded(now);
    draw_jitter();
    std::uint64_t skipped = 0;
    if (missed_ticks_ == MissedTicks::skip && grid_.next() < now &&
        elapsed(grid_.next(), now) - tolerance_ <= max_drift_) {
      // A point that is due at this very instant is not missed.
      skipped = grid_.pass(now - std::chrono::nanoseconds{1});
    }
    skipped += grid_.follow_clock(now);
    due_ = grid_.next();
    run_if_wanted(now);
    return skipped;
  }

  // ---- Asked for from outside

  /// A run now; after the one in progress when there is one, and never two for several requests. A run that
  /// is due anyway is the one, and so is a retry, which comes sooner.
  constexpr void trigger(TimePoint now, bool is_executing) noexcept {
    is_run_wanted_ = true;
    if (!is_executing) run_if_wanted(now);
  }

  /// All points until `now` are passed over, and so is a retry. Returns how many. Not while a run is in
  /// progress.
  [[nodiscard]] constexpr std::uint64_t pass_over(TimePoint now) noexcept {
    std::uint64_t passed = grid_.pass(now);
    passed += grid_.follow_clock(now);
    grid_.expect_no_run(now);
    off_grid_ = false;
    is_run_wanted_ = false;
    due_ = grid_.next();
    forget_missed();
    draw_jitter();
    return passed;
  }

  /// A point that came when nobody could run it is due now, or at the end of the initial delay, and stays so
  /// until the next one comes. False: something is due anyway. Not while a run is in progress; of a timer
  /// that has extras.
  [[nodiscard]] constexpr bool catch_up(const MissedPoint& missed, TimePoint now) noexcept {
    if (off_grid_ || grid_.next() <= now) return false;
    go_off_grid(std::max(now, extras_->grid.delay_end));
    extras_->missed = missed;
    return true;
  }

  /// What catch_up() made due gives way to a newer point that has come. Returns the number of due points
  /// passed over. Not while a run is in progress; of a timer that has extras.
  [[nodiscard]] constexpr std::uint64_t give_way(TimePoint now) noexcept {
    if (!extras_->missed || grid_.next() > now) return 0;
    const std::uint64_t passed = extras_->missed->older + (extras_->missed->is_counted ? 0 : 1);
    forget_missed();
    off_grid_ = false;
    due_ = grid_.next();
    draw_jitter();
    return passed;
  }

  constexpr void forget_failures() noexcept { failures_ = 0; }

  /// The grid is anchor + k * `interval` (> jitter and a tolerance of its own) from now on, the newest start
  /// being the anchor; what would have been due before now is due now. A retry stays where it is, and so does
  /// the end of the initial delay. With Pacing::after_run it is counted from the end of the newest run.
  /// Returns the number of due points passed over.
  [[nodiscard]] constexpr std::uint64_t set_interval(std::chrono::nanoseconds interval, TimePoint now,
                                                     bool is_executing) noexcept {
    std::uint64_t skipped = grid_.pass(now);
    const bool is_late = skipped > 0 && !off_grid_ && !is_executing;
    skipped += grid_.follow_clock(now);
    grid_.set_interval(interval, is_late ? now : last_start_, now);
    tolerance_ = tolerance(interval);
    if (is_late) {
      // One of them is run, and the grid begins there.
      --skipped;
      go_off_grid(now);
    }
    if (off_grid_ || is_executing) return skipped;
    grid_.expect_no_run(now);
    due_ = grid_.next();
    draw_jitter();
    return skipped;
  }

  /// What the wall clock shows lies `offset` behind the timers' clock from now on: an aligned grid follows. A
  /// point that was run is not run again when the clock shows it once more, unless it was set back by more
  /// than an interval. Returns how many points the clock was set over, which are passed over.
  [[nodiscard]] constexpr std::uint64_t follow_clock(std::chrono::nanoseconds offset, TimePoint now,
                                                     bool is_executing) noexcept {
    extras_->grid.wall_offset = offset;
    // What has come already is dealt with as such, and the grid follows after it.
    if (grid_.next() <= now) return 0;
    const std::uint64_t skipped = grid_.follow_clock(now);
    if (off_grid_ || is_executing) return skipped;
    due_ = grid_.next();
    draw_jitter();
    return skipped;
  }

 private:
  // What few runs come to is not part of the code that every run goes through.

  /// Before a retry, or a run that was asked for; or while the eager run of an aligned timer waited for its
  /// jitter, which is none of the grid's points.
  [[gnu::noinline]] constexpr void pass_before_retry(Decision& decision) noexcept {
    if (extras_ && extras_->missed) return take_missed(decision);
    decision.skipped = grid_.pass(decision.due > due_ ? decision.due : due_ - std::chrono::nanoseconds{1});
    if (failures_ > 0) decision.failing = decision.skipped;
    // A retry that meets the grid is that point.
    off_grid_ = grid_.next() != due_;
  }

  constexpr void take_missed(Decision& decision) noexcept {
    decision.is_catch_up = true;
    decision.due = extras_->missed->due;
    decision.skipped = extras_->missed->older;
    forget_missed();
  }

  constexpr void forget_missed() noexcept {
    if (extras_) extras_->missed.reset();
  }

  /// The run is later than max_drift, and stands for everything that was missed.
  [[gnu::noinline]] constexpr void drift(Decision& decision, TimePoint now) noexcept {
    decision.drifted = true;
    decision.skipped += grid_.pass(now);
    // A late run stands for one of the points that passed; a retry has a due point of its own.
    if (!off_grid_) --decision.skipped;
  }

  constexpr void draw_jitter() noexcept {
    if (extras_) extras_->drawn_jitter = extras_->draw();
  }

  constexpr void run_if_wanted(TimePoint now) noexcept {
    if (is_run_wanted_) run_wanted(now);
  }

  [[gnu::noinline]] constexpr void run_wanted(TimePoint now) noexcept {
    is_run_wanted_ = false;
    if (due() <= now) return;
    if (!off_grid_ && grid_.next() <= now) {
      // It waits for its jitter only.
      extras_->drawn_jitter = now - grid_.next();
      return;
    }
    go_off_grid(now);
  }

  constexpr void go_off_grid(TimePoint due) noexcept {
    if (extras_) extras_->drawn_jitter = std::chrono::nanoseconds::zero();
    off_grid_ = true;
    // Due points strictly increase, also with a run of no length and no backoff.
    due_ = std::max(due, later(last_due_, std::chrono::nanoseconds{1}));
  }

  Grid grid_;
  std::chrono::nanoseconds max_drift_;       // >= 0
  std::chrono::nanoseconds error_backoff_;   // >= 0
  std::chrono::nanoseconds most_tolerance_;  // >= 0
  MissedTicks missed_ticks_;
  bool is_eager_;
  bool has_own_tolerance_;              // else most_tolerance_ is the service's
  std::chrono::nanoseconds tolerance_;  // with this interval; >= 0, < interval
  ScheduleExtras* extras_;
  TimePoint due_{};  // the grid's next point, or what is due off the grid; before jitter
  TimePoint last_due_{};
  TimePoint last_start_{};
  std::uint32_t failures_ = 0;  // in a row
  bool off_grid_ = false;       // a retry, or a run that was asked for
  bool is_run_wanted_ = false;
  bool skipped_last_ = false;
};

}  // namespace cliffracer::detail
