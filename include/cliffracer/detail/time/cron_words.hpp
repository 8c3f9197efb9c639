#pragma once

#include <cliffracer/detail/registration/cron_fields.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// "day of month"
[[nodiscard]] constexpr std::string_view name_of(CronField field) noexcept {
  constexpr std::array<std::string_view, 7> names{"second", "minute",      "hour", "day of month",
                                                  "month",  "day of week", "all"};
  return names[static_cast<std::size_t>(field)];
}

/// "1", "1 and 2", "1, 2 and 3"
[[nodiscard]] inline std::string listed(const std::vector<std::string>& items,
                                        std::string_view last = "and") {
  std::string text;
  for (std::size_t n = 0; n < items.size(); ++n) {
    if (n > 0) text.append(n + 1 < items.size() ? ", " : " " + std::string{last} + " ");
    text += items[n];
  }
  return text;
}

/// A cron expression in words. It has no open H.
class CronWords {
 public:
  explicit CronWords(const CronFields& fields) : fields_{fields} {}

  [[nodiscard]] std::string all() const {
    std::string text = time();
    if (!days().empty())
      text += " " + days();
    else if (text.starts_with("at ") && fields_.hours != all_hours)
      text += " every day";
    if (fields_.months != all_months) text += " in " + runs_of_names(fields_.months >> 1U, month_names);
    if (is_restricted_twice() && fields_.needs_both_days) text += ", but only " + weekdays();
    return text;
  }

 private:
  static constexpr std::uint64_t all_minutes = bits_between(0, 59);
  static constexpr std::uint32_t all_hours = bits_between(0, 23);
  static constexpr std::uint16_t all_months = bits_between(1, 12);

  // ---- Time of day

  [[nodiscard]] std::string time() const {
    constexpr int most_times = 6;
    if (std::popcount(fields_.hours) * std::popcount(fields_.minutes) * std::popcount(fields_.seconds) <=
        most_times)
      return "at " + times();
    const bool has_seconds = fields_.seconds != 1;
    std::string text =
        repeated(has_seconds ? fields_.seconds : fields_.minutes, has_seconds ? "second" : "minute");
    bool is_regular = text.starts_with("every");
    if (has_seconds && !(is_regular && fields_.minutes == all_minutes)) {
      text += " of " + numbered(fields_.minutes, "minute", all_minutes);
      is_regular = fields_.minutes == all_minutes;
    }
    if (!is_regular || fields_.hours != all_hours)
      text += " of " + numbered(fields_.hours, "hour", all_hours);
    return text;
  }

  /// "02:30 and 14:30", with seconds when there are any.
  [[nodiscard]] std::string times() const {
    std::vector<std::string> items;
    for (const unsigned hour : values(fields_.hours)) {
      for (const unsigned minute : values(fields_.minutes)) {
        for (const unsigned second : values(fields_.seconds)) {
          std::string item = two_digits(hour) + ":" + two_digits(minute);
          if (fields_.seconds != 1) item += ":" + two_digits(second);
          items.push_back(std::move(item));
        }
      }
    }
    return listed(items);
  }

  /// "every minute", "every 15 minutes", "at minutes 5 and 10"
  [[nodiscard]] static std::string repeated(std::uint64_t set, std::string_view unit) {
    for (const unsigned step : {1U, 2U, 3U, 4U, 5U, 6U, 10U, 12U, 15U, 20U, 30U}) {
      std::uint64_t regular = 0;
      for (unsigned value = 0; value < 60; value += step) regular |= std::uint64_t{1} << value;
      if (set != regular) continue;
      return step == 1 ? "every " + std::string{unit}
                       : "every " + std::to_string(step) + " " + std::string{unit} + "s";
    }
    return "at " + numbered(set, unit, 0);
  }

  /// "every hour", "hour 9", "hours 9 to 17"
  [[nodiscard]] static std::string numbered(std::uint64_t set, std::string_view unit, std::uint64_t full) {
    if (set == full) return "every " + std::string{unit};
    return std::string{unit} + (std::popcount(set) > 1 ? "s " : " ") + runs(set);
  }

  // ---- Days

