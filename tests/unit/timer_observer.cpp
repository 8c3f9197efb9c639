#include "support/catch.hpp"
#include "support/noted_runs.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/timer_observer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::ObservedTimer;
using cliffracer::RunOn;
using cliffracer::SkipReason;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::detail::TimerSet;
using support::NotedRuns;
using support::TimePoint;
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

// ---- Observers that call the control functions

/// What an observer is told; of a skip, whether it is without a run, or told with the run.
enum class Event : std::uint8_t {
  start,
  success,
  error,
  skip,
  skip_with_run,
  drift,
  timeout,
  blocking,
  pause,
  resume
};

/// Calls once, when it is told of an event.
class Caller : public cliffracer::TimerObserver {
 public:
  Caller(Event event, std::function<void()> call) : event_{event}, call_{std::move(call)} {}

  void on_start(const ObservedTimer&, const TickContext&) override { told(Event::start); }
  void on_success(const ObservedTimer&, std::chrono::nanoseconds) override { told(Event::success); }
  void on_error(const ObservedTimer&, std::chrono::nanoseconds, std::string_view) override {
    told(Event::error);
  }
  void on_skip(const ObservedTimer&, SkipReason, std::uint64_t) override {
    told(event_ == Event::skip_with_run ? Event::skip_with_run : Event::skip);
  }
  void on_drift(const ObservedTimer&, std::chrono::nanoseconds) override { told(Event::drift); }
  void on_timeout(const ObservedTimer&) override { told(Event::timeout); }
  void on_blocking(const ObservedTimer&, std::chrono::nanoseconds) override { told(Event::blocking); }
  void on_pause(const ObservedTimer&, std::string_view) override { told(Event::pause); }
  void on_resume(const ObservedTimer&) override { told(Event::resume); }

 private:
  void told(Event event) {
    if (event == event_ && call_) std::exchange(call_, nullptr)();
  }

  Event event_;
  std::function<void()> call_;
};

enum class Method : std::uint8_t { coroutine, suspended_with_timeout, plain, worker };

struct Hourly : NotedRuns {
  using NotedRuns::NotedRuns;

  asio::awaitable<void> run(TickContext tick) {
    plain(tick);
    if (tick.run_number > 1) co_return;
    if (hangs_first) co_await never();
    if (sleeps_for > 0s) {
      auto sleeping =
          cliffracer::detail::sleep_until(world.time.queue(), world.strand, world.time.now() + sleeps_for);
      co_await std::move(sleeping);
      if (fails_first) throw std::runtime_error{"no luck"};
    }
  }
  void plain(const TickContext& tick) {
    note();
    if (tick.run_number > 1) return;
    world.time.pass(holds_first_for);
    if (fails_first && sleeps_for == 0s) throw std::runtime_error{"no luck"};
  }

  std::chrono::nanoseconds holds_first_for{0};
  bool fails_first = false;
  bool hangs_first = false;
};

/// A timer of an hour, whose observer calls something when it is told of an event.
struct Observed {
  using Call = std::function<void(TimerSet&)>;

  Observed(Event on, const Call& call, Method method = Method::coroutine) : event{on} {
    world.blocking_threshold = 100ms;
    world.workers_inline = true;
    world.observer = std::make_shared<Caller>(event, [this, call] {
      called = world.time.now();
      at_call = world.stats();
      call(world.timers);
    });
    const std::chrono::nanoseconds max_drift{event == Event::drift ? 1min : 3h};
    const auto missed = event == Event::skip ? MissedTicks::skip : MissedTicks::coalesce;
    service.fails_first = event == Event::error;
    service.hangs_first = event == Event::timeout;
    if (event == Event::blocking) service.holds_first_for = 150ms;
    if (method == Method::coroutine && event != Event::timeout) {
      world.add(timer<&Hourly::run>{.interval = 1h,
                                    .max_drift = max_drift,
                                    .error_backoff = 1s,
                                    .missed_ticks = missed,
                                    .name = "t"},
                service);
    } else if (method == Method::coroutine || method == Method::suspended_with_timeout) {
      if (event != Event::timeout) service.sleeps_for = 1s;
      world.add(
          timer<&Hourly::run>{
              .interval = 1h, .max_drift = max_drift, .error_backoff = 1s, .timeout = 2s, .name = "t"},
          service);
    } else {
      const RunOn where = method == Method::plain ? RunOn::event_loop : RunOn::worker_pool;
      world.add(
          timer<&Hourly::plain>{
              .interval = 1h, .max_drift = max_drift, .error_backoff = 1s, .run_on = where, .name = "t"},
          service);
    }
    world.start();
    bring_about();
    REQUIRE(called > TimePoint{});
  }

