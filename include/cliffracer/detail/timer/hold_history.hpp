#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/rare_stats.hpp>
#include <cliffracer/timer_stats.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// What held the event loop lately, so that a late run can say why it is late. Only on the strand.
class HoldHistory {
 public:
  /// Shorter delays have no cause that is worth telling.
  static constexpr std::chrono::nanoseconds shortest = std::chrono::milliseconds{1};

  /// `threshold` 0: nothing is measured, and no cause but own_run is known.
  explicit HoldHistory(std::chrono::nanoseconds threshold) : threshold_{threshold} {}

  [[nodiscard]] bool is_on() const noexcept { return threshold_ > std::chrono::nanoseconds::zero(); }
  [[nodiscard]] std::chrono::nanoseconds threshold() const noexcept { return threshold_; }

  /// The event loop comes from other work, or from waiting, to a series of runs.
  void runs_begin(TimePoint now) noexcept { runs_began_ = now; }

  /// `by` ("timer sync") held the event loop.
  void held(std::string_view by, TimePoint began, TimePoint ended) {
    if (elapsed(began, ended) < shortest) return;
    by_ = by;
    began_ = began;
    ended_ = ended;
  }

  /// Why a run that was due at `due` begins only `now`, later than `shortest`.
  [[nodiscard]] LatenessCause cause_of(TimePoint due, TimePoint now, TimePoint own_end) noexcept {
    if (due < own_end) return LatenessCause::own_run;
    if (!is_on()) return LatenessCause::none;
    was_held_by_one_ = began_ <= now && due < ended_;
    // Runs that were due before it, none of them long by itself.
    const bool is_crowded = due + shortest > runs_began_;
    return was_held_by_one_ || is_crowded ? LatenessCause::event_loop : LatenessCause::suspended;
  }

  // After cause_of() has said event_loop:

  /// Empty: it was not a single one.
  [[nodiscard]] std::string_view holder() const noexcept {
    return was_held_by_one_ ? std::string_view{by_} : std::string_view{};
  }
  [[nodiscard]] std::string_view blocked_by() const noexcept {
    return was_held_by_one_ ? std::string_view{by_} : many_short_runs;
  }

 private:
  const std::chrono::nanoseconds threshold_;
  TimePoint runs_began_{};
  TimePoint began_{};
  TimePoint ended_{};
  std::string by_;
  bool was_held_by_one_ = false;
};

}  // namespace cliffracer::detail