  [[nodiscard]] bool is_restricted_twice() const noexcept {
    return !fields_.is_any_day && !fields_.is_any_weekday;
  }

  /// Empty for every day. When both are needed, all() adds the day of the week.
  [[nodiscard]] std::string days() const {
    if (is_restricted_twice())
      return fields_.needs_both_days ? days_of_month() : days_of_month() + " or " + weekdays();
    if (!fields_.is_any_day) return days_of_month();
    return fields_.is_any_weekday ? "" : weekdays();
  }

  [[nodiscard]] std::string days_of_month() const {
    if (fields_.nearest_to == CronFields::last_day)
      return "on the last working day (Monday to Friday) of the month";
    if (fields_.nearest_to != 0)
      return "on the working day (Monday to Friday) nearest to day " + std::to_string(fields_.nearest_to) +
             " of the month";
    std::vector<std::string> items;
    if (fields_.days != 0) items.push_back(std::popcount(fields_.days) > 1 ? "days " : "day ");
    if (fields_.days != 0) items.back() += runs(fields_.days);
    for (const unsigned back : values(fields_.days_from_end)) {
      if (back == 0)
        items.emplace_back("the last day");
      else
        items.push_back(std::to_string(back) + (back > 1 ? " days" : " day") + " before the last day");
    }
    return "on " + listed(items) + " of the month";
  }

  [[nodiscard]] std::string weekdays() const {
    constexpr std::array<std::string_view, 5> places{"first", "second", "third", "fourth", "fifth"};
    std::vector<std::string> items;
    if (fields_.weekdays != 0) {
      const std::string names = runs_of_names(from_monday(fields_.weekdays), weekday_names);
      const bool is_one_run =
          names.find(" to ") != std::string::npos && names.find(" and ") == std::string::npos;
      items.push_back((is_one_run ? "from " : "on ") + names);
    }
    for (std::size_t n = 0; n < places.size(); ++n) add_place(items, places[n], fields_.nth_weekdays[n]);
    add_place(items, "last", fields_.last_weekdays);
    return listed(items, "or");
  }

  static void add_place(std::vector<std::string>& items, std::string_view place, std::uint8_t weekdays) {
    for (const unsigned day : values(from_monday(weekdays)))
      items.push_back("on the " + std::string{place} + " " + std::string{weekday_names[day]} +
                      " of the month");
  }

  // ---- Sets

  static constexpr std::array<std::string_view, 12> month_names{
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  static constexpr std::array<std::string_view, 7> weekday_names{
      "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

  /// Bit 0 is Monday.
  [[nodiscard]] static constexpr std::uint8_t from_monday(std::uint8_t weekdays) noexcept {
    return static_cast<std::uint8_t>(weekdays >> 1U | (weekdays & 1U) << 6U);
  }

  [[nodiscard]] static std::vector<unsigned> values(std::uint64_t set) {
    std::vector<unsigned> found;
    for (unsigned value = 0; value < 64; ++value)
      if ((set >> value & 1U) != 0) found.push_back(value);
    return found;
  }

  [[nodiscard]] static std::string two_digits(unsigned value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
  }

  /// "1, 3 and 5 to 7"; `name`: of a value.
  template <class Name>
  [[nodiscard]] static std::string runs_named(std::uint64_t set, const Name& name) {
    std::vector<std::string> items;
    for (unsigned value = 0; value < 64; ++value) {
      if ((set >> value & 1U) == 0) continue;
      unsigned end = value;
      while (end < 63 && (set >> (end + 1) & 1U) != 0) ++end;
      if (end < value + 2) end = value;
      items.push_back(end > value ? name(value) + " to " + name(end) : name(value));
      value = end;
    }
    return listed(items);
  }
  [[nodiscard]] static std::string runs(std::uint64_t set) {
    return runs_named(set, [](unsigned value) { return std::to_string(value); });
  }
  template <std::size_t Count>
  [[nodiscard]] static std::string runs_of_names(std::uint64_t set,
                                                 const std::array<std::string_view, Count>& names) {
    return runs_named(set, [&names](unsigned value) { return std::string{names[value]}; });
  }

  const CronFields& fields_;
};

}  // namespace cliffracer::detail
