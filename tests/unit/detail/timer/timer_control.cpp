#include "support/catch.hpp"
#include "support/noted_runs.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::timer;
using support::NotedRuns;
using support::Starts;
using support::TimerWorld;

namespace {

struct Service : NotedRuns {
  explicit Service(TimerWorld& w) : NotedRuns{w} { sleeps_for = 3s; }

  asio::awaitable<void> pauses_itself() {
    note();
    world.timers.pause("svc", "pauses_itself", "enough");
    co_return;
  }
  asio::awaitable<void> triggers_itself() {
    note();
    if (starts.size() == 1) world.timers.trigger("svc", "triggers_itself");
    co_return;
  }
  asio::awaitable<void> triggers_tick() {
    world.timers.trigger("svc", "tick");
    co_return;
  }
  asio::awaitable<void> fails() {
    note();
    throw std::runtime_error{"no luck"};
    co_return;
  }
  void plain() { note(); }
};

void check_ledger(const cliffracer::TimerStats& stats, std::uint64_t points) {
  CHECK(stats.execution_count + stats.skipped_count == points);
}

}  // namespace

TEST_CASE("a paused timer does not run, and says why") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(15s);
  world.timers.pause("svc", "tick", "maintenance");
  world.time.settle();
  world.time.advance(100s);
  CHECK(service.starts == Starts{10s});
  CHECK(world.stats().is_paused);
  CHECK(world.stats().pause_reason == "maintenance");
  CHECK_FALSE(world.stats().next_execution);
  CHECK_FALSE(world.timers.next_due("svc", "tick"));
  CHECK(world.logged().find("timer tick is paused: maintenance") != std::string::npos);
}

TEST_CASE("a resumed timer goes on with its grid and counts what it missed as skipped") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(15s);
  world.timers.pause("svc", "tick", "maintenance");
  world.time.advance(30s);
  world.timers.resume("svc", "tick");
  world.time.advance(20s);
  CHECK(service.starts == Starts{10s, 50s, 60s});
  CHECK_FALSE(world.stats().is_paused);
  CHECK(world.stats().pause_reason.empty());
  CHECK(world.stats().skipped.paused == 3);
  CHECK(world.stats().skipped.missed == 0);
  check_ledger(world.stats(), 6);
}

TEST_CASE("a timer that is not paused is left alone by a resume") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.timers.resume("svc", "tick");
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s});
  CHECK(world.logged().find("resumed") == std::string::npos);
}

TEST_CASE("a run in progress goes on when its timer is paused") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::sleeps>{.interval = 10s}, service);
  world.start();
  world.time.advance(11s);
  world.timers.pause("svc", "sleeps", "");
  world.time.advance(30s);
  CHECK(world.stats().success_count == 1);
  CHECK(world.stats().execution_count == 1);
  world.timers.resume("svc", "sleeps");
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s, 50s});
  check_ledger(world.stats(), 5);
}

TEST_CASE("a timer can be paused and resumed during one run") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::sleeps>{.interval = 10s}, service);
  world.start();
  world.time.advance(11s);
  world.timers.pause("svc", "sleeps", "");
  world.timers.resume("svc", "sleeps");
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s, 20s});
  CHECK(world.stats().skipped_count == 0);
}

TEST_CASE("a method can pause its own timer") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::pauses_itself>{.interval = 10s}, service);
  world.start();
  world.time.advance(60s);
  CHECK(service.starts == Starts{10s});
  CHECK(world.stats().pause_reason == "enough");
}

TEST_CASE("a service stops while a timer is paused, which stays so over a start") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.timers.pause("svc", "tick", "before start");
  CHECK(world.stats().is_paused);
  world.start();
  world.time.advance(60s);
  CHECK(service.starts.empty());
  world.stop();
  CHECK(world.tasks.empty());
  world.timers.stopped();
  CHECK_FALSE(world.stats().is_running);
  world.start();
  world.time.advance(60s);
  CHECK(service.starts.empty());
  world.timers.resume("svc", "tick");
  world.time.advance(10s);
  CHECK(service.starts.size() == 1);
}

TEST_CASE("a resume without a start holds at the start") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.timers.pause("svc", "tick", "");
  world.timers.resume("svc", "tick");
  world.start();
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s});
}

TEST_CASE("a triggered timer runs now and keeps its grid") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(13s);
  world.timers.trigger("svc", "tick");
  world.time.advance(7s);
  CHECK(service.starts == Starts{10s, 13s, 20s});
  CHECK(world.stats().last_lateness == 0ns);
  CHECK(world.stats().skipped_count == 0);
}

TEST_CASE("a trigger during a run waits for its end, and several are one") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::sleeps>{.interval = 10s}, service);
  world.start();
  world.time.advance(11s);
  world.timers.trigger("svc", "sleeps");
  world.timers.trigger("svc", "sleeps");
  world.time.advance(9s);
  CHECK(service.starts == Starts{10s, 13s, 20s});
}

TEST_CASE("a method can trigger its own timer") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::triggers_itself>{.interval = 10s}, service);
  world.start();
  world.time.advance(15s);
  REQUIRE(service.starts.size() == 2);
  CHECK(service.starts[1] - service.starts[0] <= 1ns);
}

