#include <cliffracer/time_zone.hpp>

#include "support/calendar.hpp"
#include "support/catch.hpp"

#include <cliffracer/cron_expression.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using cliffracer::CronExpression;
using cliffracer::time_zone;
using cliffracer::TimeZone;
using support::instant;
using support::shown;

namespace {

/// The point after an instant, as the zone's clocks show it.
std::string next(const char* zone_name, const char* expression, const char* after) {
  const TimeZone zone = time_zone(zone_name);
  const auto found = CronExpression::parse(expression).next_after(instant(after), zone);
  return found ? shown(*found, zone) : "nothing";
}

std::string refusal(const std::string& name) {
  try {
    static_cast<void>(time_zone(name));
    return "taken";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a zone of the tz database has its name") {
  CHECK(time_zone("Europe/Berlin").name() == "Europe/Berlin");
  CHECK(time_zone("UTC").name() == "UTC");
}

TEST_CASE("a name that the tz database does not have is refused") {
  CHECK(refusal("Europe/Bonn") == "there is no time zone \"Europe/Bonn\"");
  CHECK(refusal("europe/berlin") == "there is no time zone \"europe/berlin\"");
  CHECK(refusal("") == "there is no time zone \"\"");
  CHECK(refusal("/usr/share/zoneinfo/UTC") == "there is no time zone \"/usr/share/zoneinfo/UTC\"");
  CHECK(refusal("Europe/../UTC") == "there is no time zone \"Europe/../UTC\"");
  CHECK(refusal("file:UTC") == "there is no time zone \"file:UTC\"");
  CHECK(refusal("a\nb") == "there is no time zone \"a\\nb\"");
  CHECK(refusal(std::string(10'000, 'a')).size() < 200);
}

TEST_CASE("clocks that are set forward") {
  CHECK(next("Europe/Berlin", "30 2 * * *", "2026-03-28 12:00") == "2026-03-29 03:00");
  CHECK(next("America/New_York", "30 2 * * *", "2026-03-07 12:00") == "2026-03-08 03:00");
  CHECK(next("Australia/Lord_Howe", "15 2 * * *", "2025-10-04 00:00") == "2025-10-05 02:30");
  CHECK(next("Antarctica/Troll", "30 2 * * *", "2025-03-29 12:00") == "2025-03-30 03:00");
  CHECK(next("America/Santiago", "@daily", "2025-09-06 12:00") == "2025-09-07 01:00");
  CHECK(next("Africa/Cairo", "@daily", "2025-04-24 12:00") == "2025-04-25 01:00");
  CHECK(next("Africa/Casablanca", "30 2 * * *", "2025-04-05 12:00") == "2025-04-06 03:00");
  CHECK(next("Pacific/Apia", "0 12 30 12 *", "2011-12-01 00:00") == "2011-12-31 00:00");
}

TEST_CASE("clocks that are set back") {
  const TimeZone berlin = time_zone("Europe/Berlin");
  CHECK(support::points("30 2 * * *", "2026-10-24 12:00", 2, berlin) ==
        std::vector<std::string>{"2026-10-25 00:30", "2026-10-26 01:30"});
  CHECK(support::points("30 * * * *", "2026-10-25 00:00", 3, berlin) ==
        std::vector<std::string>{"2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"});
}

TEST_CASE("rules go on up to 2400") {
  // The last Sunday of March and of October.
  CHECK(next("Europe/Berlin", "30 2 * 3 SUN#L", "2399-12-31 12:00") == "2400-03-26 03:00");
  const TimeZone berlin = time_zone("Europe/Berlin");
  CHECK(support::points("30 2 * 10 SUN#L", "2400-01-01 00:00", 1, berlin) ==
        std::vector<std::string>{"2400-10-29 00:30"});
  CHECK(support::points("59 23 31 12 *", "2400-01-01 00:00", 2, berlin) ==
        std::vector<std::string>{"2400-12-31 22:59"});
}
