#pragma once

#include <cliffracer/detail/time/time_point.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace cliffracer {

/// What happens to due points that passed while a timer could not run, as long as the oldest is late by at
/// most max_drift. (Beyond max_drift every policy runs once, at once, and re-anchors the grid there.)
enum class MissedTicks : std::uint8_t {
  coalesce,  ///< One run at once for all of them; the others count as skipped.
  burst,     ///< One run for each, back to back.
  skip,      ///< None runs; the timer waits for the next point of its grid.
};

namespace detail {

/// When a timer is due, decided in integers: no clock, no log, no waiting. One object lives as long as one
/// loop:
///
///     sleep until due(); wake(now) says whether to run; after the run finished(now, success); and again.
///
/// Due points are anchor + k * interval. Every point that passes is either run or counted as skipped, by the
/// values that wake() and finished() return.
class Schedule {
 public:
  struct Options {
    std::chrono::nanoseconds interval{};       ///< > 0
    std::chrono::nanoseconds max_drift{};      ///< >= 0
    std::chrono::nanoseconds error_backoff{};  ///< >= 0
    std::chrono::nanoseconds tolerance{};      ///< >= 0, < interval
    MissedTicks missed_ticks = MissedTicks::coalesce;
    bool eager = false;
  };

  /// What to do at a wake-up.
  struct Decision {
    bool run = false;           ///< False: sleep until due() again.
    bool drifted = false;       ///< The run is later than max_drift: the grid is re-anchored at it.
    std::uint32_t attempt = 1;  ///< 1 + failures in a row before this run.
    std::uint64_t skipped = 0;  ///< Due points passed over.
    TimePoint due{};            ///< The oldest due point that the run stands for.
    std::chrono::nanoseconds deferral{0};  ///< From `due` to now, as far as the tolerance allows.
    std::chrono::nanoseconds lateness{0};  ///< What is beyond it.
  };

  constexpr Schedule(const Options& options, TimePoint anchor) noexcept : options_{options} { start(anchor); }

  /// As if new, with the same options, which other threads may look at meanwhile.
  constexpr void start(TimePoint anchor) noexcept {
    next_ = options_.eager ? anchor : later(anchor, options_.interval);
    due_ = next_;
    last_due_ = TimePoint::min();
    failures_ = 0;
    retrying_ = false;
    skipped_last_ = false;
  }

  [[nodiscard]] constexpr const Options& options() const noexcept { return options_; }

  /// When to wake up; in the past for a run that is late already, `never` at the end of the clock's range.
  [[nodiscard]] constexpr TimePoint due() const noexcept { return due_; }

  /// 1 + failures in a row so far.
  [[nodiscard]] constexpr std::uint32_t attempt() const noexcept { return failures_ + 1; }

  [[nodiscard]] constexpr Decision wake(TimePoint now) noexcept {
    Decision decision{.attempt = attempt(), .due = due_};
    if (now < due_ || due_ == never) return decision;
    const std::chrono::nanoseconds late = elapsed(due_, now);
    decision.deferral = std::min(late, options_.tolerance);
    decision.lateness = late - decision.deferral;
    if (retrying_) {
      decision.skipped = pass(due_ - std::chrono::nanoseconds{1});
      // A retry that meets the grid is that point.
      retrying_ = next_ != due_;
    }
    if (decision.lateness > options_.max_drift) {
      decision.drifted = true;
      decision.skipped += pass(now);
      // A late run stands for one of the points that passed; a retry has a due point of its own.
      if (!retrying_) --decision.skipped;
      next_ = later(now, options_.interval);
    } else if (retrying_) {
      // The grid goes on where it was; what passed since the retry was due is looked at after it.
    } else if (options_.missed_ticks == MissedTicks::burst) {
      next_ = later(next_, options_.interval);
    } else {
      const std::uint64_t passed = pass(now);
      if (options_.missed_ticks == MissedTicks::skip && passed > 1 && !skipped_last_) {
        decision.skipped += passed;
        due_ = next_;
        // Waking late every time must not end in never running.
        skipped_last_ = true;
        return decision;
      }
      decision.skipped += passed - 1;
    }
    skipped_last_ = false;
    last_due_ = due_;
    decision.run = true;
    return decision;
  }

  /// Ends the run that wake() started. Returns the number of due points passed over.
  [[nodiscard]] constexpr std::uint64_t finished(TimePoint now, bool success) noexcept {
    retrying_ = !success;
    if (!success) {
      if (failures_ < std::numeric_limits<std::uint32_t>::max() - 1) ++failures_;
      // Due points strictly increase, also with a run of no length and no backoff.
      due_ = std::max(later(now, options_.error_backoff), later(last_due_, std::chrono::nanoseconds{1}));
      return 0;
    }
    failures_ = 0;
    std::uint64_t skipped = 0;
    if (options_.missed_ticks == MissedTicks::skip && next_ < now &&
        elapsed(next_, now) - options_.tolerance <= options_.max_drift) {
      // A point that is due at this very instant is not missed.
      skipped = pass(now - std::chrono::nanoseconds{1});
    }
    due_ = next_;
    return skipped;
  }

 private:
  /// Moves the grid behind `now`; returns how many points were not later than it.
  constexpr std::uint64_t pass(TimePoint now) noexcept {
    if (next_ > now) return 0;
    const auto interval = static_cast<std::uint64_t>(options_.interval.count());
    const auto gap = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                     static_cast<std::uint64_t>(next_.time_since_epoch().count());
    const std::uint64_t further = gap / interval;
    const auto newest = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(next_.time_since_epoch().count()) + further * interval);
    next_ = later(TimePoint{std::chrono::nanoseconds{newest}}, options_.interval);
    return further + 1;
  }

  const Options options_;
  TimePoint next_{};  // oldest point of the grid that is neither run nor skipped
  TimePoint due_{};   // next_, or the retry after a failure
  TimePoint last_due_{};
  std::uint32_t failures_ = 0;  // in a row
  bool retrying_ = false;       // due_ lies off the grid
  bool skipped_last_ = false;
};

}  // namespace detail
}  // namespace cliffracer
