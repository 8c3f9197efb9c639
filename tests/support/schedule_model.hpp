#pragma once

#include <cliffracer/detail/timer/schedule.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace support {

/// When a timer is due, told point by point, without arithmetic: slow and obvious. Instants are nanoseconds
/// from wherever the caller counts.
class ScheduleModel {
 public:
  struct Options {
    std::chrono::nanoseconds interval{};
    std::chrono::nanoseconds max_drift{};
    std::chrono::nanoseconds error_backoff{};
    std::optional<std::chrono::nanoseconds> max_error_backoff{};
    std::chrono::nanoseconds tolerance{};
    /// If it has none of its own: of its service.
    std::optional<std::chrono::nanoseconds> default_tolerance{};
    cliffracer::MissedTicks missed_ticks = cliffracer::MissedTicks::coalesce;
    bool eager = false;
    std::optional<std::chrono::nanoseconds> initial_delay{};
    cliffracer::Pacing pacing = cliffracer::Pacing::grid;
    bool align_to_epoch = false;
    std::chrono::nanoseconds offset{};
    std::chrono::nanoseconds jitter{};
  };

  /// What happens at a wake-up.
  struct Step {
    bool run = false;
    bool drifted = false;
    std::uint64_t skipped = 0;
  };

  /// `clock`: what the wall clock shows at instant 0.
  ScheduleModel(const Options& options, std::int64_t anchor, std::int64_t clock = 0)
      : options_{options},
        clock_{clock},
        grid_clock_{clock},
        grid_{anchor},
        delay_end_{anchor},
        last_{anchor - 1},
        last_start_{anchor} {
    if (!options_.eager) grid_ += options_.initial_delay.value_or(options_.interval).count();
    if (options_.initial_delay) delay_end_ = grid_;
    if (options_.align_to_epoch) grid_ = next_shown(anchor);
    due_ = grid_;
    if (options_.align_to_epoch && options_.eager) go_off_grid(anchor);
    draw_jitter();
  }

  [[nodiscard]] std::int64_t due() const { return due_ + jitter_; }
  /// The same without jitter.
  [[nodiscard]] std::int64_t point() const { return due_; }

  /// Jitter was drawn, and nobody has said how much: due() is as early as it may be.
  [[nodiscard]] bool is_vague() const { return most_jitter_ > 0; }
  /// What is due is due at `due`. False: it must not be.
  [[nodiscard]] bool learn_due(std::int64_t due) {
    jitter_ = due - due_;
    return jitter_ >= 0 && jitter_ <= std::exchange(most_jitter_, 0);
  }
  [[nodiscard]] std::chrono::nanoseconds tolerance() const { return options_.tolerance; }
  /// How much later it may be run without being late. A retry is not put off.
  [[nodiscard]] std::int64_t window() const { return retry_ ? 0 : options_.tolerance.count(); }
  /// Due points that have come and gone, each by a run or skipped.
  [[nodiscard]] std::uint64_t points() const { return points_; }

  Step wake(std::int64_t now) {
    // Jitter delays a run and nothing else.
    Step step = woken(now - jitter_);
    if (step.run) {
      last_ = due();
      last_start_ = now;
    }
    step.skipped += realign(now);
    if (!step.run) wait_for_grid();
    return step;
  }

  /// Ends the run that wake() began; returns how many due points are skipped.
  std::uint64_t finished(std::int64_t now, bool success) {
    std::uint64_t skipped = 0;
    if (!success) {
      ++failures_;
      go_off_grid(now + backoff());
      run_if_wanted(now);
      return 0;
    }
    failures_ = 0;
    if (is_after_run()) grid_ = now + interval();
    const std::int64_t kept = options_.max_drift.count() + options_.tolerance.count();
    if (options_.missed_ticks == cliffracer::MissedTicks::skip && now - grid_ <= kept) {
      while (grid_ < now) pass(skipped);
    }
    skipped += realign(now);
    wait_for_grid();
    run_if_wanted(now);
    return skipped;
  }

  // ---- Asked for from outside

  /// One run now, or after the one in progress, unless one is due by then.
  void trigger(std::int64_t now, bool is_executing) {
    is_wanted_ = true;
    if (!is_executing) run_if_wanted(now);
  }

