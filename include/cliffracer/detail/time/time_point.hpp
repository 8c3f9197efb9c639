#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace cliffracer::detail {

/// An instant of the clock that timers go by: in production the steady clock.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// No instant ever: what lies beyond the clock's range.
inline constexpr TimePoint never = TimePoint::max();

/// `from + by` for by >= 0, `never` where the clock's range ends.
[[nodiscard]] constexpr TimePoint later(TimePoint from, std::chrono::nanoseconds by) noexcept {
  return from.time_since_epoch().count() > 0 && by > never - from ? never : from + by;
}

/// `to - from` for to >= from, at most what nanoseconds can hold.
[[nodiscard]] constexpr std::chrono::nanoseconds elapsed(TimePoint from, TimePoint to) noexcept {
  const auto gap = static_cast<std::uint64_t>(to.time_since_epoch().count()) -
                   static_cast<std::uint64_t>(from.time_since_epoch().count());
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(gap, most))};
}

}  // namespace cliffracer::detail
