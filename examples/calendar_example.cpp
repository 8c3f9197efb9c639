// Timers with a calendar in a time zone: a report each night, a poll in working hours, a job at each month's
// end. A year with both changes of the clock passes in virtual time, in less than a second.
//
//     calendar_example                     in Europe/Berlin
//     calendar_example America/New_York
//
// Left out: a broker. In a service of your own the same timers run with run().

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/virtual_time.hpp>
#include <cliffracer/time_zone.hpp>

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::cron;
using cliffracer::TimeZone;
using cliffracer::testing::VirtualTime;

namespace {

using Instants = std::vector<std::chrono::sys_seconds>;

//[calendar_service
class Office : public cliffracer::NatsService {
 public:
  Office(const VirtualTime& time, const TimeZone& zone) : NatsService{{.name = "office"}}, time_{time} {
    add(cron<&Office::report>{.at = "30 2 * * *", .zone = zone, .error_backoff = 1min},
        cron<&Office::poll>{.at = "*/15 9-17 * * MON-FRI", .zone = zone},
        cron<&Office::close_month>{.at = "0 18 LW * *", .zone = zone});
  }
  //]

  [[nodiscard]] const Instants& reports() const { return reports_; }
  [[nodiscard]] const Instants& month_ends() const { return month_ends_; }

 private:
  asio::awaitable<void> report() {
    reports_.push_back(now());
    co_return;
  }
  asio::awaitable<void> poll() { co_return; }
  asio::awaitable<void> close_month() {
    month_ends_.push_back(now());
    co_return;
  }
  [[nodiscard]] std::chrono::sys_seconds now() const {
    return std::chrono::floor<std::chrono::seconds>(time_.wall_clock());
  }

  const VirtualTime& time_;
  Instants reports_;
  Instants month_ends_;
};

/// "2026-03-29 03:00", by the clocks of the zone.
std::string local_text(std::chrono::sys_seconds instant, const TimeZone& zone) {
  const std::chrono::seconds shown =
      zone.rules() ? zone.rules()->local_time(instant).time_since_epoch() : instant.time_since_epoch();
  const std::time_t seconds = shown.count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%F %H:%M", &parts)};
}

void run_a_year(const TimeZone& zone) {
  using namespace std::chrono;
  const auto began = steady_clock::now();
  VirtualTime time{{.wall_clock = sys_days{January / 1 / 2026}}};
  const auto office = time.make<Office>(time, zone);
  time.start(*office);

  std::cout << "The next reports:";
  for (const auto run : office->next_runs("report", 3))
    std::cout << "  " << local_text(floor<seconds>(run), zone);
  std::cout << "\n";

  time.advance(365 * 24h);
  const auto took = duration_cast<milliseconds>(steady_clock::now() - began);

  // The time of day that a clock skips or shows twice.
  std::cout << "Reports at another time than 02:30, or another than 24 h after the one before:\n";
  for (std::size_t n = 1; n < office->reports().size(); ++n) {
    const auto run = office->reports()[n];
    const auto gap = run - office->reports()[n - 1];
    if (gap == 24h) continue;
    std::cout << "  " << local_text(run, zone) << ", " << gap / 1min << " min after the one before\n";
  }
  std::cout << "Month's ends:";
  for (const auto run : office->month_ends()) std::cout << "  " << local_text(run, zone).substr(5, 5);
  std::cout << "\n";
  for (const auto& timer : office->get_timer_stats().timers)
    std::cout << timer.name << " (" << timer.schedule << "): " << timer.success_count << " runs, "
              << timer.skipped_count << " skipped\n";
  std::cout << "A year took " << took.count() << " ms.\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    spdlog::set_level(spdlog::level::warn);
    run_a_year(cliffracer::time_zone(argc > 1 ? argv[1] : "Europe/Berlin"));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
