#include "support/calendar.hpp"
#include "support/catch.hpp"
#include "support/listed_zone.hpp"

#include <cliffracer/cron_expression.hpp>
#include <cliffracer/detail/time/cron_instants.hpp>
#include <cliffracer/zone.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::CronExpression;
using cliffracer::TimeZone;
using support::instant;
using support::shown;

namespace {

/// The next `count` points by the zone's clocks.
std::vector<std::string> local_points(const char* text, const char* after, std::size_t count,
                                      const TimeZone& zone) {
  std::vector<std::string> found;
  const CronExpression cron = CronExpression::parse(text);
  std::chrono::sys_seconds time = instant(after);
  for (; found.size() < count; found.push_back(shown(time, zone))) time = cron.next_after(time, zone).value();
  return found;
}

/// The next `count` points in UTC.
std::vector<std::string> points(const char* text, const char* after, std::size_t count,
                                const TimeZone& zone) {
  return support::points(CronExpression::parse(text), after, count, zone);
}

using Points = std::vector<std::string>;

// A year of each, from the tz database.
const TimeZone berlin = support::listed_zone(
    "Berlin", 1h, {{instant("2025-03-30 01:00"), 2h}, {instant("2025-10-26 01:00"), 1h}});
const TimeZone new_york = support::listed_zone(
    "New York", -5h, {{instant("2025-03-09 07:00"), -4h}, {instant("2025-11-02 06:00"), -5h}});
const TimeZone lord_howe = support::listed_zone(
    "Lord Howe", 11h, {{instant("2025-04-05 15:00"), 10h + 30min}, {instant("2025-10-04 15:30"), 11h}});
const TimeZone troll =
    support::listed_zone("Troll", 0h, {{instant("2025-03-30 01:00"), 2h}, {instant("2025-10-26 01:00"), 0h}});
const TimeZone santiago = support::listed_zone(
    "Santiago", -3h, {{instant("2025-04-06 03:00"), -4h}, {instant("2025-09-07 04:00"), -3h}});
const TimeZone cairo =
    support::listed_zone("Cairo", 2h, {{instant("2025-04-24 22:00"), 3h}, {instant("2025-10-30 21:00"), 2h}});
const TimeZone casablanca = support::listed_zone(
    "Casablanca", 1h, {{instant("2025-02-23 02:00"), 0h}, {instant("2025-04-06 02:00"), 1h}});
const TimeZone apia = support::listed_zone(
    "Apia", -10h, {{instant("2011-12-30 10:00"), 14h}, {instant("2012-03-31 14:00"), 13h}});

}  // namespace

TEST_CASE("a fixed time in a gap comes once, at the first instant after it") {
  CHECK(local_points("30 2 * * *", "2025-03-28 12:00", 3, berlin) ==
        Points{"2025-03-29 02:30", "2025-03-30 03:00", "2025-03-31 02:30"});
  CHECK(local_points("0,15,30 2-3 * * *", "2025-03-29 12:00", 4, berlin) ==
        Points{"2025-03-30 03:00", "2025-03-30 03:15", "2025-03-30 03:30", "2025-03-31 02:00"});
  CHECK(local_points("30 2 * * *", "2025-03-08 12:00", 2, new_york) ==
        Points{"2025-03-09 03:00", "2025-03-10 02:30"});
  CHECK(local_points("15 2 * * *", "2025-10-04 00:00", 2, lord_howe) ==
        Points{"2025-10-05 02:30", "2025-10-06 02:15"});
  CHECK(local_points("30 1,2 * * *", "2025-03-29 12:00", 2, troll) ==
        Points{"2025-03-30 03:00", "2025-03-31 01:30"});
  CHECK(local_points("@daily", "2025-09-06 12:00", 2, santiago) ==
        Points{"2025-09-07 01:00", "2025-09-08 00:00"});
  CHECK(local_points("@daily", "2025-04-24 12:00", 2, cairo) ==
        Points{"2025-04-25 01:00", "2025-04-26 00:00"});
  CHECK(local_points("30 2 * * *", "2025-04-05 12:00", 2, casablanca) ==
        Points{"2025-04-06 03:00", "2025-04-07 02:30"});
}