  /// After a pause: what was due in it is skipped. Returns how many points.
  std::uint64_t pass_over(std::int64_t now) {
    std::uint64_t skipped = 0;
    if (is_after_run() && (grid_ <= now || grid_ == nowhere)) {
      if (grid_ <= now) pass(skipped);
      grid_ = now + interval();
    }
    while (grid_ <= now) pass(skipped);
    skipped += realign(now);
    retry_ = is_wanted_ = false;
    wait_for_grid();
    return skipped;
  }

  /// Counted from the newest start. Returns how many points are skipped: of what is due already all but one,
  /// which is due now.
  std::uint64_t set_interval(std::chrono::nanoseconds interval_from_now, std::int64_t now,
                             bool is_executing) {
    std::uint64_t skipped = 0;
    std::int64_t anchor = last_start_;
    if (is_after_run()) {
      // Counted from the end of the newest run. There is one point at most.
      anchor = grid_ <= now ? now : grid_ - interval();
      if (grid_ <= now) pass(skipped);
    } else {
      while (grid_ <= now) pass(skipped);
    }
    const bool has_grid = grid_ != nowhere;
    const bool is_late = skipped > 0 && !retry_ && !is_executing;
    skipped += realign(now);
    take_interval(interval_from_now);
    if (is_late) {
      --skipped;
      --points_;
      grid_ = options_.align_to_epoch ? next_shown(now) : now + interval();
      go_off_grid(now);
      return skipped;
    }
    if (options_.align_to_epoch)
      grid_ = next_shown(now);
    else if (now < delay_end_)
      grid_ = delay_end_;
    else if (has_grid)
      grid_ = std::max(anchor + interval(), now);
    if (!retry_ && !is_executing) wait_for_grid();
    return skipped;
  }

  void forget_failures() { failures_ = 0; }

  /// Of an aligned grid: the wall clock is known to show `clock` at instant 0. Returns how many points it was
  /// set over.
  std::uint64_t follow_clock(std::int64_t clock, std::int64_t now, bool is_executing) {
    clock_ = clock;
    const std::uint64_t skipped = realign(now);
    if (grid_ > now && !retry_ && !is_executing) wait_for_grid();
    return skipped;
  }
  /// The clock by which the next point was found.
  [[nodiscard]] std::int64_t grid_clock() const { return grid_clock_; }

  /// What is due next is a retry, or was asked for.
  [[nodiscard]] bool is_off_grid() const { return retry_; }
  /// The next point of the grid.
  [[nodiscard]] std::int64_t grid() const { return grid_; }

 private:
  Step woken(std::int64_t now) {
    Step step;
    if (is_after_run()) {
      step.run = true;
      step.drifted = now - due_ > options_.max_drift.count() + window();
      // Not run beside what was asked for, but for one that is due at the same instant.
      if (retry_ && grid_ != due_ && grid_ <= now) pass(step.skipped);
      ++points_;
      grid_ = nowhere;
      retry_ = false;
      return step;
    }
    bool off_grid = false;
    if (retry_) {
      while (grid_ < due_ || (jitter_ > 0 && grid_ <= due())) pass(step.skipped);
      off_grid = grid_ != due_;
    }
    std::uint64_t passed = 0;
    std::int64_t next = grid_;
    for (; next <= now; next += interval()) ++passed;
    if (now - due_ > options_.max_drift.count() + window()) {
      step.run = step.drifted = true;
      step.skipped += off_grid ? passed : passed - 1;
      grid_ = next;
      points_ += passed + (off_grid ? 1 : 0);
    } else if (off_grid) {
      step.run = true;
      ++points_;
    } else if (options_.missed_ticks == cliffracer::MissedTicks::burst) {
      step.run = true;
      grid_ += interval();
      ++points_;
    } else if (options_.missed_ticks == cliffracer::MissedTicks::skip && passed > 1 && !waited_) {
      step.skipped += passed;
      points_ += passed;
      grid_ = next;
      retry_ = false;
      waited_ = true;
      return step;
    } else {
      step.run = true;
      step.skipped += passed - 1;
      points_ += passed;
      grid_ = next;
    }
    if (!off_grid) shown_ = grid_ + grid_clock_ - interval();
    waited_ = retry_ = false;
    return step;
  }

