#pragma once

#include <cliffracer/cron_expression.hpp>
#include <cliffracer/zone.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace support {

/// "2025-03-30 01:30:00" or "2025-03-30 01:30", in UTC.
[[nodiscard]] inline std::chrono::sys_seconds instant(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (std::sscanf(text.c_str(), "%d-%u-%u %d:%d:%d", &year, &month, &day, &hour, &minute, &second) < 5)
    throw std::invalid_argument{"no instant: " + text};
  return std::chrono::sys_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)} +
         std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second};
}

/// With seconds when there are any.
[[nodiscard]] inline std::string shown(std::chrono::sys_seconds instant) {
  const auto days = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss time{instant - days};
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()));
  std::string out{text, static_cast<std::size_t>(length)};
  if (time.seconds().count() == 0) return out;
  std::snprintf(text, sizeof text, ":%02d", static_cast<int>(time.seconds().count()));
  return out + text;
}

/// What the zone's clocks show then.
[[nodiscard]] inline std::string shown(std::chrono::sys_seconds instant, const cliffracer::TimeZone& zone) {
  if (!zone.rules()) return shown(instant);
  return shown(std::chrono::sys_seconds{zone.rules()->local_time(instant).time_since_epoch()});
}

/// The next `count` points, in UTC.
[[nodiscard]] inline std::vector<std::string> points(const cliffracer::CronExpression& cron,
                                                     const std::string& after, std::size_t count,
                                                     const cliffracer::TimeZone& zone = {}) {
  std::vector<std::string> found;
  std::chrono::sys_seconds time = instant(after);
  while (found.size() < count) {
    const auto next = cron.next_after(time, zone);
    if (!next) break;
    found.push_back(shown(*next));
    time = *next;
  }
  return found;
}

}  // namespace support
