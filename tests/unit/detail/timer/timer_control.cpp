#include "support/catch.hpp"
#include "support/noted_runs.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::RunOn;
using cliffracer::timer;
using cliffracer::detail::TimerSet;
using support::NotedRuns;
using support::Starts;
using support::TimePoint;
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
  asio::awaitable<void> fails_while_resumed(cliffracer::TickContext tick) {
    note();
    attempts.push_back(tick.attempt);
    if (starts.size() == 3 && is_resumed_in_third) {
      world.timers.pause("svc", "fails_while_resumed", "");
      world.timers.resume("svc", "fails_while_resumed");
    }
    throw std::runtime_error{"no luck"};
    co_return;
  }
  void plain() { note(); }

  std::vector<std::uint32_t> attempts;
  bool is_resumed_in_third = true;
};

/// Two timers that are due at the same instants, 400 ms apart; in its first run `second` calls something.
class Pair {
 public:
  using Call = std::function<void(TimerSet&)>;
  enum class Caller : std::uint8_t { coroutine, plain, observer };

  /// `is_first_run`: `first` has run when `second` calls.
  Pair(bool is_first_run, Caller caller, Call call) : is_plain_{caller == Caller::plain} {
    Call& calls = caller == Caller::observer ? notes_->call : service.call;
    calls = std::move(call);
    world.observer = notes_;
    if (is_first_run) add_first();
    // Alone after the first run.
    const auto alone = 1h;
    if (is_plain_) {
      world.add(
          timer<&Methods::act>{
              .interval = alone, .initial_delay = 400ms, .run_on = RunOn::event_loop, .name = "second"},
          service);
    } else {
      world.add(timer<&Methods::second>{.interval = alone, .initial_delay = 400ms}, service);
    }
    if (!is_first_run) add_first();
    world.start();
    world.time.advance(400ms);
    CHECK_FALSE(notes_->call);
    CHECK_FALSE(service.call);
    CHECK(first().drift_count == 0);
  }

  [[nodiscard]] cliffracer::TimerStats first() const {
    return world.stats(world.stats(0).name == "second" ? 1 : 0);
  }
  [[nodiscard]] bool is_first_waiting() const { return world.time.armed_for() != service.begin + 400ms + 1h; }

  struct Methods : NotedRuns {
    using NotedRuns::NotedRuns;
    asio::awaitable<void> second() {
      act();
      co_return;
    }
    void act() {
      if (auto calls = std::exchange(call, nullptr)) calls(world.timers);
    }
    void plain() { note(); }
    Call call;
  };

 private:
  struct Notes : cliffracer::TimerObserver {
    explicit Notes(TimerWorld& w) : world{w} {}
    void on_success(const cliffracer::ObservedTimer& of, std::chrono::nanoseconds) override {
      if (of.name != "second") return;
      if (auto calls = std::exchange(call, nullptr)) calls(world.timers);
    }
    TimerWorld& world;
    Call call;
  };

  void add_first() {
    if (is_plain_) {
      world.add(timer<&Methods::plain>{.interval = 400ms, .run_on = RunOn::event_loop, .name = "first"},
                service);
    } else {
      world.add(timer<&Methods::tick>{.interval = 400ms, .name = "first"}, service);
    }
  }

 public:
  TimerWorld world;
  Methods service{world};

 private:
  std::shared_ptr<Notes> notes_ = std::make_shared<Notes>(world);
  bool is_plain_;
};

Pair::Caller any_caller() {
  return GENERATE(Pair::Caller::coroutine, Pair::Caller::plain, Pair::Caller::observer);
}

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

TEST_CASE("a pause with an end ends by itself, and what it missed counts as skipped") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s, .tolerance = 2s}, service);
  world.start();
  world.time.advance(15s);
  world.timers.pause("svc", "tick", "maintenance", world.time.now() + 30s);
  world.time.settle();
  CHECK(world.logged().find("timer tick is paused for 30.000 s: maintenance") != std::string::npos);
  world.time.advance(30s - 1ns);
  CHECK(world.stats().is_paused);
  CHECK(world.stats().paused_until == world.time.wall_clock() + 1ns);
  world.time.advance(1ns);
  CHECK_FALSE(world.stats().is_paused);
  CHECK_FALSE(world.stats().paused_until);
  CHECK(world.logged().find("timer tick is resumed; 3 due points skipped") != std::string::npos);
  world.time.advance(20s);
  CHECK(service.starts == Starts{12s, 52s, 62s});
  CHECK(world.stats().skipped.paused == 3);
  check_ledger(world.stats(), 6);
}

