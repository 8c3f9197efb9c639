// Answers questions about calendars, one a line, one answer a line; check.py asks. Times are seconds since
// the epoch.
//
//     N ZONE TIME EXPRESSION    the next point after TIME; - for none
//     P ZONE TIME EXPRESSION    the point before TIME
//     L ZONE TIME               what the clocks show at TIME, as seconds since 1970-01-01 00:00 by these
//     clocks K ZONE LOCAL              unique, skipped or repeated; before, change and after E EXPRESSION ok,
//     or ! and why it is refused
#include <cliffracer/time_zone.hpp>

#include <cliffracer/cron_expression.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace {

using cliffracer::CronExpression;
using cliffracer::TimeZone;
using std::chrono::seconds;

const TimeZone& zone_named(const std::string& name) {
  static std::map<std::string, TimeZone> known;
  const auto found = known.find(name);
  return found != known.end() ? found->second
                              : known.emplace(name, cliffracer::time_zone(name)).first->second;
}

std::string rest_of(std::istringstream& line) {
  std::string text;
  std::getline(line >> std::ws, text);
  return text;
}

std::string answer(const std::string& question) {
  std::istringstream line{question};
  char kind = 0;
  line >> kind;
  if (kind == 'E') {
    static_cast<void>(CronExpression::parse(rest_of(line)));
    return "ok";
  }
  std::string zone_name;
  std::int64_t time = 0;
  if (!(line >> zone_name >> time)) return "! not understood";
  const TimeZone& zone = zone_named(zone_name);
  const std::chrono::sys_seconds instant{seconds{time}};
  if (kind == 'L') return std::to_string(zone.rules()->local_time(instant).time_since_epoch().count());
  if (kind == 'K') {
    constexpr std::array<std::string_view, 3> kinds{"unique", "skipped", "repeated"};
    const auto found = zone.rules()->lookup(std::chrono::local_seconds{seconds{time}});
    std::ostringstream out;
    out << kinds.at(static_cast<std::size_t>(found.kind)) << ' ' << found.before.time_since_epoch().count()
        << ' ' << found.change.time_since_epoch().count() << ' ' << found.after.time_since_epoch().count();
    return out.str();
  }
  const CronExpression cron = CronExpression::parse(rest_of(line));
  const auto found = kind == 'N' ? cron.next_after(instant, zone) : cron.previous_before(instant, zone);
  return found ? std::to_string(found->time_since_epoch().count()) : "-";
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string question; std::getline(std::cin, question);) {
    try {
      std::cout << answer(question) << '\n';
    } catch (const std::exception& error) {
      std::cout << "! " << error.what() << '\n';
    }
  }
}
