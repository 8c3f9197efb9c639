#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/grid.hpp>
#include <cliffracer/detail/timer/schedule_extras.hpp>
#include <cliffracer/detail/timer/wall_points.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// Which tick of a cluster timer nobody has run, and is to be made up for: decided without I/O and without a
/// clock. `grid` must outlive it.
class CatchUp {
 public:
  /// `patience`: how old the tick may be; 0: none is looked for.
  CatchUp(const Grid& grid, std::chrono::nanoseconds patience) noexcept : grid_{grid}, patience_{patience} {}

  /// The timer starts, and the wall clock shows `wall`: the ticks until then are in nobody's statistics here.
  void begin(WallTime wall) noexcept {
    uncounted_ = grid_.token_at(wall);
    failed_ = offered_ = 0;
    is_wanted_ = patience_.count() > 0;
  }

  /// The tick could not be claimed, and was passed over.
  void claim_failed(std::uint64_t token) noexcept {
    if (patience_.count() == 0) return;
    // What was offered is not counted when it is passed over.
    if (token == offered_) uncounted_ = token;
    failed_ = token;
    is_wanted_ = true;
  }

  /// The newest claim is to be asked for.
  [[nodiscard]] bool is_wanted() const noexcept { return is_wanted_; }
  void set_wanted(bool is_wanted) noexcept { is_wanted_ = is_wanted; }

  /// That of the timer, made for its present schedule, has the token `newest_claim`. Returns the tick to run
  /// when the wall clock shows `wall` and the timers' clock `now`.
  [[nodiscard]] std::optional<MissedPoint> find(std::uint64_t newest_claim, WallTime wall,
                                                TimePoint now) const noexcept {
    const std::chrono::nanoseconds age = wall - grid_.newest_at(wall);
    const std::uint64_t token = grid_.token_at(wall);
    const bool is_counted = token > uncounted_;
    if (token <= newest_claim || age > patience_ || (is_counted && token != failed_)) return std::nullopt;
    const std::uint64_t uncounted = grid_.count_between(newest_claim, std::min(token, uncounted_));
    return MissedPoint{
        .due = now - age, .older = is_counted ? uncounted : uncounted - 1, .is_counted = is_counted};
  }

  /// The timer has taken what was found, and sees to the counting.
  void offered(WallTime wall) noexcept {
    offered_ = grid_.token_at(wall);
    uncounted_ = 0;
  }

 private:
  const Grid& grid_;
  const std::chrono::nanoseconds patience_;
  // Tokens; 0: none.
  std::uint64_t uncounted_ = 0;  // up to here ticks are not in the statistics
  std::uint64_t failed_ = 0;     // the newest that could not be claimed
  std::uint64_t offered_ = 0;    // the newest that the timer has taken
  bool is_wanted_ = false;
};

}  // namespace cliffracer::detail