TEST_CASE("a run that is asked for in a pause with an end leaves the end where it is") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(15s);
  world.timers.pause("svc", "tick", "", world.time.now() + 30s);
  world.time.advance(5s);
  world.timers.trigger("svc", "tick");
  world.time.advance(25s);
  CHECK_FALSE(world.stats().is_paused);
  world.time.advance(5s);
  CHECK(service.starts == Starts{10s, 20s, 50s});
}

TEST_CASE("another pause, and a resume, take the end of a pause away") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.timers.pause("svc", "tick", "", world.time.now() + 30s);
  SECTION("a pause") {
    world.timers.pause("svc", "tick", "for ever");
    world.time.advance(100s);
    CHECK(world.stats().is_paused);
    CHECK_FALSE(world.stats().paused_until);
    CHECK(service.starts.empty());
  }
  SECTION("a resume, and a pause in which the end would have come") {
    world.timers.resume("svc", "tick");
    world.time.advance(20s);
    world.timers.pause("svc", "tick", "");
    world.time.advance(100s);
    CHECK(world.stats().is_paused);
    CHECK(service.starts == Starts{10s, 20s});
  }
}

TEST_CASE("a pause that ends during a run has ended after it") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::sleeps>{.interval = 10s}, service);
  world.start();
  world.time.advance(11s);
  world.timers.pause("svc", "sleeps", "", world.time.now() + 1s);
  world.time.advance(1500ms);
  CHECK(world.stats().is_executing);
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s, 20s});
  check_ledger(world.stats(), 2);
}

TEST_CASE("the end of a pause holds over a stop and a start") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.timers.pause("svc", "tick", "before start", world.time.now() + 25s);
  world.start();
  world.time.advance(15s);
  world.stop();
  world.timers.stopped();
  CHECK(world.stats().is_paused);
  world.start();
  world.time.advance(10s);
  CHECK_FALSE(world.stats().is_paused);
  world.time.advance(10s);
  CHECK(service.starts == Starts{35s});
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

TEST_CASE("a method triggers a timer that has just run in the same round, or comes next in it") {
  const bool has_run = GENERATE(true, false);
  Pair pair{has_run, any_caller(), [](TimerSet& timers) { timers.trigger("svc", "first"); }};
  pair.world.time.advance(1ns);
  // One that is due anyway is the one.
  CHECK(pair.service.starts == (has_run ? Starts{400ms, 400ms + 1ns} : Starts{400ms}));
  pair.world.time.advance(400ms);
  CHECK(pair.service.starts.back() == 800ms);
  CHECK(pair.first().lateness.max == 0ns);
}

TEST_CASE("a method gives another interval to a timer of the same round") {
  const bool has_run = GENERATE(true, false);
  Pair pair{has_run, any_caller(), [](TimerSet& timers) { timers.set_interval("svc", "first", 50ms); }};
  CHECK(pair.first().next_execution);
  pair.world.time.advance(100ms);
  CHECK(pair.service.starts == Starts{400ms, 450ms, 500ms});
  CHECK(pair.first().lateness.max == 0ns);
  CHECK(pair.first().skipped_count == 0);
}

TEST_CASE("a method makes the interval of a timer of the same round longer") {
  Pair pair{true, any_caller(), [](TimerSet& timers) { timers.set_interval("svc", "first", 1min); }};
  CHECK(pair.world.time.armed_for() == pair.service.begin + 1min + 400ms);
  pair.world.time.advance(1min);
  CHECK(pair.service.starts == Starts{400ms, 1min + 400ms});
}

TEST_CASE("a method pauses a timer of the same round") {
  const bool has_run = GENERATE(true, false);
  Pair pair{has_run, any_caller(), [](TimerSet& timers) { timers.pause("svc", "first", ""); }};
  CHECK_FALSE(pair.is_first_waiting());
  pair.world.time.advance(1min);
  CHECK(pair.service.starts == (has_run ? Starts{400ms} : Starts{}));
  pair.world.timers.resume("svc", "first");
  pair.world.time.advance(400ms);
  CHECK(pair.service.starts.back() == 1min + 800ms);
  CHECK(pair.first().lateness.max == 0ns);
  check_ledger(pair.first(), 152);
}

