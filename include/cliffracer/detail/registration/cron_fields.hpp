#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace cliffracer::detail {

/// The fields of a cron expression, in the order in which they stand; `whole` for what concerns all of it.
enum class CronField : std::uint8_t { second, minute, hour, day_of_month, month, day_of_week, whole };

/// What a cron expression says, as sets: bit n of a set stands for the value n, Sunday is 0.
struct CronFields {
  /// `nearest_to` for LW: the month's last day from Monday to Friday.
  static constexpr std::uint8_t last_day = 32;

  std::uint64_t seconds = 1;  ///< Second 0, when the expression has no field for it.
  std::uint64_t minutes = 0;
  std::uint32_t hours = 0;
  std::uint32_t days = 0;
  std::uint32_t days_from_end = 0;  ///< Bit n: L-n, which is n days before the month's last.
  std::uint16_t months = 0;
  std::uint8_t weekdays = 0;
  std::array<std::uint8_t, 5> nth_weekdays{};  ///< Weekdays that count in the first, second ... week: D#1 ...
  std::uint8_t last_weekdays = 0;              ///< D#L
  std::uint8_t nearest_to = 0;                 ///< 15W; 0 for none.
  bool is_any_day = false;                     ///< Day of month is * or ?
  bool is_any_weekday = false;                 ///< Day of week is * or ?
  bool needs_both_days = false;                ///< Day of week begins with +
  /// Minute or hour has * in it: points follow real time where the clock is changed.
  bool follows_real_time = false;
  /// An H has no value yet: sets hold all that it may become.
  bool has_open_hash = false;

  friend constexpr bool operator==(const CronFields&, const CronFields&) noexcept = default;
};

/// How close two values of a set lie, where `size` is the first value that is one too large and the same as
/// 0.
[[nodiscard]] constexpr unsigned smallest_gap(std::uint64_t set, unsigned size) noexcept {
  unsigned smallest = size;
  unsigned since = 0;
  for (unsigned value = static_cast<unsigned>(std::countr_zero(set)) + 1; value < 2 * size; ++value) {
    ++since;
    if ((set >> value % size & 1U) == 0) continue;
    smallest = std::min(smallest, since);
    since = 0;
  }
  return smallest;
}

/// How close two points may lie where clocks are not changed.
[[nodiscard]] constexpr std::chrono::seconds shortest_distance(const CronFields& fields) noexcept {
  using namespace std::chrono;
  if (std::popcount(fields.seconds) > 1) return seconds{smallest_gap(fields.seconds, 60)};
  if (std::popcount(fields.minutes) > 1) return minutes{smallest_gap(fields.minutes, 60)};
  return hours{smallest_gap(fields.hours, 24)};
}

/// Bits `first` to `last`, both included; at most 63.
[[nodiscard]] constexpr std::uint64_t bits_between(unsigned first, unsigned last) noexcept {
  return (~std::uint64_t{0} >> (63U - last)) & (~std::uint64_t{0} << first);
}

}  // namespace cliffracer::detail
