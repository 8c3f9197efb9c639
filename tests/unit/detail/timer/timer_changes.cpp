#include "support/catch.hpp"
#include "support/noted_runs.hpp"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::RunOn;
using cliffracer::TickContext;
using cliffracer::timer;
using support::NotedRuns;
using support::Starts;
using support::TimerWorld;

// Timers that come and go while their service runs.

namespace {

struct Service : NotedRuns {
  using NotedRuns::NotedRuns;

  asio::awaitable<void> acts(TickContext tick) {
    name = tick.name;
    note();
    if (action) action();
    co_return;
  }
  void plain(const TickContext& tick) {
    name = tick.name;
    note();
    if (action) action();
  }
  asio::awaitable<void> fails() {
    note();
    throw std::runtime_error{"no luck"};
    co_return;
  }

  std::function<void()> action;
  std::string name;
};

struct Fixture {
  Fixture() { world.workers_inline = true; }

  void remove(const std::string& name) { world.timers.remove("svc", name); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& timer : world.timers.stats(world.time.now(), world.time.wall_clock()).timers)
      names.push_back(timer.name);
    return names;
  }

  TimerWorld world;
  Service service{world};
  Service other{world};
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a timer that is added while others run starts then") {
  Fixture f;
  f.world.add(timer<&Service::tick>{.interval = 10s}, f.service);
  f.world.start();
  f.world.time.advance(15s);
  f.world.add(timer<&Service::plain>{.interval = 10s, .eager = true}, f.other);
  f.world.time.advance(20s);
  CHECK(f.service.starts == Starts{10s, 20s, 30s});
  CHECK(f.other.starts == Starts{15s, 25s, 35s});
  CHECK(f.names() == Names{"tick", "plain"});
  CHECK(f.world.stats(1).is_running);
  f.world.stop();
  CHECK(f.world.tasks.empty());
  CHECK_FALSE(f.world.stats(1).is_running);
}

TEST_CASE("timers are added when there were none, and after the last one has gone") {
  Fixture f;
  f.world.start();
  f.world.time.advance(5s);
  f.world.add(timer<&Service::tick>{.interval = 10s}, f.service);
  f.world.time.advance(10s);
  f.remove("tick");
  f.world.time.settle();
  CHECK(f.world.tasks.names().empty());
  f.world.time.advance(10s);
  f.world.add(timer<&Service::tick>{.interval = 10s, .align_to_epoch = true}, f.service);
  f.world.time.advance(10s);
  CHECK(f.service.starts.size() == 2);
  f.world.stop();
  CHECK(f.world.tasks.empty());
}

TEST_CASE("a method adds a timer that is due at once") {
  Fixture f;
  f.service.action = [&] {
    f.service.action = {};
    f.world.add(timer<&Service::tick>{.interval = 1min, .eager = true}, f.other);
  };
  f.world.add(timer<&Service::acts>{.interval = 10s}, f.service);
  f.world.start();
  f.world.time.advance(10s);
  CHECK(f.other.starts == Starts{10s});
}

TEST_CASE("a timer that is added and removed on other threads is so when the event loop gets to it") {
  Fixture f;
  f.world.add(timer<&Service::tick>{.interval = 10s}, f.service);
  f.world.start();
  // Off the strand, as another thread.
  f.world.add(timer<&Service::plain>{.interval = 1s}, f.other);
  CHECK(f.names() == Names{"tick", "plain"});
  f.remove("plain");
  CHECK(f.names() == Names{"tick"});
  f.world.time.advance(10s);
  CHECK(f.other.starts.empty());
  CHECK(f.service.starts == Starts{10s});
}

TEST_CASE("a timer that is removed does not run any more, leaves no wake-up, and its name is free") {
  Fixture f;
  f.world.add(timer<&Service::tick>{.interval = 10s}, f.service);
  f.world.start();
  f.world.time.advance(25s);
  f.remove("tick");
  f.world.time.settle();
  CHECK(f.world.time.armed_for() == support::TimePoint::max());
  f.world.time.advance(1min);
  CHECK(f.service.starts == Starts{10s, 20s});
  CHECK(f.names().empty());
  CHECK_THROWS_AS(f.remove("tick"), std::invalid_argument);
  CHECK_THROWS_AS(f.world.timers.pause("svc", "tick", ""), std::invalid_argument);
  f.world.add(timer<&Service::tick>{.interval = 10s}, f.service);
  f.world.time.advance(10s);
  CHECK(f.service.starts == Starts{10s, 20s, 95s});
  CHECK(f.world.logged().find("timer tick is removed") != std::string::npos);
}

TEST_CASE("a timer that is removed before the start never runs") {
  Fixture f;
  f.world.add(timer<&Service::tick>{.interval = 10s, .eager = true}, f.service);
  f.remove("tick");
  f.world.start();
  f.world.time.advance(1min);
  CHECK(f.service.starts.empty());
}

TEST_CASE("a method that removes its own timer ends normally") {
  const auto check = [](auto add) {
    Fixture f;
    bool has_ended = false;
    add(f);
    f.service.action = [&] {
      f.remove(f.service.name);
      has_ended = true;
    };
    f.world.start();
    f.world.time.advance(1min);
    CHECK(has_ended);
    CHECK(f.service.starts == Starts{10s});
    CHECK(f.names().empty());
    CHECK(f.world.tasks.names().empty());
  };
  check([](Fixture& f) { f.world.add(timer<&Service::acts>{.interval = 10s, .timeout = 5s}, f.service); });
  check([](Fixture& f) { f.world.add(timer<&Service::plain>{.interval = 10s, .timeout = 5s}, f.service); });
  check([](Fixture& f) {
    f.world.add(timer<&Service::plain>{.interval = 10s, .run_on = RunOn::event_loop}, f.service);
  });
}