TEST_CASE("a method pauses and resumes a timer of the same round") {
  const bool has_run = GENERATE(true, false);
  Pair pair{has_run, any_caller(), [](TimerSet& timers) {
              timers.pause("svc", "first", "");
              timers.resume("svc", "first");
            }};
  pair.world.time.advance(400ms);
  CHECK(pair.service.starts == (has_run ? Starts{400ms, 800ms} : Starts{800ms}));
  check_ledger(pair.first(), 2);
  pair.world.stop();
  CHECK(pair.world.tasks.empty());
}

TEST_CASE("a method pauses and triggers a timer of the same round") {
  const bool has_run = GENERATE(true, false);
  Pair pair{has_run, any_caller(), [](TimerSet& timers) {
              timers.pause("svc", "first", "");
              timers.trigger("svc", "first");
            }};
  pair.world.time.advance(1ns);
  CHECK(pair.service.starts == (has_run ? Starts{400ms, 400ms + 1ns} : Starts{400ms}));
  CHECK_FALSE(pair.is_first_waiting());
  pair.world.time.advance(1h);
  CHECK(pair.first().is_paused);
  CHECK(pair.first().lateness.max == 0ns);
  pair.world.stop();
  CHECK(pair.world.tasks.empty());
}

TEST_CASE("a method resumes a paused timer of the same round") {
  Pair pair{true, any_caller(), [](TimerSet& timers) {
              timers.pause("svc", "first", "");
              timers.resume("svc", "second");
              timers.resume("svc", "first");
              timers.trigger("svc", "first");
            }};
  pair.world.time.advance(400ms);
  CHECK(pair.service.starts == Starts{400ms, 400ms + 1ns, 800ms});
}

TEST_CASE("a timer's next due point is known at once when another one of the round has changed it") {
  std::optional<TimePoint> next;
  const bool is_trigger = GENERATE(true, false);
  Pair pair{true, any_caller(), [&](TimerSet& timers) {
              if (is_trigger) {
                timers.trigger("svc", "first");
              } else {
                timers.set_interval("svc", "first", 50ms);
              }
              next = timers.next_due("svc", "first");
            }};
  CHECK(next == pair.service.begin + 400ms + (is_trigger ? 1ns : std::chrono::nanoseconds{50ms}));
}

TEST_CASE("a plain method on a worker controls its own timer and others at once") {
  struct Worker : NotedRuns {
    using NotedRuns::NotedRuns;
    void work() {
      note();
      if (auto calls = std::exchange(call, nullptr)) calls(world.timers);
    }
    Pair::Call call;
  };
  const std::string name = GENERATE("work", "tick");
  TimerWorld world;
  world.workers_inline = true;
  Worker worker{world};
  Service service{world};
  const Starts& starts = name == "work" ? worker.starts : service.starts;
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.add(timer<&Worker::work>{.interval = 10s}, worker);
  world.start();
  const auto at_next_run = [&](Pair::Call call) {
    worker.starts.clear();
    service.starts.clear();
    worker.call = std::move(call);
    worker.begin = service.begin = world.time.now();
    world.time.advance(10s + 1ns);
  };
  at_next_run([&](TimerSet& timers) { timers.trigger("svc", name); });
  CHECK(starts.size() == 2);
  world.time.advance(10s - 1ns);
  at_next_run([&](TimerSet& timers) { timers.set_interval("svc", name, 2s); });
  world.time.advance(2s - 1ns);
  CHECK(starts == Starts{10s, 12s});
  at_next_run([&](TimerSet& timers) { timers.pause("svc", name, ""); });
  CHECK_FALSE(world.timers.next_due("svc", name));
  CHECK(world.stats(0).lateness.max == 0ns);
  CHECK(world.stats(1).lateness.max == 0ns);
}

