#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/timer/hold_history.hpp>

#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using cliffracer::LatenessCause;
using cliffracer::RunOn;
using cliffracer::timer;
using cliffracer::detail::HoldHistory;
using support::TimePoint;
using support::TimerWorld;

namespace {

constexpr TimePoint at(std::chrono::nanoseconds since) { return TimePoint{1000s + since}; }

struct Service {
  explicit Service(TimerWorld& w) : world{w} {}

  asio::awaitable<void> tick() { co_return; }
  asio::awaitable<void> holds() {
    world.time.pass(holds_for);
    co_return;
  }
  asio::awaitable<void> holds_after_a_while() {
    auto sleeping = cliffracer::detail::sleep_until(world.time.queue(), world.strand, world.time.now() + 1s);
    co_await asio::co_spawn(world.strand, std::move(sleeping), asio::use_awaitable);
    world.time.pass(holds_for);
  }
  void plain() { world.time.pass(holds_for); }
  asio::awaitable<void> short_one() {
    world.time.pass(100us);
    co_return;
  }

  TimerWorld& world;
  std::chrono::nanoseconds holds_for{300ms};
};

}  // namespace

TEST_CASE("a run is late because of its own run before, because of a holder, or because nothing ran") {
  HoldHistory watch{100ms};
  watch.runs_begin(at(0s));
  watch.held("timer sync", at(1s), at(2s));
  CHECK(watch.cause_of(at(1500ms), at(2500ms), at(1600ms)) == LatenessCause::own_run);
  CHECK(watch.cause_of(at(1500ms), at(2500ms), at(1s)) == LatenessCause::event_loop);
  CHECK(watch.holder() == "timer sync");
  CHECK(watch.blocked_by() == "timer sync");
  watch.runs_begin(at(9s));
  CHECK(watch.cause_of(at(5s), at(9s), at(1s)) == LatenessCause::suspended);
  CHECK(watch.cause_of(at(9s), at(9500ms), at(1s)) == LatenessCause::event_loop);
  CHECK(watch.holder().empty());
  CHECK(watch.blocked_by() == "many short runs");
}

TEST_CASE("what holds the event loop for less than a millisecond is nobody's cause") {
  HoldHistory watch{100ms};
  watch.runs_begin(at(3s));
  watch.held("timer sync", at(1s), at(1s + 999us));
  CHECK(watch.cause_of(at(1s), at(3s), at(0s)) == LatenessCause::suspended);
}

TEST_CASE("without a threshold only the own run is known as a cause") {
  HoldHistory watch{0ns};
  CHECK_FALSE(watch.is_on());
  CHECK(watch.cause_of(at(1s), at(3s), at(0s)) == LatenessCause::none);
  CHECK(watch.cause_of(at(1s), at(3s), at(2s)) == LatenessCause::own_run);
}

TEST_CASE("a method that holds the event loop is named, counted, and told as the cause of others") {
  TimerWorld world;
  world.blocking_threshold = 100ms;
  Service service{world};
  SECTION("a coroutine before its first suspension") {
    world.add(timer<&Service::holds>{.interval = 10s, .name = "holder"}, service);
  }
  SECTION("a coroutine after a suspension") {
    world.add(timer<&Service::holds_after_a_while>{.interval = 9s, .name = "holder"}, service);
  }
  SECTION("a plain method on the event loop") {
    world.add(timer<&Service::plain>{.interval = 10s, .run_on = RunOn::event_loop, .name = "holder"},
              service);
  }
  world.add(timer<&Service::tick>{.interval = 10100ms}, service);
  world.start();
  world.time.advance(11s);
  CHECK(world.stats(0).blocking_count == 1);
  CHECK(world.stats(0).longest_blocking == 300ms);
  CHECK(world.logged().find("timer holder held the event loop for 0.300 s, at least blocking_threshold "
                            "0.100 s") != std::string::npos);
  CHECK(world.stats(1).last_lateness == 200ms);
  CHECK(world.stats(1).last_lateness_cause == LatenessCause::event_loop);
  CHECK(world.stats(1).last_blocked_by == "timer holder");
  CHECK(world.stats(1).blocking_count == 0);
}

TEST_CASE("a method that holds the event loop for less than the threshold is a cause without a warning") {
  TimerWorld world;
  world.blocking_threshold = 1s;
  Service service{world};
  world.add(timer<&Service::holds>{.interval = 10s}, service);
  world.add(timer<&Service::tick>{.interval = 10100ms}, service);
  world.start();
  world.time.advance(11s);
  CHECK(world.stats(0).blocking_count == 0);
  CHECK(world.logged().find("held the event loop") == std::string::npos);
  CHECK(world.stats(1).last_blocked_by == "timer holds");
}

TEST_CASE("a run that has drifted says in the log what made it late") {
  TimerWorld world;
  world.blocking_threshold = 100ms;
  Service service{world};
  service.holds_for = 5s;
  world.add(timer<&Service::holds>{.interval = 1min}, service);
  world.add(timer<&Service::tick>{.interval = 61s}, service);
  world.start();
  world.time.advance(70s);
  CHECK(world.logged().find(
            "timer tick is 4.000 s late, more than max_drift 1.000 s, because of timer holds") !=
        std::string::npos);
}

TEST_CASE("a process that stood still is told from a service that was busy") {
  TimerWorld world;
  world.blocking_threshold = 100ms;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s, .max_drift = 1min}, service);
  world.start();
  world.time.pass(15s);
  world.time.advance(0s);
  CHECK(world.stats().last_lateness == 5s);
  CHECK(world.stats().last_lateness_cause == LatenessCause::suspended);
  world.time.advance(10s);
  CHECK(world.stats().last_lateness_cause == LatenessCause::none);
}

TEST_CASE("many short runs at one instant are told as such") {
  TimerWorld world;
  world.blocking_threshold = 100ms;
  Service service{world};
  for (int n = 0; n < 40; ++n)
    world.add(timer<&Service::short_one>{.interval = 10s, .name = "short" + std::to_string(n)}, service);
  world.start();
  world.time.advance(10s);
  CHECK(world.stats(39).last_lateness == 3900us);
  CHECK(world.stats(39).last_lateness_cause == LatenessCause::event_loop);
  CHECK(world.stats(39).last_blocked_by == "many short runs");
}

TEST_CASE("what held the event loop at the newest late run is kept until another one does") {
  TimerWorld world;
  world.blocking_threshold = 100ms;
  Service service{world};
  service.holds_for = 5ms;
  world.add(timer<&Service::holds>{.interval = 30s, .name = "holder"}, service);
  for (int n = 0; n < 40; ++n)
    world.add(timer<&Service::short_one>{.interval = 10s, .name = "short" + std::to_string(n)}, service);
  world.start();
  const auto last = [&] { return world.stats(40); };

  world.time.advance(10s);
  CHECK(last().last_blocked_by == "many short runs");
  world.time.advance(20s);
  CHECK(last().last_lateness_cause == LatenessCause::event_loop);
  CHECK(last().last_blocked_by == "timer holder");
  world.time.advance(10s);
  CHECK(last().last_lateness_cause == LatenessCause::event_loop);
  CHECK(last().last_blocked_by == "many short runs");
  CHECK(world.stats(1).last_lateness_cause == LatenessCause::none);
  CHECK(world.stats(1).last_blocked_by == "timer holder");
}