TEST_CASE("a run in progress goes on when its timer is removed, and may still outlast its timeout") {
  Fixture f;
  f.world.add(timer<&Service::hangs>{.interval = 10s, .timeout = 3s}, f.service);
  f.world.add(timer<&Service::tick>{.interval = 1s}, f.other);
  f.world.start();
  f.world.time.advance(11s);
  f.remove("hangs");
  f.world.time.settle();
  CHECK(f.world.tasks.names() == Names{"timer hangs"});
  f.world.time.advance(2s);
  CHECK(f.world.tasks.names().empty());
  CHECK(f.world.logged().find("timer hangs has outlasted its timeout") != std::string::npos);
  f.world.stop();
  CHECK(f.world.tasks.empty());
}

TEST_CASE("a method removes a timer that is due at the same instant, or has just run") {
  for (const bool is_first : {true, false}) {
    Fixture f;
    const auto add_other = [&] { f.world.add(timer<&Service::tick>{.interval = 10s}, f.other); };
    if (!is_first) add_other();
    f.world.add(timer<&Service::acts>{.interval = 10s}, f.service);
    if (is_first) add_other();
    f.service.action = [&] {
      f.service.action = {};
      f.remove("tick");
    };
    f.world.start();
    f.world.time.advance(1min);
    CHECK(f.other.starts.size() == (is_first ? 0 : 1));
    CHECK(f.service.starts.size() == 6);
    f.world.stop();
    CHECK(f.world.tasks.empty());
  }
}

TEST_CASE("a paused timer can be removed, and one can be while the timers stop") {
  Fixture f;
  f.world.add(timer<&Service::tick>{.interval = 10s}, f.service);
  f.world.add(timer<&Service::hangs>{.interval = 10s}, f.other);
  f.world.timers.pause("svc", "tick", "");
  f.world.start();
  f.world.time.advance(15s);
  f.remove("tick");
  f.world.stop();
  f.remove("hangs");
  f.world.timers.cancelling();
  f.world.tasks.cancel();
  f.world.time.settle();
  CHECK(f.world.tasks.empty());
  CHECK(f.names().empty());
}

TEST_CASE("a timer has finished after its last run, and begins to count at the next start") {
  Fixture f;
  f.world.add(
      timer<&Service::fails>{.interval = 10s, .error_backoff = 1s, .max_error_backoff = 0s, .max_runs = 3},
      f.service);
  f.world.add(timer<&Service::plain>{.interval = 10s, .eager = true, .max_runs = 1}, f.other);
  f.world.start();
  f.world.time.advance(11s);
  CHECK_FALSE(f.world.stats().is_finished);
  CHECK(f.world.stats(1).is_finished);
  f.world.time.advance(1min);
  CHECK(f.service.starts == Starts{10s, 11s, 12s});
  CHECK(f.other.starts == Starts{0s});
  const auto stats = f.world.stats();
  CHECK(stats.max_runs == 3);
  CHECK(stats.is_finished);
  CHECK_FALSE(stats.is_running);
  CHECK_FALSE(stats.next_execution.has_value());
  CHECK(stats.execution_count == 3);
  CHECK_THROWS_AS(f.world.timers.trigger("svc", "fails"), std::logic_error);
  CHECK(f.world.logged().find("timer fails has finished after 3 runs") != std::string::npos);
  f.world.stop();
  f.world.timers.stopped();
  f.world.start();
  CHECK_FALSE(f.world.stats().is_finished);
  f.world.time.advance(10s);
  CHECK(f.other.starts.size() == 2);
  CHECK(f.service.starts.size() == 4);
}

TEST_CASE("a timer that was paused in its last run, or after it, stays paused at the next start") {
  for (const bool is_after : {false, true}) {
    Fixture f;
    const auto pause = [&] { f.world.timers.pause("svc", "acts", "maintenance"); };
    f.world.add(timer<&Service::acts>{.interval = 10s, .max_runs = 1}, f.service);
    if (!is_after) f.service.action = pause;
    f.world.start();
    f.world.time.advance(11s);
    CHECK(f.world.stats().is_finished);
    if (is_after) pause();
    f.service.action = nullptr;
    f.world.time.advance(1s);
    f.world.stop();
    f.world.timers.stopped();
    f.world.start();
    f.world.time.advance(1min);
    CHECK(f.world.stats().is_paused);
    CHECK(f.service.starts == Starts{10s});
    f.world.timers.resume("svc", "acts");
    f.world.time.advance(10s);
    CHECK(f.service.starts.size() == 2);
  }
}

TEST_CASE("a run in progress says since when, and its method the timer's name") {
  Fixture f;
  f.world.add(timer<&Service::hangs>{.interval = 10s}, f.service);
  f.world.add(timer<&Service::acts>{.interval = 10s, .name = "another"}, f.other);
  f.world.start();
  f.world.time.advance(9s);
  CHECK_FALSE(f.world.stats().executing_since.has_value());
  f.world.time.advance(1s);
  const auto began = f.world.time.wall_clock();
  f.world.time.advance(1h);
  CHECK(f.world.stats().executing_since == began);
  CHECK_FALSE(f.world.stats(1).executing_since.has_value());
  CHECK(f.other.name == "another");
}
