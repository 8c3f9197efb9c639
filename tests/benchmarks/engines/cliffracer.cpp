// This library: coroutine methods, plain methods on the event loop, plain methods on two worker threads.
#include "support/arguments.hpp"
#include "support/drive.hpp"
#include "support/meter.hpp"

#include <cliffracer/cliffracer.hpp>

#include <spdlog/spdlog.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

using benchmarks::Arguments;
using benchmarks::Clock;
using benchmarks::Meter;
using benchmarks::TimePoint;
using cliffracer::RunOn;
using cliffracer::TickContext;

class Ticker : public cliffracer::NatsService {
 public:
  Ticker(asio::io_context& context, const Arguments& arguments, Meter& meter)
      // Nobody listens on port 1, and nobody tries again.
      : NatsService{context,
                    {.name = "ticker",
                     .nats_url = "nats://127.0.0.1:1",
                     .reconnect_time_wait = 1h,
                     .worker_threads = 2}},
        meter_{meter} {
    const bool counts_only = arguments.is_always_busy();
    if (arguments.mode == "handover") {
      add_timers<&Ticker::arrive_on_worker>(arguments, RunOn::worker_pool);
    } else if (arguments.kind == "coroutine" && counts_only) {
      add_timers<&Ticker::count_in_coroutine>(arguments, RunOn::event_loop);
    } else if (arguments.kind == "coroutine") {
      add_timers<&Ticker::tick_in_coroutine>(arguments, RunOn::event_loop);
    } else if (arguments.kind == "plain" && counts_only) {
      add_timers<&Ticker::count>(arguments, RunOn::event_loop);
    } else if (arguments.kind == "plain") {
      add_timers<&Ticker::tick>(arguments, RunOn::event_loop);
    } else if (arguments.kind == "pool") {
      add_timers<&Ticker::tick_on_worker>(arguments, RunOn::worker_pool);
    } else {
      std::fprintf(stderr, "KIND is coroutine, plain or pool\n");
      std::exit(2);
    }
  }

 private:
  template <auto Method>
  void add_timers(const Arguments& arguments, RunOn run_on) {
    for (std::size_t n = 0; n < arguments.timers; ++n) {
      cliffracer::timer<Method> timer{.interval = arguments.interval(n),
                                      .max_drift = 24h,
                                      .tolerance = arguments.tolerance,
                                      .run_on = run_on,
                                      .name = "t" + std::to_string(n)};
      if (!arguments.passes_over()) timer.missed_ticks = cliffracer::MissedTicks::burst;
      add(timer);
    }
  }

  asio::awaitable<void> count_in_coroutine() {
    meter_.tick({});
    co_return;
  }
  void count() { meter_.tick({}); }

  asio::awaitable<void> tick_in_coroutine(const TickContext& tick) {
    meter_.tick(tick.due);
    co_return;
  }
  void tick(const TickContext& tick) { meter_.tick(tick.due); }

  void tick_on_worker(const TickContext& tick) {
    const std::lock_guard lock{meter_mutex_};
    meter_.tick(tick.due);
  }
  /// The event loop began this run at due + lateness.
  void arrive_on_worker(const TickContext& tick) {
    const std::lock_guard lock{meter_mutex_};
    meter_.tick(tick.due + tick.lateness);
  }

  Meter& meter_;
  std::mutex meter_mutex_;
};

class CliffracerTimers {
 public:
  CliffracerTimers(const Arguments& arguments, Meter& meter) : arguments_{arguments}, meter_{meter} {}

  void start() {
    service_.emplace(context_, arguments_, meter_);
    finish(start_service());
  }

  void run() {
    std::jthread reader;
    if (arguments_.mode == "read") {
      reader = std::jthread{[this] {
        for (;;) static_cast<void>(service_->get_timer_stats());
      }};
    }
    context_.run();
  }

  void stop() {
    finish(service_->stop());
    service_.reset();
  }

  /// What one call of get_timer_stats() costs, per timer: the median of eleven.
  [[nodiscard]] double statistics_cost() const {
    std::array<std::chrono::nanoseconds, 11> taken{};
    for (auto& one : taken) {
      const TimePoint begun = Clock::now();
      static_cast<void>(service_->get_timer_stats());
      one = Clock::now() - begun;
    }
    std::sort(taken.begin(), taken.end());
    return static_cast<double>(taken[taken.size() / 2].count()) / static_cast<double>(arguments_.timers);
  }

 private:
  asio::awaitable<void> start_service() {
    co_await service_->start();
    // Behind the first step of each timer.
    co_await asio::post(service_->get_executor(), asio::use_awaitable);
  }

  asio::awaitable<void> end_of(asio::awaitable<void> task, bool& is_finished) {
    co_await std::move(task);
    is_finished = true;
  }

  void finish(asio::awaitable<void> task) {
    bool is_finished = false;
    asio::co_spawn(context_, end_of(std::move(task), is_finished), asio::detached);
    while (!is_finished) context_.run_one();
  }

  const Arguments& arguments_;
  Meter& meter_;
  asio::io_context context_{1};
  std::optional<Ticker> service_;
};

int measure_statistics(int count, char** values) {
  const Arguments arguments{count, values};
  Meter meter{arguments};
  CliffracerTimers timers{arguments, meter};
  timers.start();
  std::printf("{\"stats_ns_per_timer\":%.1f}\n", timers.statistics_cost());
  timers.stop();
  return 0;
}

}  // namespace

int main(int count, char** values) {
  // That there is no broker is known.
  spdlog::set_level(spdlog::level::err);
  if (count > 1 && std::string{values[1]} == "stats") return measure_statistics(count, values);
  return benchmarks::drive<CliffracerTimers>(count, values);
}
