#pragma once

#include <cliffracer/detail/registration/calendar.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace cliffracer::detail {

/// What the wall clock shows, since the epoch.
using WallTime = std::chrono::nanoseconds;

/// No point ever: it lies beyond what 64-bit nanoseconds hold, or a calendar has ended.
inline constexpr WallTime no_point = WallTime::max();

/// The points of a grid that follows the wall clock: those of a calendar, or k * interval + offset.
class WallPoints {
 public:
  /// `calendar`: null for a grid with an interval; else it must outlive this.
  constexpr WallPoints(const Calendar* calendar, std::chrono::nanoseconds offset) noexcept
      : calendar_{calendar}, offset_{offset} {}

  [[nodiscard]] constexpr std::chrono::nanoseconds offset() const noexcept { return offset_; }

  /// The first one later than `wall`.
  [[nodiscard]] constexpr WallTime after(WallTime wall, std::chrono::nanoseconds interval) const noexcept {
    if (calendar_ != nullptr) return calendar_after(wall);
    const WallTime newest = at_or_before(wall, interval);
    return newest > no_point - interval ? no_point : newest + interval;
  }

  /// The last one that is `wall` or earlier. Of a calendar that begins later: the epoch.
  [[nodiscard]] constexpr WallTime at_or_before(WallTime wall,
                                                std::chrono::nanoseconds interval) const noexcept {
    if (calendar_ != nullptr) return calendar_at_or_before(wall);
    const std::chrono::nanoseconds past = (wall - offset_) % interval;
    return wall - (past.count() < 0 ? past + interval : past);
  }

  /// How many there are from the point `first` to before the point `last`.
  [[nodiscard]] constexpr std::uint64_t between(WallTime first, WallTime last,
                                                std::chrono::nanoseconds interval) const noexcept {
    if (last <= first) return 0;
    if (calendar_ != nullptr) return calendar_between(first, last);
    return static_cast<std::uint64_t>((last - first) / interval);
  }

 private:
  using Shown = std::chrono::sys_time<std::chrono::nanoseconds>;

  [[nodiscard]] WallTime calendar_after(WallTime wall) const noexcept {
    const auto next = calendar_->at.next_after(Shown{wall}, calendar_->zone);
    constexpr auto end = std::chrono::floor<std::chrono::seconds>(no_point);
    return next && next->time_since_epoch() < end ? WallTime{next->time_since_epoch()} : no_point;
  }

  [[nodiscard]] WallTime calendar_at_or_before(WallTime wall) const noexcept {
    const Shown end{std::min(wall, no_point - WallTime{1}) + WallTime{1}};
    const auto newest = calendar_->at.previous_before(end, calendar_->zone);
    return newest ? WallTime{newest->time_since_epoch()} : WallTime{0};
  }

  [[nodiscard]] std::uint64_t calendar_between(WallTime first, WallTime last) const noexcept {
    std::uint64_t points = 0;
    for (WallTime point = first; point < last; point = calendar_after(point)) ++points;
    return points;
  }

  const Calendar* calendar_;
  std::chrono::nanoseconds offset_;  // >= 0, < interval
};

}  // namespace cliffracer::detail
