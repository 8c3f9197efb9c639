#include "support/catch.hpp"
#include "support/noted_runs.hpp"

#include <asio/error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::RunOn;
using cliffracer::TickContext;
using cliffracer::timer;
using support::NotedRuns;
using support::Starts;
using support::TimerWorld;

namespace {

struct Service : NotedRuns {
  using NotedRuns::NotedRuns;

  asio::awaitable<void> hangs_once(TickContext tick) {
    note();
    if (tick.run_number > 1) co_return;
    try {
      co_await never();
    } catch (const std::system_error&) {
      was_asked = tick.stop_token.stop_requested();
      throw;
    }
  }
  asio::awaitable<void> copes() {
    note();
    try {
      co_await never();
    } catch (const std::system_error&) {
    }
  }
  /// Takes each failure for one that passes.
  asio::awaitable<void> tries_for_ever() {
    while (!gives_up) {
      try {
        co_await never();
      } catch (const std::exception&) {
        note();
      }
    }
  }
  asio::awaitable<void> blocks() {
    world.time.pass(blocks_for);
    co_return;
  }
  void plain(const TickContext& tick) {
    note();
    stop_was_asked_before = tick.stop_token.stop_requested();
  }

  void waits_to_be_asked(const TickContext& tick) {
    has_begun = true;
    std::mutex mutex;
    std::unique_lock lock{mutex};
    std::condition_variable_any asked;
    asked.wait(lock, tick.stop_token, [] { return false; });
  }

  std::atomic<bool> has_begun{false};
  std::chrono::nanoseconds blocks_for{};
  bool gives_up = false;
  bool was_asked = false;
  bool stop_was_asked_before = false;
};

}  // namespace

TEST_CASE("a coroutine that outlasts its timeout is cancelled, fails, and is retried") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::hangs>{.interval = 10s, .error_backoff = 1s, .timeout = 2s}, service);
  world.start();
  world.time.advance(11900ms);
  CHECK(world.stats().is_executing);
  CHECK_FALSE(world.stats().is_overdue);
  world.time.advance(100ms);
  CHECK_FALSE(world.stats().is_executing);
  CHECK(world.stats().error_count == 1);
  CHECK(world.stats().timeout_count == 1);
  CHECK(world.stats().last_error == "timeout: cancelled after 2.000 s");
  CHECK(world.logged().find("timer hangs has outlasted its timeout of 2.000 s: cancelled") !=
        std::string::npos);
  world.time.advance(1s);
  CHECK(service.starts == Starts{10s, 13s});
}

TEST_CASE("a run that follows one that timed out begins with a stop_token that nobody has asked") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::hangs_once>{.interval = 10s, .error_backoff = 1s, .timeout = 2s}, service);
  world.start();
  world.time.advance(20s);
  CHECK(service.was_asked);
  CHECK(service.starts == Starts{10s, 13s, 20s});
  CHECK(world.stats().success_count == 2);
  CHECK(world.stats().timeout_count == 1);
}

TEST_CASE("a coroutine that copes with its cancellation has succeeded, and was over time") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::copes>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(15s);
  CHECK(world.stats().success_count == 1);
  CHECK(world.stats().timeout_count == 1);
  CHECK_FALSE(world.stats().is_overdue);
}

TEST_CASE("a run that ends in time is not bothered") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 1999ms;
  world.add(timer<&Service::sleeps>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(100s);
  CHECK(world.stats().success_count == 9);
  CHECK(world.stats().timeout_count == 0);
}

TEST_CASE("a run that cannot be cancelled is overdue until it ends, and its timer does not run beside it") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 25s;
  world.add(timer<&Service::sleeps>{.interval = 10s, .max_drift = 1min, .timeout = 2s}, service);
  world.start();
  world.time.advance(20s);
  CHECK(world.stats().is_executing);
  CHECK(world.stats().is_overdue);
  world.time.advance(15s);
  CHECK(service.starts == Starts{10s, 35s});
  CHECK(world.stats().timeout_count == 1);
  CHECK(world.stats().execution_count == 2);
}

TEST_CASE("a run that ends at the very instant of its timeout is put back once") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 2s;
  world.add(timer<&Service::sleeps>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(100s);
  CHECK(world.stats().execution_count == 10);
  CHECK(world.stats().error_count == 0);
}

TEST_CASE("timers with a timeout and a tolerance share wake-ups and lose no run") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 1s;
  world.add(timer<&Service::sleeps>{.interval = 10s, .tolerance = 500ms, .timeout = 2s}, service);
  world.add(
      timer<&Service::hangs>{.interval = 7s, .tolerance = 500ms, .timeout = 1s, .max_error_backoff = 0s},
      service);
  world.start();
  world.time.advance(10min);
  CHECK(world.stats(0).success_count >= 58);
  CHECK(world.stats(1).error_count == world.stats(1).timeout_count);
  CHECK(world.stats(1).error_count > 80);
}

TEST_CASE("a tolerance does not make a timeout later") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::hangs_once>{.interval = 1h, .tolerance = 10min, .timeout = 10s}, service);
  world.start();
  world.time.advance(1h + 10min);
  CHECK(world.stats().is_executing);
  world.time.advance(10s);
  CHECK_FALSE(world.stats().is_executing);
  CHECK(world.stats().last_error == "timeout: cancelled after 10.000 s");
  CHECK(world.stats().last_execution_time == 10s);
  // The next points have theirs.
  world.time.advance(2h);
  CHECK(service.starts.size() == 4);
  CHECK(service.starts.back() == 3h + 10min);
  CHECK(world.stats().last_deferral == 10min);
}