  void bring_about() {
    if (event == Event::skip || event == Event::skip_with_run || event == Event::drift) {
      world.time.pass(150min);
      world.time.advance(0s);
    } else if (event == Event::pause || event == Event::resume) {
      world.time.advance(90min);
      world.timers.pause("svc", "t", "");
      if (event == Event::resume) world.timers.resume("svc", "t");
      world.time.settle();
    } else {
      world.time.advance(1h + service.holds_first_for + service.sleeps_for + (service.hangs_first ? 2s : 0s));
    }
  }

  [[nodiscard]] std::uint64_t runs_since_call() const {
    return world.stats().execution_count - at_call.execution_count;
  }
  void check_not_late() const {
    CHECK(world.stats().last_lateness == 0s);
    CHECK(world.stats().drift_count == at_call.drift_count);
    CHECK(world.stats().drift_count == (event == Event::drift ? 1 : 0));
  }
  void check_stop_ends() {
    world.stop();
    CHECK(world.tasks.empty());
    CHECK_FALSE(world.stats().is_running);
  }

  Event event;
  TimerWorld world;
  Hourly service{world};
  TimePoint called{};
  cliffracer::TimerStats at_call;
};

Event any_event() {
  return GENERATE(Event::start, Event::success, Event::error, Event::skip, Event::skip_with_run, Event::drift,
                  Event::timeout, Event::blocking, Event::pause, Event::resume);
}

/// Some events are told wherever a method runs.
Method any_method(Event event) {
  if (event != Event::success && event != Event::error) return Method::coroutine;
  return GENERATE(Method::coroutine, Method::suspended_with_timeout, Method::plain, Method::worker);
}

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

TEST_CASE("an observer's trigger is a run at once, wherever it is called") {
  const Event event = any_event();
  CAPTURE(event);
  Observed at{event, [](TimerSet& timers) { timers.trigger("svc", "t"); }, any_method(event)};
  // Due points strictly increase.
  at.world.time.advance(1ns);
  CHECK(at.runs_since_call() == 1);
  CHECK_FALSE(at.world.stats().is_executing);
  at.check_not_late();
  at.check_stop_ends();
}

TEST_CASE("an interval that an observer sets is in force at once, wherever it is called") {
  const Event event = any_event();
  CAPTURE(event);
  Observed at{event, [](TimerSet& timers) { timers.set_interval("svc", "t", 3s); }, any_method(event)};
  if (event == Event::pause) {
    at.world.time.advance(1h);
    CHECK(at.runs_since_call() == 0);
    at.world.timers.resume("svc", "t");
  }
  at.world.time.advance(3s);
  CHECK(at.runs_since_call() >= 1);
  at.world.time.advance(3s);
  CHECK(at.runs_since_call() >= 2);
  at.check_not_late();
  at.check_stop_ends();
}

TEST_CASE("an observer's pause is in force at once, wherever it is called") {
  const Event event = any_event();
  CAPTURE(event);
  Observed at{event, [](TimerSet& timers) { timers.pause("svc", "t", "enough"); }, any_method(event)};
  CHECK(at.world.stats().pause_reason == "enough");
  // Nothing waits for an old due point.
  CHECK(at.world.time.armed_for() == TimePoint::max());
  at.world.time.advance(10h);
  CHECK(at.runs_since_call() == 0);
  at.world.timers.resume("svc", "t");
  at.world.time.advance(1h);
  CHECK(at.runs_since_call() == 1);
  at.check_not_late();
  at.check_stop_ends();
}

TEST_CASE("a timer that an observer pauses and resumes goes on, wherever it is called") {
  const Event event = any_event();
  CAPTURE(event);
  const auto calls = GENERATE(
      as<Observed::Call>{},
      [](TimerSet& timers) {
        timers.pause("svc", "t", "");
        timers.resume("svc", "t");
      },
      [](TimerSet& timers) { timers.resume("svc", "t"); });
  Observed at{event, calls, any_method(event)};
  at.world.time.advance(1h);
  CHECK(at.runs_since_call() >= 1);
  CHECK_FALSE(at.world.stats().is_paused);
  CHECK(at.world.timers.next_due("svc", "t"));
  at.check_not_late();
  at.check_stop_ends();
}

