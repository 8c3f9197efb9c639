#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/timer_observer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::ObservedTimer;
using cliffracer::SkipReason;
using cliffracer::TickContext;
using cliffracer::timer;
using support::TimerWorld;

namespace {

std::string text(std::chrono::nanoseconds duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + "ms";
}

/// Writes down what it is told.
class Notes : public cliffracer::TimerObserver {
 public:
  void on_start(const ObservedTimer& timer, const TickContext& tick) override {
    add(timer, "start " + std::to_string(tick.run_number));
  }
  void on_success(const ObservedTimer& timer, std::chrono::nanoseconds length) override {
    add(timer, "success " + text(length));
  }
  void on_error(const ObservedTimer& timer, std::chrono::nanoseconds length,
                std::string_view error) override {
    add(timer, "error " + text(length) + " " + std::string{error});
  }
  void on_cancel(const ObservedTimer& timer, std::chrono::nanoseconds length) override {
    add(timer, "cancel " + text(length));
  }
  void on_skip(const ObservedTimer& timer, SkipReason reason, std::uint64_t count) override {
    const char* const names[] = {"missed", "drifted", "failing", "paused"};
    add(timer, std::string{"skip "} + names[static_cast<int>(reason)] + " " + std::to_string(count));
  }
  void on_drift(const ObservedTimer& timer, std::chrono::nanoseconds lateness) override {
    add(timer, "drift " + text(lateness));
  }
  void on_timeout(const ObservedTimer& timer) override { add(timer, "timeout"); }
  void on_blocking(const ObservedTimer& timer, std::chrono::nanoseconds length) override {
    add(timer, "blocking " + text(length));
  }
  void on_pause(const ObservedTimer& timer, std::string_view reason) override {
    add(timer, "pause " + std::string{reason});
  }
  void on_resume(const ObservedTimer& timer) override { add(timer, "resume"); }

  std::vector<std::string> all;

 private:
  void add(const ObservedTimer& timer, std::string what) {
    CHECK(timer.service == "svc");
    CHECK(timer.name == "tick");
    all.push_back(std::move(what));
  }
};

struct Service {
  explicit Service(TimerWorld& w) : world{w} {}

  asio::awaitable<void> tick() {
    world.time.pass(holds_for);
    if (fails) throw std::runtime_error{"no luck"};
    if (sleeps_for > 0s) {
      auto sleeping =
          cliffracer::detail::sleep_until(world.time.queue(), world.strand, world.time.now() + sleeps_for);
      co_await std::move(sleeping);
    }
  }

  TimerWorld& world;
  bool fails = false;
  std::chrono::nanoseconds holds_for{0};
  std::chrono::nanoseconds sleeps_for{0};
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("an observer is told of starts and ends") {
  TimerWorld world;
  const auto notes = std::make_shared<Notes>();
  world.observer = notes;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s, .error_backoff = 1s}, service);
  world.start();
  world.time.advance(10s);
  CHECK(notes->all == Told{"start 1", "success 0ms"});
  notes->all.clear();
  service.fails = true;
  service.holds_for = 5ms;
  world.time.advance(10s);
  CHECK(notes->all == Told{"start 2", "error 5ms no luck"});
}

TEST_CASE("an observer is told of what is skipped, by reason, and of drift") {
  TimerWorld world;
  const auto notes = std::make_shared<Notes>();
  world.observer = notes;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s, .max_drift = 25s, .error_backoff = 15s}, service);
  world.start();
  world.time.pass(33s);
  world.time.advance(0s);
  CHECK(notes->all == Told{"skip missed 2", "start 1", "success 0ms"});
  notes->all.clear();
  world.time.pass(60s);
  world.time.advance(0s);
  CHECK(notes->all == Told{"skip drifted 5", "drift 53000ms", "start 2", "success 0ms"});
  notes->all.clear();
  service.fails = true;
  world.time.advance(10s);
  service.fails = false;
  world.time.advance(15s);
  CHECK(notes->all == Told{"start 3", "error 0ms no luck", "skip failing 1", "start 4", "success 0ms"});
  notes->all.clear();
  world.timers.pause("svc", "tick", "lunch");
  world.time.advance(60s);
  world.timers.resume("svc", "tick");
  world.time.settle();
  CHECK(notes->all == Told{"pause lunch", "skip paused 6", "resume"});
  CHECK(world.stats().skipped.missed == 2);
  CHECK(world.stats().skipped.drifted == 5);
  CHECK(world.stats().skipped.failing == 1);
  CHECK(world.stats().skipped.paused == 6);
  CHECK(world.stats().skipped_count == 14);
}

TEST_CASE("an observer is told of timeouts, of blocking and of runs that are cut short") {
  TimerWorld world;
  const auto notes = std::make_shared<Notes>();
  world.observer = notes;
  world.blocking_threshold = 100ms;
  Service service{world};
  service.sleeps_for = 10s;
  service.holds_for = 150ms;
  world.add(timer<&Service::tick>{.interval = 10s, .timeout = 1s}, service);
  world.start();
  world.time.advance(15s);
  CHECK(notes->all ==
        Told{"start 1", "blocking 150ms", "timeout", "error 1000ms timeout: cancelled after 1.000 s"});
  notes->all.clear();
  world.time.advance(1500ms);
  world.timers.request_stop();
  world.timers.cancelling();
  world.tasks.cancel();
  world.time.settle();
  CHECK(notes->all == Told{"start 2", "blocking 150ms", "cancel 500ms"});
}

TEST_CASE("what an observer throws is logged, and the timer goes on") {
  struct Thrower : cliffracer::TimerObserver {
    void on_start(const ObservedTimer&, const TickContext&) override { throw std::runtime_error{"oh\nno"}; }
    void on_success(const ObservedTimer&, std::chrono::nanoseconds) override { throw 42; }
  };
  TimerWorld world;
  world.observer = std::make_shared<Thrower>();
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(30s);
  CHECK(world.stats().success_count == 3);
  CHECK(world.logged().find("the observer of timer tick failed: oh\\nno") != std::string::npos);
}
