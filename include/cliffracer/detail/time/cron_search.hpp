#pragma once

#include <cliffracer/detail/registration/cron_days.hpp>
#include <cliffracer/detail/registration/cron_fields.hpp>

#include <bit>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// The times of a clock that a cron expression means, on a clock that is never changed. Goes from value to
/// value of each field, by bit sets; only months are gone through one by one.
class CronSearch {
 public:
  using LocalTime = std::chrono::local_seconds;

  /// In the years 1969 to 2401: a year more than any zone's clocks show between 1970 and 2400.
  static constexpr int first_year = 1969;
  static constexpr int last_year = 2401;

  constexpr explicit CronSearch(const CronFields& fields) noexcept : fields_{fields} {}

  /// The first one that is `from` or later.
  [[nodiscard]] constexpr std::optional<LocalTime> at_or_after(LocalTime from) const noexcept {
    const auto midnight = std::chrono::floor<std::chrono::days>(from);
    const auto day = day_at_or_after(midnight);
    if (!day) return std::nullopt;
    if (*day != midnight) return *day + *time_at_or_after(std::chrono::seconds{0});
    if (const auto time = time_at_or_after(from - midnight)) return midnight + *time;
    const auto next_day = day_at_or_after(midnight + std::chrono::days{1});
    if (!next_day) return std::nullopt;
    return *next_day + *time_at_or_after(std::chrono::seconds{0});
  }

  /// The last one that is `from` or earlier.
  [[nodiscard]] constexpr std::optional<LocalTime> at_or_before(LocalTime from) const noexcept {
    constexpr auto end_of_day = std::chrono::days{1} - std::chrono::seconds{1};
    const auto midnight = std::chrono::floor<std::chrono::days>(from);
    const auto day = day_at_or_before(midnight);
    if (!day) return std::nullopt;
    if (*day != midnight) return *day + *time_at_or_before(end_of_day);
    if (const auto time = time_at_or_before(from - midnight)) return midnight + *time;
    const auto day_before = day_at_or_before(midnight - std::chrono::days{1});
    if (!day_before) return std::nullopt;
    return *day_before + *time_at_or_before(end_of_day);
  }

 private:
  using Day = std::chrono::local_days;
  using TimeOfDay = std::optional<std::chrono::seconds>;

  static constexpr int none = -1;

  /// The least value of a set that is `from` or more, the greatest that is `from` or less; `none`.
  [[nodiscard]] static constexpr int up(std::uint64_t set, int from) noexcept {
    if (from > 63) return none;
    const std::uint64_t left = set & bits_between(static_cast<unsigned>(from), 63);
    return left == 0 ? none : std::countr_zero(left);
  }
  [[nodiscard]] static constexpr int down(std::uint64_t set, int from) noexcept {
    if (from < 0) return none;
    const std::uint64_t left = set & bits_between(0, static_cast<unsigned>(from));
    return left == 0 ? none : 63 - std::countl_zero(left);
  }

  [[nodiscard]] static constexpr std::chrono::seconds at(int hour, int minute, int second) noexcept {
    return std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second};
  }

  /// The first time of day that is `from` or later.
  [[nodiscard]] constexpr TimeOfDay time_at_or_after(std::chrono::seconds from) const noexcept {
    const std::chrono::hh_mm_ss time{from};
    const auto hour = static_cast<int>(time.hours().count());
    const auto minute = static_cast<int>(time.minutes().count());
    const auto second = static_cast<int>(time.seconds().count());
    const int first_second = up(fields_.seconds, 0);
    if (up(fields_.hours, hour) == hour) {
      if (up(fields_.minutes, minute) == minute)
        if (const int found = up(fields_.seconds, second); found != none) return at(hour, minute, found);
      if (const int found = up(fields_.minutes, minute + 1); found != none)
        return at(hour, found, first_second);
    }
    const int found = up(fields_.hours, hour + 1);
    if (found == none) return std::nullopt;
    return at(found, up(fields_.minutes, 0), first_second);
  }

  [[nodiscard]] constexpr TimeOfDay time_at_or_before(std::chrono::seconds from) const noexcept {
    const std::chrono::hh_mm_ss time{from};
    const auto hour = static_cast<int>(time.hours().count());
    const auto minute = static_cast<int>(time.minutes().count());
    const auto second = static_cast<int>(time.seconds().count());
    const int last_second = down(fields_.seconds, 59);
    if (down(fields_.hours, hour) == hour) {
      if (down(fields_.minutes, minute) == minute)
        if (const int found = down(fields_.seconds, second); found != none) return at(hour, minute, found);
      if (const int found = down(fields_.minutes, minute - 1); found != none)
        return at(hour, found, last_second);
    }
    const int found = down(fields_.hours, hour - 1);
    if (found == none) return std::nullopt;
    return at(found, down(fields_.minutes, 59), last_second);
  }

  [[nodiscard]] constexpr std::optional<Day> day_at_or_after(Day from) const noexcept {
    const std::chrono::year_month_day date{from};
    int year = static_cast<int>(date.year());
    int month = static_cast<int>(static_cast<unsigned>(date.month()));
    int day = static_cast<int>(static_cast<unsigned>(date.day()));
    for (; year <= last_year; ++year, month = 1, day = 1) {
      for (int found = up(fields_.months, month); found != none; found = up(fields_.months, found + 1)) {
        if (const int fit = up(days_of(year, found), found == month ? day : 1); fit != none)
          return date_of(year, found, fit);
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] constexpr std::optional<Day> day_at_or_before(Day from) const noexcept {
    const std::chrono::year_month_day date{from};
    int year = static_cast<int>(date.year());
    int month = static_cast<int>(static_cast<unsigned>(date.month()));
    int day = static_cast<int>(static_cast<unsigned>(date.day()));
    for (; year >= first_year; --year, month = 12, day = 31) {
      for (int found = down(fields_.months, month); found != none; found = down(fields_.months, found - 1)) {
        if (const int fit = down(days_of(year, found), found == month ? day : 31); fit != none)
          return date_of(year, found, fit);
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] constexpr std::uint32_t days_of(int year, int month) const noexcept {
    return CronDays{fields_, std::chrono::year{year} / month}.matching();
  }
  [[nodiscard]] static constexpr Day date_of(int year, int month, int day) noexcept {
    return Day{std::chrono::year{year} / month / day};
  }

  const CronFields& fields_;
};

}  // namespace cliffracer::detail