TEST_CASE("a run keeps its tolerance when one before it has ended within its timeout") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = GENERATE(1s, 2s);
  world.add(timer<&Service::sleeps>{.interval = 10s, .tolerance = 3s, .timeout = 2s}, service);
  world.start();
  world.time.advance(35s);
  CHECK(service.starts == Starts{13s, 23s, 33s});
}

TEST_CASE("a stop ends runs that have a timeout, before and after it has passed") {
  for (const auto when : {11s, 13s}) {
    TimerWorld world;
    Service service{world};
    service.sleeps_for = 20s;
    world.add(timer<&Service::sleeps>{.interval = 10s, .timeout = 2s}, service);
    world.add(timer<&Service::hangs>{.interval = 10s, .timeout = 2s}, service);
    world.start();
    world.time.advance(when);
    world.stop();
    world.timers.cancelling();
    world.tasks.cancel();
    world.time.advance(30s);
    CHECK(world.tasks.empty());
    CHECK_FALSE(world.stats(0).is_running);
    CHECK_FALSE(world.stats(1).is_running);
  }
}

TEST_CASE("a plain method on a worker is asked to end when its time is over") {
  TimerWorld world;
  world.workers_inline = true;
  Service service{world};
  world.add(timer<&Service::plain>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(30s);
  CHECK_FALSE(service.stop_was_asked_before);
  CHECK(world.stats().success_count == 3);
  CHECK(world.stats().timeout_count == 0);
}

TEST_CASE("a plain method that is overdue keeps its worker until it returns, and has not failed then") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::waits_to_be_asked>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(11s);
  while (!service.has_begun) std::this_thread::yield();
  CHECK(world.stats().is_executing);
  CHECK_FALSE(world.stats().is_overdue);
  world.time.advance(1s);
  CHECK(world.stats().timeout_count == 1);
  CHECK(world.logged().find("2.000 s: asked to end") != std::string::npos);
  while (world.stats().is_executing) {
    world.time.settle();
    std::this_thread::yield();
  }
  CHECK(world.stats().success_count == 1);
  CHECK_FALSE(world.stats().is_overdue);
  CHECK(world.stats().next_execution);
}

TEST_CASE("a run that finds no worker within its timeout has failed and was not begun") {
  TimerWorld world;
  world.worker_threads = 1;
  Service service{world};
  world.add(timer<&Service::waits_to_be_asked>{.interval = 10s, .timeout = 30s}, service);
  world.add(timer<&Service::plain>{.interval = 11s, .timeout = 2s}, service);
  world.start();
  world.time.advance(10s);
  while (!service.has_begun) std::this_thread::yield();
  world.time.advance(30s);
  while (world.stats(0).is_executing || world.stats(1).is_executing) {
    world.time.settle();
    std::this_thread::yield();
  }
  CHECK(service.starts.empty());
  CHECK(world.stats(1).error_count == 1);
  CHECK(world.stats(1).last_error == "timeout: no worker was free for 2.000 s");
  CHECK(world.stats(0).success_count == 1);
}

TEST_CASE("a coroutine that tries again after each cancellation lets other timers go on, and is named") {
  TimerWorld world;
  Service service{world};
  Service other{world};
  world.add(timer<&Service::tries_for_ever>{.interval = 10s, .timeout = 2s}, service);
  world.add(timer<&Service::tick>{.interval = 1s}, other);
  world.start();
  world.time.advance(60s);
  CHECK(other.starts.size() == 60);
  // At the timeout, soon again, and then each second.
  CHECK(service.starts.size() > 40);
  CHECK(service.starts.size() < 60);
  CHECK(world.stats().timeout_count == 1);
  CHECK(world.stats().is_overdue);
  const std::string line = "timer tries_for_ever goes on after it was cancelled";
  CHECK(world.logged().find(line) != std::string::npos);
  CHECK(world.logged().find(line) == world.logged().rfind(line));
  service.gives_up = true;
  world.time.advance(1s);
}

TEST_CASE("a coroutine that holds the event loop past its timeout, and never waits, is counted") {
  TimerWorld world;
  Service service{world};
  service.blocks_for = 2s;
  world.add(timer<&Service::blocks>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(10s);
  CHECK(world.stats().timeout_count == 0);
  service.blocks_for = 2001ms;
  world.time.advance(10s);
  CHECK(world.stats().timeout_count == 1);
  CHECK(world.stats().success_count == 2);
  CHECK_FALSE(world.stats().is_overdue);
  CHECK(world.logged().find("timer blocks has outlasted its timeout of 2.000 s: it ended before") !=
        std::string::npos);
}

TEST_CASE("a timeout holds after a stop has begun, too") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::hangs>{.interval = 10s, .timeout = 2s}, service);
  world.start();
  world.time.advance(11s);
  world.stop();
  CHECK_FALSE(world.tasks.empty());
  world.time.advance(1s);
  CHECK(world.tasks.empty());
  CHECK(world.stats().timeout_count == 1);
  CHECK(world.stats().error_count == 1);
  CHECK(world.stats().last_error == "timeout: cancelled after 2.000 s");
}

TEST_CASE("a run that begins while the end of the one before is on its way has its own time") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 2s;
  // Each run ends at the very instant at which its time is over, and the next one begins there.
  world.add(timer<&Service::sleeps>{.interval = 2s, .timeout = 2s}, service);
  world.start();
  world.time.advance(100s);
  CHECK(service.ended == 49);
  CHECK(world.stats().success_count == 49);
  world.stop();
  world.time.advance(10s);
  CHECK(world.tasks.empty());
}
