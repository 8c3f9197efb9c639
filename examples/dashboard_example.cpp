// A service with something to look at: timers that are fast, slow, plain, late, too long, and failing now and
// then. They can be paused, resumed and triggered from outside.
//
//     dashboard_example [--duration SECONDS] [--speed N]     until SIGINT
//     examples/run dashboard                                  with a NATS server and a live page that shows
//     it
//
// Left out: anything useful.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"
#include "example_service.hpp"

#include <asio/awaitable.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::TickContext, cliffracer::timer;

namespace {

class TicketOffice : public ExampleService {
 public:
  explicit TicketOffice(const ExampleOptions& options)
      : ExampleService{options,
                       {.name = "ticket_office",
                        .nats_url = options.nats_url,
                        .description = "Timers to look at",
                        .reconnect_time_wait = 500ms,
                        .remote_control = true}} {
    add(timer<&TicketOffice::poll_gates>{.interval = options.at_speed(50ms)},
        timer<&TicketOffice::sell_tickets>{.interval = options.at_speed(1s), .eager = true},
        timer<&TicketOffice::sync_prices>{
            .interval = options.at_speed(3s), .eager = true, .error_backoff = options.at_speed(1s)},
        timer<&TicketOffice::count_visitors>{.interval = options.at_speed(2s),
                                             .max_drift = options.at_speed(1s)},
        timer<&TicketOffice::print_report>{.interval = options.at_speed(5s), .timeout = options.at_speed(1s)},
        timer<&TicketOffice::close_books>{.interval = options.at_speed(10min)});
  }

 private:
  asio::awaitable<void> poll_gates() { co_await sleep_for(1ms); }

  asio::awaitable<void> sell_tickets(TickContext tick) {
    const auto customers = static_cast<int>(tick.run_number % 5);
    co_await sleep_for((1 + customers) * 20ms);
  }

  /// Every third run throws, and is tried again after error_backoff.
  asio::awaitable<void> sync_prices(TickContext tick) {
    co_await sleep_for(250ms);
    if (tick.run_number % 3 == 2)
      throw std::runtime_error{"price list " + std::to_string(tick.run_number) + ": 503 Service Unavailable"};
  }

  /// A plain method, on a worker thread. Every sixth run outlasts interval and max_drift: the next
  /// one is a drift.
  void count_visitors(TickContext tick) {
    std::this_thread::sleep_for(tick.run_number % 6 == 0 ? options_.at_speed(4s) : options_.at_speed(100ms));
  }

  /// Every third run takes longer than its timeout allows, and is cancelled.
  asio::awaitable<void> print_report(TickContext tick) {
    const auto length = tick.run_number % 3 == 0 ? options_.at_speed(2s) : options_.at_speed(300ms);
    co_await sleep_for(length);
  }

  void close_books() {}
};

}  // namespace

int main(int argc, char** argv) try {
  const auto options = read_options(argc, argv, "A service with timers to look at.", 0s);
  TicketOffice service{options};
  service.run();
  std::cout << "Service stopped\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