TEST_CASE("a tolerance does not put off a run that is asked for") {
  TimerWorld world;
  Service service{world};
  Service strict{world};
  world.add(timer<&Service::triggers_itself>{.interval = 10s, .tolerance = 5s}, service);
  // Wakes both when they are due.
  world.add(timer<&Service::tick>{.interval = 10s}, strict);
  world.start();
  world.time.advance(10s + 1ns);
  CHECK(service.starts == Starts{10s, 10s + 1ns});
  world.time.advance(3s);
  world.timers.trigger("svc", "triggers_itself");
  world.time.advance(0s);
  CHECK(service.starts.back() == 13s + 1ns);
  CHECK(world.stats().last_deferral == 0ns);
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

TEST_CASE("a run that a paused timer was asked for comes at once, whatever else is asked of it then") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.timers.pause("svc", "tick", "");
  world.time.advance(25s);
  world.timers.trigger("svc", "tick");
  const bool is_resumed = GENERATE(true, false);
  if (is_resumed) {
    world.timers.resume("svc", "tick");
  } else {
    world.timers.set_interval("svc", "tick", 20s);
  }
  world.time.advance(1s);
  CHECK(service.starts == Starts{25s});
  CHECK(world.stats().skipped.paused == 2);
  CHECK(world.stats().is_paused == !is_resumed);
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
  world.add(
      timer<&Service::tick>{
          .interval = 60s, .tolerance = 2s, .jitter = 3s, .align_to_epoch = true, .offset = 4s},
      service);
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
  CHECK(refusal(4s) == "service svc: timer tick: offset must be less than interval");
  CHECK(world.stats().interval == 60s);
}

TEST_CASE("a tolerance that was not given is a tenth of each new interval, at most the service's default") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 60s}, service, {.tolerance = 4s});
  CHECK(world.stats().tolerance == 4s);
  world.timers.set_interval("svc", "tick", 30s);
  CHECK(world.stats().tolerance == 3s);
  world.start();
  world.time.advance(33s);
  CHECK(service.starts == Starts{33s});
  world.timers.set_interval("svc", "tick", 2s);
  world.time.settle();
  CHECK(world.stats().tolerance == 200ms);
  world.time.advance(2s + 199ms);
  CHECK(service.starts == Starts{33s});
  world.time.advance(1ms);
  CHECK(service.starts == Starts{33s, 35200ms});
  CHECK(world.stats().last_deferral == 200ms);
  world.timers.set_interval("svc", "tick", 1h);
  world.time.settle();
  CHECK(world.stats().tolerance == 4s);
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
  world.add(
      timer<&Service::fails>{
          .interval = 60s, .error_backoff = 1s, .max_error_backoff = 0s, .max_consecutive_errors = 3},
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

TEST_CASE("a resume during a run begins the count of failures in a row anew") {
  TimerWorld world;
  Service service{world};
  world.add(
      timer<&Service::fails_while_resumed>{
          .interval = 60s, .error_backoff = 1s, .max_error_backoff = 0s, .max_consecutive_errors = 3},
      service);
  world.start();
  // The third run is resumed while it is in progress, and so is the first in a row.
  world.time.advance(70s);
  CHECK(service.starts == Starts{60s, 61s, 62s, 63s, 64s});
  CHECK(service.attempts == std::vector<std::uint32_t>{1, 2, 3, 2, 3});
  CHECK(world.stats().pause_reason == "3 consecutive errors: no luck");
  CHECK(world.stats().consecutive_errors == 3);
}

TEST_CASE("the attempt of a paused timer that is triggered fits the count of failures in a row") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::fails_while_resumed>{.interval = 60s, .error_backoff = 1s}, service);
  world.start();
  world.time.advance(61s);
  world.timers.pause("svc", "fails_while_resumed", "");
  world.timers.trigger("svc", "fails_while_resumed");
  service.is_resumed_in_third = false;
  world.time.advance(1ns);
  CHECK(service.attempts == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(world.stats().consecutive_errors == 3);
}

TEST_CASE("a paused timer that was triggered does not run after the next start") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::sleeps>{.interval = 10s}, service);
  world.start();
  world.time.advance(11s);
  world.timers.pause("svc", "sleeps", "");
  world.timers.trigger("svc", "sleeps");
  world.time.settle();
  world.stop();
  world.time.advance(5s);
  CHECK(world.tasks.empty());
  world.timers.stopped();
  world.start();
  CHECK(world.time.armed_for() == TimePoint::max());
  world.time.advance(60s);
  CHECK(service.starts == Starts{10s});
  CHECK(world.stats().is_paused);
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