TEST_CASE("a fixed time in an overlap comes once, in the first pass") {
  CHECK(points("30 2 * * *", "2025-10-25 12:00", 2, berlin) ==
        Points{"2025-10-26 00:30", "2025-10-27 01:30"});
  CHECK(points("30 2 * * *", "2025-10-26 00:30", 1, berlin) == Points{"2025-10-27 01:30"});
  CHECK(points("30 2-3 * * *", "2025-10-26 00:45", 1, berlin) == Points{"2025-10-26 02:30"});
  CHECK(points("30 1 * * *", "2025-11-01 12:00", 2, new_york) ==
        Points{"2025-11-02 05:30", "2025-11-03 06:30"});
  CHECK(points("45 1 * * *", "2025-04-04 15:00", 2, lord_howe) ==
        Points{"2025-04-05 14:45", "2025-04-06 15:15"});
  CHECK(points("30 1,2 * * *", "2025-10-25 12:00", 3, troll) ==
        Points{"2025-10-25 23:30", "2025-10-26 00:30", "2025-10-27 01:30"});
  CHECK(points("30 23 * * *", "2025-04-05 12:00", 2, santiago) ==
        Points{"2025-04-06 02:30", "2025-04-07 03:30"});
  CHECK(points("30 23 * * *", "2025-10-30 12:00", 2, cairo) ==
        Points{"2025-10-30 20:30", "2025-10-31 21:30"});
  CHECK(points("30 2 * * *", "2025-02-22 12:00", 2, casablanca) ==
        Points{"2025-02-23 01:30", "2025-02-24 02:30"});
}

TEST_CASE("an expression with * in minute or hour follows real time in a gap") {
  CHECK(points("*/15 * * * *", "2025-03-30 00:30", 3, berlin) ==
        Points{"2025-03-30 00:45", "2025-03-30 01:00", "2025-03-30 01:15"});
  CHECK(points("0 * * * *", "2025-03-30 00:00", 2, berlin) == Points{"2025-03-30 01:00", "2025-03-30 02:00"});
  CHECK(local_points("*/30 2 * * *", "2025-03-29 12:00", 1, berlin) == Points{"2025-03-31 02:00"});
  CHECK(local_points("10 * * * *", "2025-10-04 15:00", 2, lord_howe) ==
        Points{"2025-10-05 03:10", "2025-10-05 04:10"});
  CHECK(local_points("0 */2 * * *", "2025-03-30 00:30", 2, troll) ==
        Points{"2025-03-30 04:00", "2025-03-30 06:00"});
}

TEST_CASE("an expression with * in minute or hour follows real time in an overlap") {
  CHECK(points("*/30 * * * *", "2025-10-26 00:00", 4, berlin) ==
        Points{"2025-10-26 00:30", "2025-10-26 01:00", "2025-10-26 01:30", "2025-10-26 02:00"});
  CHECK(points("30 * * * *", "2025-10-26 00:30", 2, berlin) ==
        Points{"2025-10-26 01:30", "2025-10-26 02:30"});
  CHECK(points("*/30 2 * * *", "2025-10-25 12:00", 5, berlin) ==
        Points{"2025-10-26 00:00", "2025-10-26 00:30", "2025-10-26 01:00", "2025-10-26 01:30",
               "2025-10-27 01:00"});
  CHECK(points("0 * * * *", "2025-04-05 14:00", 3, lord_howe) ==
        Points{"2025-04-05 15:30", "2025-04-05 16:30", "2025-04-05 17:30"});
  CHECK(points("@hourly", "2025-10-25 23:59", 4, troll) ==
        Points{"2025-10-26 00:00", "2025-10-26 01:00", "2025-10-26 02:00", "2025-10-26 03:00"});
  // @hourly is one of them, a list of all hours is not.
  CHECK(points("0 0-23 * * *", "2025-10-25 23:59", 3, troll) ==
        Points{"2025-10-26 00:00", "2025-10-26 03:00", "2025-10-26 04:00"});
  CHECK(CronExpression{"H/30 * * * *"}.spread(1).next_after(instant("2025-10-26 01:00"), berlin) <=
        instant("2025-10-26 01:30"));
}