TEST_CASE("a timer that an observer pauses and triggers runs once, at once, wherever it is called") {
  const Event event = any_event();
  CAPTURE(event);
  Observed at{event,
              [](TimerSet& timers) {
                timers.pause("svc", "t", "");
                timers.trigger("svc", "t");
              },
              any_method(event)};
  at.world.time.advance(1ns);
  CHECK(at.runs_since_call() == 1);
  at.check_not_late();
  at.world.time.advance(10h);
  CHECK(at.runs_since_call() == 1);
  CHECK(at.world.stats().is_paused);
  at.check_stop_ends();
}

TEST_CASE("a stop that an observer asks for ends the timers, wherever it is called") {
  const Event event = any_event();
  CAPTURE(event);
  const auto calls = GENERATE(
      as<Observed::Call>{}, [](TimerSet& timers) { timers.request_stop(); },
      [](TimerSet& timers) {
        timers.trigger("svc", "t");
        timers.request_stop();
        timers.set_interval("svc", "t", 3s);
      });
  Observed at{event, calls, any_method(event)};
  CHECK(at.world.tasks.empty());
  CHECK_FALSE(at.world.stats().is_running);
  CHECK(at.runs_since_call() == 0);
}

TEST_CASE("what an observer asks for comes after that of which it is told") {
  TimerWorld world;
  const bool is_interval = GENERATE(true, false);
  world.observer = std::make_shared<Caller>(Event::skip, [&] {
    if (is_interval) {
      world.timers.set_interval("svc", "tick", 3s);
    } else {
      world.timers.pause("svc", "tick", "again");
    }
  });
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.timers.pause("svc", "tick", "");
  world.time.advance(15s);
  if (is_interval) {
    world.timers.set_interval("svc", "tick", 20s);
  } else {
    world.timers.trigger("svc", "tick");
  }
  world.time.settle();
  CHECK(world.stats().interval == (is_interval ? 3s : 10s));
  world.time.advance(1s);
  CHECK(world.stats().execution_count == 0);
  world.timers.resume("svc", "tick");
  world.time.advance(2s);
  CHECK(world.stats().execution_count == (is_interval ? 1 : 0));
}

TEST_CASE("an observer resumes a timer that has failed too often") {
  TimerWorld world;
  world.observer = std::make_shared<Caller>(Event::pause, [&] { world.timers.resume("svc", "tick"); });
  Service service{world};
  service.fails = true;
  world.add(timer<&Service::tick>{.interval = 10s, .error_backoff = 1s, .max_consecutive_errors = 2},
            service);
  world.start();
  world.time.advance(20s);
  CHECK(world.stats().error_count == 3);
  CHECK(world.stats().consecutive_errors == 1);
  CHECK_FALSE(world.stats().is_paused);
  world.stop();
  CHECK(world.tasks.empty());
}

TEST_CASE("a timer has finished, whatever an observer asks for when it hears of the last run") {
  /// Pauses the timer when its run begins, and asks for another when it has ended.
  class Insistent : public cliffracer::TimerObserver {
   public:
    Insistent(TimerSet& timers, bool pauses) : timers_{timers}, pauses_{pauses} {}

    void on_start(const ObservedTimer&, const TickContext&) override {
      if (pauses_) timers_.pause("svc", "tick", "");
    }
    void on_success(const ObservedTimer&, std::chrono::nanoseconds) override {
      timers_.set_interval("svc", "tick", 1s);
      timers_.trigger("svc", "tick");
      timers_.resume("svc", "tick");
    }

   private:
    TimerSet& timers_;
    bool pauses_;
  };
  const bool is_paused = GENERATE(false, true);
  CAPTURE(is_paused);
  TimerWorld world;
  world.observer = std::make_shared<Insistent>(world.timers, is_paused);
  Service service{world};
  service.holds_for = 25s;
  world.add(timer<&Service::tick>{.interval = 10s, .max_drift = 1min, .max_runs = 1}, service);
  world.start();
  world.time.advance(1min);
  CHECK(world.stats().execution_count == 1);
  CHECK(world.stats().is_finished);
  CHECK_FALSE(world.stats().is_running);
  // What comes after the last run is not due.
  CHECK(world.stats().skipped_count == 0);
}
