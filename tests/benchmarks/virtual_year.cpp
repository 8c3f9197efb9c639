// How fast virtual time runs: a year of a timer of one second, 31.5 million ticks.
//
//     virtual_year [DAYS]     365
#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using namespace std::chrono_literals;

namespace {

class Heartbeat : public cliffracer::NatsService {
 public:
  Heartbeat() : NatsService{{.name = "heartbeat"}} {
    add(cliffracer::timer<&Heartbeat::beat>{.interval = 1s});
  }

 private:
  asio::awaitable<void> beat() { co_return; }
};

}  // namespace

int main(int count, char** arguments) {
  const int days = count > 1 ? std::atoi(arguments[1]) : 365;
  spdlog::set_level(spdlog::level::warn);
  cliffracer::testing::VirtualTime time;
  const auto service = time.make<Heartbeat>();
  time.start(*service);
  const auto began = std::chrono::steady_clock::now();
  for (int day = 0; day < days; ++day) time.advance(24h);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
  const std::uint64_t ticks = service->get_timer_stats().timers[0].success_count;
  std::printf("%d virtual days: %llu ticks in %.1f s, %.2f million ticks a second\n", days,
              static_cast<unsigned long long>(ticks), taken.count(),
              static_cast<double>(ticks) / taken.count() / 1e6);
  return ticks == static_cast<std::uint64_t>(days) * 86'400 ? 0 : 1;
}