TEST_CASE("a * in the seconds only does not make an expression follow real time") {
  CHECK(points("*/20 30 2 * * *", "2025-03-29 12:00", 2, berlin) ==
        Points{"2025-03-30 01:00", "2025-03-31 00:30"});
  CHECK(points("*/30 30 2 * * *", "2025-10-26 00:30", 2, berlin) ==
        Points{"2025-10-26 00:30:30", "2025-10-27 01:30"});
}

TEST_CASE("a day that never was") {
  CHECK(local_points("0 12 * * *", "2011-12-29 12:00", 3, apia) ==
        Points{"2011-12-29 12:00", "2011-12-31 00:00", "2011-12-31 12:00"});
  CHECK(local_points("0 12 30 12 *", "2011-12-01 12:00", 1, apia) == Points{"2011-12-31 00:00"});
  CHECK(local_points("0 */8 * * *", "2011-12-30 02:00", 2, apia) ==
        Points{"2011-12-31 00:00", "2011-12-31 08:00"});
}

TEST_CASE("next and previous go through the same points, and nothing lies between") {
  const struct {
    const TimeZone& zone;
    const char* begin;
    const char* end;
  } stretches[] = {
      {berlin, "2025-03-29 20:00", "2025-03-30 08:00"},
      {berlin, "2025-10-25 20:00", "2025-10-26 08:00"},
      {lord_howe, "2025-04-05 10:00", "2025-04-05 22:00"},
      {lord_howe, "2025-10-04 10:00", "2025-10-04 22:00"},
      {troll, "2025-10-25 20:00", "2025-10-26 08:00"},
      {santiago, "2025-04-05 23:00", "2025-04-06 08:00"},
      {cairo, "2025-04-24 18:00", "2025-04-25 02:00"},
      {apia, "2011-12-30 06:00", "2011-12-30 18:00"},
  };
  for (const auto& [zone, begin, end] : stretches) {
    for (const char* text : {"*/15 * * * *", "20 * * * *", "0,15,30,45 0-23 * * *", "30 2 * * *",
                             "10 */2 * * *", "*/20 2 * * *", "30 23 * * *", "0 0 * * *", "15,45 1-2 * * *"}) {
      CAPTURE(zone.name(), text);
      const CronExpression cron = CronExpression::parse(text);
      std::vector<std::chrono::sys_seconds> all;
      for (auto time = instant(begin) - 1min; time <= instant(end);) {
        time = cron.next_after(time, zone).value();
        all.push_back(time);
      }
      bool is_right = true;
      for (auto time = instant(begin); time <= instant(end); time += 1min) {
        const auto next = std::upper_bound(all.begin(), all.end(), time);
        is_right &= cron.next_after(time, zone) == *next && *next > time;
        if (next == all.begin()) continue;
        is_right &= cron.previous_before(time + 1s, zone) == *std::prev(next);
        is_right &= cron.previous_before(*next, zone) == *std::prev(next);
      }
      CHECK(is_right);
    }
  }
}

TEST_CASE("the last second before a gap is found from behind it") {
  const CronExpression cron = "59 59 * * * *";
  CHECK(cron.previous_before(instant("2025-03-30 01:30"), berlin) == instant("2025-03-30 00:59:59"));
  CHECK(cron.next_after(instant("2025-03-30 00:59:59"), berlin) == instant("2025-03-30 01:59:59"));
}

TEST_CASE("UTC needs no rules") {
  const TimeZone utc;
  CHECK(utc.name() == "UTC");
  CHECK(utc.version().empty());
  CHECK(utc.rules() == nullptr);
  const TimeZone same_clock = support::listed_zone("same", 0s, {});
  for (const char* text : {"30 2 * * *", "*/7 * * * *", "0 0 29 2 *"})
    CHECK(points(text, "2025-01-01 00:00", 50, utc) == points(text, "2025-01-01 00:00", 50, same_clock));
}
