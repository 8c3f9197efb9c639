#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/time/wall_clock.hpp>
#include <cliffracer/timer_observer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::timer;
using cliffracer::detail::WallClock;
using support::TimePoint;
using support::TimerWorld;

namespace {

struct Service {
  explicit Service(TimerWorld& w) : world{w} {}
  asio::awaitable<void> tick() {
    shown.push_back(world.time.wall_clock().time_since_epoch());
    co_return;
  }
  TimerWorld& world;
  std::vector<std::chrono::nanoseconds> shown;  // by the wall clock
};

/// The wall clock shows `wall` since the epoch.
void set_wall_clock(TimerWorld& world, std::chrono::nanoseconds wall) {
  world.time.wall_offset = wall - world.time.now().time_since_epoch();
}

using Shown = std::vector<std::chrono::nanoseconds>;

}  // namespace

TEST_CASE("a wall clock that is set is noticed, and less than a millisecond is not") {
  asio::io_context context;
  support::VirtualTime time{context};
  WallClock wall{time};
  CHECK(wall.offset() == time.wall_offset);
  CHECK(wall.look() == 0ns);
  time.pass(1h);
  CHECK(wall.look() == 0ns);
  time.wall_offset += 900us;
  CHECK(wall.look() == 0ns);
  time.wall_offset += 900us;
  CHECK(wall.look() == 1800us);
  CHECK(wall.offset() == time.wall_offset);
  time.wall_offset -= 1h;
  CHECK(wall.look() == -1h);
}

TEST_CASE("an hourly timer that is aligned fires on the hour") {
  TimerWorld world;
  set_wall_clock(world, 10h + 25min);
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true}, service);
  world.start();
  world.time.advance(3h);
  CHECK(service.shown == Shown{11h, 12h, 13h});
  CHECK(world.stats().clock_step_count == 0);
  CHECK(world.stats().align_to_epoch);
}

TEST_CASE("an aligned timer follows a wall clock that is set forward while it waits") {
  TimerWorld world;
  set_wall_clock(world, 10h + 25min);
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true}, service);
  world.start();
  world.time.advance(5min);
  world.time.wall_offset += 20min;
  world.time.advance(10min);
  CHECK(service.shown == Shown{11h});
  CHECK(world.stats().clock_step_count == 1);
  CHECK(world.logged().find("the wall clock was set by 1200.000 s: aligned timers follow it") !=
        std::string::npos);
}

TEST_CASE("an aligned timer follows a wall clock that is set back, and runs no hour twice") {
  TimerWorld world;
  set_wall_clock(world, 10h + 55min);
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true}, service);
  world.start();
  world.time.advance(10min);
  world.time.wall_offset -= 10min;
  world.time.advance(2h);
  CHECK(service.shown == Shown{11h, 12h});
  CHECK(world.stats().clock_step_count == 1);
}

TEST_CASE("an aligned timer that is paused follows the wall clock, too") {
  TimerWorld world;
  set_wall_clock(world, 10h + 25min);
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true}, service);
  world.start();
  world.timers.pause("svc", "tick", "");
  world.time.advance(5min);
  world.time.wall_offset += 20min;
  world.time.advance(30min);
  world.timers.resume("svc", "tick");
  world.time.advance(1h);
  CHECK(service.shown == Shown{12h});
}

TEST_CASE("points that the wall clock is set over are in the statistics") {
  TimerWorld world;
  set_wall_clock(world, 10h + 25min);
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true}, service);
  world.start();
  world.time.advance(5min);
  world.time.wall_offset += 3h;
  world.time.advance(30min);
  CHECK(service.shown == Shown{14h});
  CHECK(world.stats().execution_count == 1);
  CHECK(world.stats().skipped.missed == 3);
}

TEST_CASE("an aligned timer that has finished does not follow the wall clock") {
  TimerWorld world;
  set_wall_clock(world, 10h + 25min);
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .max_runs = 1, .align_to_epoch = true}, service);
  world.start();
  world.time.advance(1h);
  world.time.wall_offset += 3h;
  world.time.advance(1h);
  CHECK(world.stats().execution_count == 1);
  CHECK(world.stats().skipped_count == 0);
  CHECK(world.stats().clock_step_count == 0);
  CHECK_FALSE(world.stats().next_execution);
}

TEST_CASE("an observer that hears of what the wall clock was set over may remove any timer") {
  struct Remover : cliffracer::TimerObserver {
    explicit Remover(TimerWorld& w) : world{w} {}
    void on_skip(const cliffracer::ObservedTimer&, cliffracer::SkipReason, std::uint64_t) override {
      for (const auto& name : std::exchange(names, {})) world.timers.remove("svc", name);
    }
    TimerWorld& world;
    std::vector<std::string> names;
  };
  TimerWorld world;
  set_wall_clock(world, 10h + 25min);
  const auto remover = std::make_shared<Remover>(world);
  remover->names = GENERATE(as<std::vector<std::string>>{}, std::vector<std::string>{"a"},
                            std::vector<std::string>{"b", "c"}, std::vector<std::string>{"c", "b", "a"});
  const std::size_t left = 4 - remover->names.size();
  world.observer = remover;
  Service service{world};
  for (const char* const name : {"a", "b", "c", "d"})
    world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true, .name = name}, service);
  world.start();
  world.time.advance(5min);
  world.time.wall_offset += 3h;
  world.time.advance(30min);
  const auto stats = world.timers.stats(world.time.now(), world.time.wall_clock()).timers;
  REQUIRE(stats.size() == left);
  for (const auto& timer : stats) {
    CHECK(timer.clock_step_count == 1);
    CHECK(timer.skipped.missed == 3);
    CHECK(timer.execution_count == 1);
  }
}

TEST_CASE("the watch for the wall clock ends with the timers") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1h, .align_to_epoch = true}, service);
  world.start();
  world.stop();
  CHECK(world.tasks.empty());
}
