#pragma once

#include <cliffracer/detail/registration/cron_fields.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cliffracer::detail {

/// The days of a month that a cron expression means.
class CronDays {
 public:
  constexpr CronDays(const CronFields& fields, std::chrono::year_month month) noexcept
      : fields_{fields},
        length_{static_cast<unsigned>((month / std::chrono::last).day())},
        first_weekday_{std::chrono::weekday{std::chrono::sys_days{month / 1}}.c_encoding()} {}

  /// Bit n for day n; the months of the expression are not looked at.
  [[nodiscard]] constexpr std::uint32_t matching() const noexcept {
    if (fields_.is_any_day) return fields_.is_any_weekday ? month() : by_weekday();
    if (fields_.is_any_weekday) return by_day();
    return fields_.needs_both_days ? by_day() & by_weekday() : by_day() | by_weekday();
  }

 private:
  static constexpr unsigned week = 7;

  [[nodiscard]] constexpr std::uint32_t month() const noexcept { return bits(1, length_); }

  [[nodiscard]] constexpr std::uint32_t by_day() const noexcept {
    std::uint32_t found = fields_.days;
    for (unsigned back = 0; back < length_; ++back)
      if ((fields_.days_from_end >> back & 1U) != 0) found |= bit(length_ - back);
    const unsigned wanted = fields_.nearest_to == CronFields::last_day ? length_ : fields_.nearest_to;
    if (wanted != 0 && wanted <= length_) found |= bit(working_day_near(wanted));
    return found & month();
  }

  [[nodiscard]] constexpr std::uint32_t by_weekday() const noexcept {
    std::uint32_t found = with_weekdays(fields_.weekdays);
    for (unsigned n = 0; n < fields_.nth_weekdays.size(); ++n)
      found |= with_weekdays(fields_.nth_weekdays[n]) & bits(week * n + 1, week * n + week);
    return found | (with_weekdays(fields_.last_weekdays) & bits(length_ - week + 1, length_));
  }

  /// The days of the month whose weekday is in the set.
  [[nodiscard]] constexpr std::uint32_t with_weekdays(std::uint8_t set) const noexcept {
    if (set == 0) return 0;
    // Seen from day 1.
    const std::uint64_t turned = ((set | std::uint64_t{set} << week) >> first_weekday_) & bits_between(0, 6);
    const std::uint64_t repeated =
        turned * (1U | 1U << week | 1U << 2 * week | 1U << 3 * week | 1U << 4 * week);
    return static_cast<std::uint32_t>(repeated << 1U) & month();
  }

  /// Monday to Friday, as near as possible, and in this month.
  [[nodiscard]] constexpr unsigned working_day_near(unsigned day) const noexcept {
    const unsigned weekday = (first_weekday_ + day - 1) % week;
    if (weekday == 6) return day > 1 ? day - 1 : day + 2;
    if (weekday == 0) return day < length_ ? day + 1 : day - 2;
    return day;
  }

  [[nodiscard]] static constexpr std::uint32_t bit(unsigned day) noexcept { return std::uint32_t{1} << day; }
  [[nodiscard]] static constexpr std::uint32_t bits(unsigned first, unsigned last) noexcept {
    return static_cast<std::uint32_t>(bits_between(first, last));
  }

  const CronFields& fields_;
  unsigned length_;
  unsigned first_weekday_;
};

/// Whether there is any day that the expression means. Years differ in two things, the weekday on which they
/// begin and 29 February; from 2000 to 2027 each of the 14 kinds is there.
[[nodiscard]] constexpr bool comes_ever(const CronFields& fields) noexcept {
  for (int year = 2000; year < 2028; ++year) {
    for (unsigned month = 1; month <= 12; ++month) {
      if ((fields.months >> month & 1U) == 0) continue;
      if (CronDays{fields, std::chrono::year{year} / std::chrono::month{month}}.matching() != 0) return true;
    }
  }
  return false;
}

}  // namespace cliffracer::detail