  /// The first instant after `instant` at which the wall clock shows a point.
  [[nodiscard]] std::int64_t shown_after(std::int64_t instant) const {
    std::int64_t wall = (instant + clock_) / interval() * interval() - interval() + options_.offset.count();
    while (wall <= instant + clock_) wall += interval();
    return wall - clock_;
  }
  /// The same, not in the initial delay, and no point that was run.
  [[nodiscard]] std::int64_t next_shown(std::int64_t now) const {
    const std::int64_t next = shown_after(std::max(now, delay_end_ - 1));
    return next + clock_ == shown_ ? shown_after(next) : next;
  }
  /// Unless a point has come, the grid is where the wall clock shows it now. Returns how many points the
  /// clock was set over.
  std::uint64_t realign(std::int64_t now) {
    if (!options_.align_to_epoch || grid_ <= now || grid_clock_ == clock_) return 0;
    std::int64_t wall = grid_ + grid_clock_;
    grid_ = next_shown(now);
    grid_clock_ = clock_;
    std::uint64_t skipped = 0;
    if (now < delay_end_) return 0;
    for (; wall < grid_ + clock_; wall += interval()) ++skipped;
    points_ += skipped;
    return skipped;
  }

  void go_off_grid(std::int64_t due) {
    retry_ = true;
    due_ = std::max(due, last_ + 1);
    jitter_ = most_jitter_ = 0;
  }
  void wait_for_grid() {
    due_ = grid_;
    draw_jitter();
  }
  /// Uniform in [0, jitter), but how much is not the model's business.
  void draw_jitter() {
    jitter_ = 0;
    most_jitter_ = std::max<std::int64_t>(options_.jitter.count() - 1, 0);
  }
  void run_if_wanted(std::int64_t now) {
    if (!std::exchange(is_wanted_, false)) return;
    if (due_ > now || (retry_ && due() > now)) return go_off_grid(now);
    // It waits for its jitter only.
    most_jitter_ = std::min(most_jitter_, now - due_);
    jitter_ = std::min(jitter_, now - due_);
  }

  void take_interval(std::chrono::nanoseconds interval) {
    options_.interval = interval;
    if (options_.default_tolerance) options_.tolerance = std::min(*options_.default_tolerance, interval / 10);
  }

  /// While a timer that paces after its runs has no next point.
  static constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();

  [[nodiscard]] bool is_after_run() const { return options_.pacing == cliffracer::Pacing::after_run; }
  [[nodiscard]] std::int64_t interval() const { return options_.interval.count(); }
  /// After a failure: doubled for each one before.
  [[nodiscard]] std::int64_t backoff() const {
    std::int64_t backoff = options_.error_backoff.count();
    for (int n = 1; n < failures_; ++n)
      backoff = std::max(backoff, std::min(2 * backoff, max_error_backoff()));
    return backoff;
  }
  [[nodiscard]] std::int64_t max_error_backoff() const {
    if (options_.max_error_backoff) return options_.max_error_backoff->count();
    return std::min<std::int64_t>(interval(), 300'000'000'000);
  }
  void pass(std::uint64_t& skipped) {
    grid_ += interval();
    ++skipped;
    ++points_;
  }

  Options options_;
  std::int64_t clock_;       // what the wall clock shows at instant 0
  std::int64_t grid_clock_;  // the same when the next point was found
  std::int64_t shown_ = -1;  // by the wall clock: the newest point that was run
  std::int64_t grid_;        // oldest point of the grid that has not come and gone
  std::int64_t due_ = 0;
  std::int64_t delay_end_;   // of the initial delay, or the start
  std::int64_t last_;        // the newest due point that was run
  std::int64_t last_start_;  // of a run, or of the timer
  int failures_ = 0;         // in a row
  std::uint64_t points_ = 0;
  std::int64_t jitter_ = 0;       // of what is due
  std::int64_t most_jitter_ = 0;  // not 0: jitter_ is not known yet, and no more than this
  bool retry_ = false;            // or a run that was asked for
  bool is_wanted_ = false;
  bool waited_ = false;
};

}  // namespace support
