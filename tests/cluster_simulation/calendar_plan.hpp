#pragma once

#include "simulation/random.hpp"
#include "support/listed_zone.hpp"

#include <cliffracer/cliffracer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace cluster_simulation {

using simulation::Nanos;
using simulation::Random;

/// A calendar on both sides of a change of the clock.
struct CalendarPlan {
  std::string at;
  cliffracer::TimeZone zone;
  std::vector<Nanos> points;  ///< Since the epoch; 90 days before the change and 90 after it.

  [[nodiscard]] Nanos least_distance() const {
    Nanos least = Nanos::max();
    for (std::size_t n = 1; n < points.size(); ++n) least = std::min(least, points[n] - points[n - 1]);
    return least;
  }
};

/// The clocks of a place are changed.
struct ClockChange {
  const char* zone;
  std::chrono::sys_seconds at;
  std::chrono::minutes before;  ///< Local time is UTC and this.
  std::chrono::minutes after;
};

namespace plan_detail {

/// As `zdump -v` says.
[[nodiscard]] inline ClockChange clock_change(Random& random) {
  using namespace std::chrono;
  return random.one_of<ClockChange>({
      {"Europe/Berlin", sys_days{2026y / March / 29} + 1h, 60min, 120min},
      {"Europe/Berlin", sys_days{2026y / October / 25} + 1h, 120min, 60min},
      {"Australia/Lord_Howe", sys_days{2026y / April / 4} + 15h, 660min, 630min},
      {"Australia/Lord_Howe", sys_days{2026y / October / 3} + 15h + 30min, 630min, 660min},
      {"Antarctica/Troll", sys_days{2026y / March / 29} + 1h, 0min, 120min},
      {"Antarctica/Troll", sys_days{2026y / October / 25} + 1h, 120min, 0min},
      {"America/Santiago", sys_days{2026y / April / 5} + 3h, -180min, -240min},
      {"America/Santiago", sys_days{2026y / September / 6} + 4h, -240min, -180min},
      {"Pacific/Apia", sys_days{2011y / December / 30} + 10h, -600min, 840min},
  });
}

/// A calendar's times, which are the same each day.
struct DailyTimes {
  const char* at;
  bool follows_real_time;
  bool (*has)(std::chrono::minutes of_day);
};

[[nodiscard]] inline DailyTimes daily_times(Random& random) {
  using std::chrono::hours;
  using Minutes = std::chrono::minutes;
  return random.one_of<DailyTimes>({
      {"* * * * *", true, [](Minutes) { return true; }},
      {"*/5 * * * *", true, [](Minutes of_day) { return of_day.count() % 5 == 0; }},
      {"*/20 * * * *", true, [](Minutes of_day) { return of_day.count() % 20 == 0; }},
      {"15 * * * *", true, [](Minutes of_day) { return of_day.count() % 60 == 15; }},
      {"30 0-23 * * *", false, [](Minutes of_day) { return of_day.count() % 60 == 30; }},
      {"*/10 0-3 * * *", true, [](Minutes of_day) { return of_day < hours{4} && of_day.count() % 10 == 0; }},
      {"0-50/10 0-3 * * *", false,
       [](Minutes of_day) { return of_day < hours{4} && of_day.count() % 10 == 0; }},
      {"30 0,2 * * *", false, [](Minutes of_day) { return of_day == Minutes{30} || of_day == Minutes{150}; }},
      {"30 2 * * *", false, [](Minutes of_day) { return of_day == Minutes{150}; }},
      {"5 0 * * *", false, [](Minutes of_day) { return of_day == Minutes{5}; }},
  });
}

/// Looks at each minute. A fixed time comes when the clocks first show it, or are set over it.
[[nodiscard]] inline std::vector<Nanos> points_around(const ClockChange& change, const DailyTimes& times) {
  constexpr std::chrono::minutes minute{1};
  constexpr std::chrono::days day{1};
  const auto has = [&](std::chrono::minutes local) { return times.has(local % day); };
  std::vector<Nanos> points;
  const std::chrono::minutes middle =
      std::chrono::duration_cast<std::chrono::minutes>(change.at.time_since_epoch());
  std::chrono::minutes newest = middle - 90 * day + change.before;
  for (auto instant = middle - 90 * day + minute; instant < middle + 90 * day; instant += minute) {
    const auto local = instant + (instant < middle ? change.before : change.after);
    bool is_point = times.follows_real_time && has(local);
    for (; newest < local; newest += minute)
      is_point = is_point || (!times.follows_real_time && has(newest + minute));
    if (is_point) points.emplace_back(instant);
  }
  return points;
}

[[nodiscard]] inline CalendarPlan calendar_plan(Random& random, const ClockChange& change) {
  const DailyTimes times = daily_times(random);
  return {times.at, support::listed_zone(change.zone, change.before, {{change.at, change.after}}),
          points_around(change, times)};
}

}  // namespace plan_detail
}  // namespace cluster_simulation
