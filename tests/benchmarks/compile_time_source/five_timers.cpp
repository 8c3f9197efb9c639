// A small service as a user writes one: what tests/benchmarks/compile_time compiles.
#include <cliffracer/cliffracer.hpp>

#include <chrono>

using namespace std::chrono_literals;
using cliffracer::timer;

namespace {

class FiveTimers : public cliffracer::NatsService {
 public:
  FiveTimers() : NatsService{{.name = "five_timers"}} {
    add(timer<&FiveTimers::check_health>{.interval = 30s},
        timer<&FiveTimers::collect_metrics>{.interval = 60s, .eager = true},
        timer<&FiveTimers::watch_stop>{.interval = 1s}, timer<&FiveTimers::purge>{.interval = 5min},
        timer<&FiveTimers::rotate>{.interval = 1h, .max_drift = 2s, .error_backoff = 10s});
  }

 private:
  asio::awaitable<void> check_health() { co_return; }
  asio::awaitable<void> collect_metrics() {
    publish_event("metrics.collected", {{"count", ++count_}});
    co_return;
  }
  asio::awaitable<void> watch_stop(const cliffracer::TickContext& tick) {
    if (tick.stop_token.stop_requested()) request_stop();
    co_return;
  }
  void purge() {}
  void rotate() {}

  int count_ = 0;
};

}  // namespace

int main() { FiveTimers{}.run(); }