TEST_CASE("a method can trigger another timer that is due in the same round") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::triggers_tick>{.interval = 10s}, service);
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(19s);
  CHECK(service.starts == Starts{10s});
}

TEST_CASE("a paused timer that is triggered runs once and stays paused") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.timers.pause("svc", "tick", "");
  world.time.advance(25s);
  world.timers.trigger("svc", "tick");
  world.time.advance(30s);
  CHECK(service.starts == Starts{25s});
  CHECK(world.stats().is_paused);
  CHECK(world.stats().drift_count == 0);
  world.timers.resume("svc", "tick");
  world.time.advance(5s);
  CHECK(service.starts == Starts{25s, 60s});
  CHECK(world.stats().skipped.paused == 5);
}

TEST_CASE("a plain method on a worker can be triggered") {
  TimerWorld world;
  world.workers_inline = true;
  Service service{world};
  world.add(timer<&Service::plain>{.interval = 10s}, service);
  world.start();
  world.time.advance(3s);
  world.timers.trigger("svc", "plain");
  world.time.advance(10s);
  CHECK(service.starts == Starts{3s, 10s});
}

TEST_CASE("another interval is in force at once, from the newest start on") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 60s}, service);
  world.start();
  world.time.advance(70s);
  world.timers.set_interval("svc", "tick", 15s);
  world.time.advance(20s);
  CHECK(service.starts == Starts{60s, 75s, 90s});
  CHECK(world.stats().interval == 15s);
  world.timers.set_interval("svc", "tick", 1h);
  world.time.advance(1h);
  CHECK(service.starts.back() == 90s + 1h);
}

TEST_CASE("another interval set before the start holds at the start") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 60s}, service);
  world.timers.set_interval("svc", "tick", 5s);
  CHECK(world.stats().interval == 5s);
  world.start();
  world.time.advance(10s);
  CHECK(service.starts == Starts{5s, 10s});
}

TEST_CASE("an interval out of range is refused by name and changes nothing") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 60s, .tolerance = 2s, .jitter = 3s}, service);
  const auto refusal = [&](cliffracer::detail::OptionDuration interval) -> std::string {
    try {
      world.timers.set_interval("svc", "tick", interval);
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return "none";
  };
  CHECK(refusal(0s) == "service svc: timer tick: interval must be greater than zero");
  CHECK(refusal(-1s) == "service svc: timer tick: interval must not be negative");
  CHECK(refusal(2s) == "service svc: timer tick: tolerance must be less than interval");
  CHECK(refusal(3s) == "service svc: timer tick: jitter must be less than interval");
  CHECK(world.stats().interval == 60s);
}

TEST_CASE("a timer that does not exist is named") {
  TimerWorld world;
  const std::string unknown = "service svc: there is no timer \"nope\\n\"";
  const auto refusal = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return "none";
  };
  CHECK(refusal([&] { world.timers.pause("svc", "nope\n", ""); }) == unknown);
  CHECK(refusal([&] { world.timers.resume("svc", "nope\n"); }) == unknown);
  CHECK(refusal([&] { world.timers.trigger("svc", "nope\n"); }) == unknown);
  CHECK(refusal([&] { world.timers.set_interval("svc", "nope\n", 1s); }) == unknown);
  CHECK(refusal([&] { static_cast<void>(world.timers.next_due("svc", "nope\n")); }) == unknown);
}

TEST_CASE("a timer that does not run cannot be triggered") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 60s}, service);
  CHECK_THROWS_AS(world.timers.trigger("svc", "tick"), std::logic_error);
}

TEST_CASE("the next due point can be asked for") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 60s}, service);
  CHECK_FALSE(world.timers.next_due("svc", "tick"));
  world.start();
  CHECK(world.timers.next_due("svc", "tick") == service.begin + 60s);
  world.time.advance(60s);
  CHECK(world.timers.next_due("svc", "tick") == service.begin + 120s);
}

TEST_CASE("a timer that fails as often in a row as it may is paused with the reason") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::fails>{.interval = 60s, .error_backoff = 1s, .max_consecutive_errors = 3},
            service);
  world.start();
  world.time.advance(200s);
  CHECK(service.starts == Starts{60s, 61s, 62s});
  CHECK(world.stats().is_paused);
  CHECK(world.stats().pause_reason == "3 consecutive errors: no luck");
  CHECK(world.stats().consecutive_errors == 3);
  CHECK(world.logged().find("no luck; no retry") != std::string::npos);
  world.timers.resume("svc", "fails");
  CHECK(world.stats().consecutive_errors == 3);
  world.time.settle();
  CHECK(world.stats().consecutive_errors == 0);
  world.time.advance(100s);
  CHECK(service.starts == Starts{60s, 61s, 62s, 240s, 241s, 242s});
}

TEST_CASE("what several threads ask for is done in the order of each") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  std::vector<std::thread> threads;
  for (int n = 0; n < 3; ++n) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        world.timers.pause("svc", "tick", "thread");
        static_cast<void>(world.stats());
        static_cast<void>(world.timers.next_due("svc", "tick"));
        world.timers.resume("svc", "tick");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s});
  CHECK_FALSE(world.stats().is_paused);
}
