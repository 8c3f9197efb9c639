// What statistics say of a fast, a slow, a failing and a blocking timer. A fifth one prints them every 5 s.
//
//     timer_with_metrics_example [--duration SECONDS] [--speed N]     30 s
//     examples/run timer_with_metrics_example                         does the same, with everything that it
//     needs
//
// Left out: anything that uses NATS. A service may well have nothing but timers.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"
#include "example_service.hpp"
#include "timer_table.hpp"

#include <spdlog/spdlog.h>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::TickContext, cliffracer::timer;

namespace {

/// What the table has no room for.
std::string details(const cliffracer::ServiceTimerStats& stats) {
  std::ostringstream out;
  for (const auto& timer : stats.timers) {
    if (!has_finished(timer)) continue;
    const auto& time = timer.execution_time;
    out << "  " << timer.name << ": p50 " << readable(time.p50) << ", p90 " << readable(time.p90)
        << ", longest " << readable(time.max) << ", " << readable(timer.total_execution_time) << " in all";
    if (timer.worker_wait.max > 0ns)
      out << ", up to " << readable(timer.worker_wait.max) << " until a worker was free";
    if (timer.error_count > 0) out << ", last error: " << timer.last_error;
    if (timer.consecutive_errors > 0) out << " (retried after " << readable(timer.error_backoff) << ")";
    out << '\n';
  }
  return out.str();
}

class MetricsTimerService : public ExampleService {
 public:
  explicit MetricsTimerService(const ExampleOptions& options)
      : ExampleService{options, {.name = "metrics_timer_service", .nats_url = options.nats_url}} {
    add(timer<&MetricsTimerService::fast_task>{.interval = options.at_speed(2s)},
        timer<&MetricsTimerService::slow_task>{.interval = options.at_speed(3s)},
        timer<&MetricsTimerService::failing_task>{
            .interval = options.at_speed(4s), .eager = true, .error_backoff = options.at_speed(1s)},
        timer<&MetricsTimerService::blocking_task>{.interval = options.at_speed(5s)},
        timer<&MetricsTimerService::report>{.interval = options.at_speed(5s)});
  }

 private:
  asio::awaitable<void> fast_task() { co_await wait(10ms); }

  /// Half a second, and no other timer notices: it waits, it does not block.
  asio::awaitable<void> slow_task() { co_await wait(500ms); }

  /// Every third run throws. The next one comes after error_backoff, and then the timer is back on its grid.
  asio::awaitable<void> failing_task(TickContext tick) {
    co_await wait(5ms);
    if (tick.run_number % 3 == 0)
      throw std::runtime_error{"run " + std::to_string(tick.run_number) + " had to fail"};
    if (tick.attempt > 1) spdlog::info("failing_task: attempt {} succeeded", tick.attempt);
  }

  /// Plain methods may block: each timer of this kind has a worker thread.
  void blocking_task() { std::this_thread::sleep_for(50ms); }

  /// Plain, too: what it prints takes a moment, and no coroutine has to wait for the terminal.
  void report() {
    const auto stats = get_timer_stats();
    std::cout << "\nReport " << ++reports_ << "\n\n";
    print_timer_table(std::cout, stats);
    std::cout << '\n' << details(stats) << std::endl;
  }

  asio::awaitable<void> wait(std::chrono::milliseconds time) {
    asio::steady_timer pause{get_executor(), time};
    co_await pause.async_wait(asio::use_awaitable);
  }

  std::uint64_t reports_ = 0;  // only report() uses it, and runs of one timer never overlap
};

}  // namespace

int main(int argc, char** argv) try {
  const auto options =
      read_options(argc, argv, "Statistics of a fast, a slow, a failing and a blocking timer.", 30s);
  MetricsTimerService service{options};
  service.run();

  const auto stats = service.get_timer_stats();
  std::cout << "\nFinal timer statistics:\n\n";
  print_timer_table(std::cout, stats);
  std::cout << '\n' << details(stats) << "\nService stopped\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
