#include "support/catch.hpp"
#include "support/noted_runs.hpp"

#include <asio/cancellation_state.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::RunOn;
using cliffracer::TickContext;
using cliffracer::timer;
using support::NotedRuns;
using support::Starts;
using support::TimePoint;
using support::TimerWorld;

namespace {

/// What a test says that a method does.
struct Service : NotedRuns {
  using NotedRuns::NotedRuns;

  void plain(const TickContext& tick) {
    note();
    ticks.push_back(tick);
  }
  asio::awaitable<void> fail_twice() {
    note();
    if (starts.size() <= 2) throw std::runtime_error{"no\nluck {}"};
    co_return;
  }
  void throw_number() {
    note();
    throw 42;
  }
  asio::awaitable<void> throw_before_first_suspension() { throw std::runtime_error{"early"}; }
  asio::awaitable<void> blocks_the_loop() {
    note();
    if (starts.size() == 1) world.time.pass(blocks_for);
    co_return;
  }
  asio::awaitable<void> takes_a_while() {
    note();
    world.time.pass(100us);
    co_return;
  }
  asio::awaitable<void> aborts_by_itself() {
    note();
    throw std::system_error{asio::error::operation_aborted};
    co_return;
  }

  void plain_aborts_late() {
    world.timers.request_stop();
    world.timers.cancelling();
    throw std::system_error{asio::error::operation_aborted, "late"};
  }

  std::vector<TickContext> ticks;
  std::chrono::nanoseconds blocks_for{};
};

}  // namespace

TEST_CASE("a timer runs at every point of its grid") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(35s);
  CHECK(service.starts == Starts{10s, 20s, 30s});
  CHECK(world.stats().execution_count == 3);
  CHECK(world.stats().success_count == 3);
}

TEST_CASE("an eager timer runs at start") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s, .eager = true}, service);
  world.start();
  world.time.advance(0s);
  CHECK(service.starts == Starts{0s});
}

TEST_CASE("a day of one-second ticks is neither one too many nor one too few") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 1s}, service);
  world.start();
  world.time.advance(24h);
  CHECK(service.starts.size() == 86'400);
  CHECK(service.starts.back() == 24h);
  CHECK(world.stats().lateness.max == 0ns);
}

TEST_CASE("a plain method can run on the event loop and is told of its tick") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::plain>{.interval = 1s, .run_on = RunOn::event_loop}, service);
  world.start();
  world.time.advance(2s);
  REQUIRE(service.ticks.size() == 2);
  CHECK(service.ticks[1].due == service.begin + 2s);
  CHECK(service.ticks[1].lateness == 0s);
  CHECK(service.ticks[1].run_number == 2);
  CHECK(service.ticks[1].attempt == 1);
  CHECK_FALSE(service.ticks[1].stop_token.stop_requested());
  world.stop();
  CHECK(service.ticks[1].stop_token.stop_requested());
}

TEST_CASE("a method that throws is logged, counted and retried after error_backoff, then back on its grid") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::fail_twice>{.interval = 10s, .error_backoff = 3s, .max_error_backoff = 0s},
            service);
  world.start();
  world.time.advance(30s);
  CHECK(service.starts == Starts{10s, 13s, 16s, 20s, 30s});
  const auto stats = world.stats();
  CHECK(stats.error_count == 2);
  CHECK(stats.consecutive_errors == 0);
  CHECK(stats.last_error == "no\nluck {}");
  CHECK(stats.error_rate == 40.0);
  const auto log = world.logged();
  CHECK(log.find("timer fail_twice failed (attempt 1)") != std::string::npos);
  CHECK(log.find("timer fail_twice failed (attempt 2)") != std::string::npos);
  // Text from outside forges no line and is no format string.
  CHECK(log.find("no\\nluck {}") != std::string::npos);
  CHECK(world.escaped.empty());
}

TEST_CASE("an exception that is no std::exception is a failed run like any other") {
  TimerWorld world;
  Service service{world};
  world.add(
      timer<&Service::throw_number>{
          .interval = 1s, .error_backoff = 250ms, .max_error_backoff = 0s, .run_on = RunOn::event_loop},
      service);
  world.start();
  world.time.advance(1500ms);
  CHECK(service.starts == Starts{1s, 1250ms, 1500ms});
  CHECK(world.stats().consecutive_errors == 3);
  CHECK(world.stats().last_error == "unknown exception");
}

TEST_CASE("a function that throws instead of returning its awaitable has failed") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::throw_before_first_suspension>{.interval = 1s}, service);
  world.start();
  world.time.advance(1s);
  CHECK(world.stats().error_count == 1);
}

TEST_CASE("operation_aborted that nobody asked for is a failure, not a cancellation") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::aborts_by_itself>{.interval = 1s}, service);
  world.start();
  world.time.advance(1s);
  CHECK(world.stats().error_count == 1);
  CHECK(world.stats().cancelled_count == 0);
}

TEST_CASE("a timer never runs beside itself and keeps its phase after a long run") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 2500ms;
  world.add(timer<&Service::sleeps>{.interval = 1s, .max_drift = 5s}, service);
  world.start();
  world.time.advance(1s);
  CHECK(world.stats().is_executing);
  CHECK_FALSE(world.stats().next_execution.has_value());
  world.time.advance(9s);
  // Each run ends late by 1.5 s: the next one starts at once and stands for the points that passed.
  CHECK(service.starts == Starts{1s, 3500ms, 6s, 8500ms});
  const auto stats = world.stats();
  CHECK(stats.execution_count + stats.skipped_count == 8);
  CHECK(stats.drift_count == 0);
}

TEST_CASE("a run later than max_drift warns once, counts and keeps the grid") {
  TimerWorld world;
  Service service{world};
  service.blocks_for = 3500ms;
  world.add(timer<&Service::blocks_the_loop>{.interval = 1s, .max_drift = 1s}, service);
  world.start();
  world.time.advance(7s);
  CHECK(service.starts == Starts{1s, 4500ms, 5s, 6s, 7s});
  CHECK(world.stats().drift_count == 1);
  const auto log = world.logged();
  const auto warning = log.find("more than max_drift");
  CHECK(warning != std::string::npos);
  CHECK(log.find("more than max_drift", warning + 1) == std::string::npos);
}

TEST_CASE("different timers run concurrently: a long run delays no other timer") {
  TimerWorld world;
  Service service{world};
  Service other{world};
  service.sleeps_for = 1h;
  world.add(timer<&Service::sleeps>{.interval = 1s}, service);
  world.add(timer<&Service::tick>{.interval = 1s}, other);
  world.start();
  world.time.advance(100s);
  CHECK(service.starts == Starts{1s});
  CHECK(other.starts.size() == 100);
  CHECK(world.stats(1).lateness.max == 0ns);
}

TEST_CASE("stop wakes sleepers at once and starts no new run") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(10s);
  CHECK(world.stats().is_running);
  CHECK(world.stats().next_execution.has_value());
  world.stop();
  CHECK_FALSE(world.stats().is_running);
  CHECK_FALSE(world.stats().next_execution.has_value());
  CHECK(world.tasks.empty());
  // No wake-up stays armed, so that the io_context can run out of work.
  CHECK(world.time.armed_for() == TimePoint::max());
  world.time.advance(100s);
  CHECK(service.starts.size() == 1);
}

TEST_CASE("a run in progress at stop goes on, and counts as cancelled once it is cut short") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::hangs>{.interval = 10s}, service);
  world.start();
  world.time.advance(10s);
  world.stop();
  CHECK(world.tasks.names() == std::vector<std::string>{"timer hangs"});
  CHECK(world.stats().is_executing);
  world.timers.cancelling();
  world.tasks.cancel();
  world.time.settle();
  CHECK(world.tasks.empty());
  const auto stats = world.stats();
  CHECK(stats.cancelled_count == 1);
  CHECK(stats.error_count == 0);
  CHECK(stats.execution_count == 1);
  CHECK_FALSE(stats.is_executing);
}

TEST_CASE("a plain method is never cancelled: what it throws after the time to stop is a failure") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::plain_aborts_late>{.interval = 10s, .run_on = RunOn::event_loop}, service);
  world.start();
  world.time.advance(10s);
  CHECK(world.stats().error_count == 1);
  CHECK(world.stats().cancelled_count == 0);
  CHECK(world.stats().last_error.find("late") != std::string::npos);
}

TEST_CASE("a run that ends by itself after stop is a success") {
  TimerWorld world;
  Service service{world};
  service.sleeps_for = 5s;
  world.add(timer<&Service::sleeps>{.interval = 10s}, service);
  world.start();
  world.time.advance(10s);
  world.stop();
  CHECK_FALSE(world.tasks.empty());
  world.time.advance(5s);
  CHECK(service.ended == 1);
  CHECK(world.tasks.empty());
  CHECK(world.stats().success_count == 1);
}

TEST_CASE("after stop the timers start again on a new grid and go on counting") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s}, service);
  world.start();
  world.time.advance(13s);
  world.stop();
  world.timers.stopped();
  world.start();
  world.time.advance(10s);
  CHECK(service.starts == Starts{10s, 23s});
  CHECK(world.stats().execution_count == 2);
}

TEST_CASE("a timer that is never due does not keep the clock armed") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = std::chrono::nanoseconds::max()}, service);
  world.start();
  CHECK(world.time.armed_for() == TimePoint::max());
  world.time.advance(1000h);
  CHECK(service.starts.empty());
}

TEST_CASE("a plain method runs on a worker thread, and what it throws is a failed run") {
  struct Worker {
    void work() {
      thread = std::this_thread::get_id();
      throw 42;
    }
    std::thread::id thread;
  } worker;
  TimerWorld world;
  world.add(timer<&Worker::work>{.interval = 1s}, worker);
  world.start();
  const auto guard = asio::make_work_guard(world.context);
  world.time.advance(1s);
  while (world.stats().is_executing) world.context.run_one();
  CHECK_FALSE((worker.thread == std::thread::id{}));
  CHECK_FALSE((worker.thread == std::this_thread::get_id()));
  CHECK(world.stats().error_count == 1);
}

TEST_CASE("a timer that skips lets the points go that passed during a long run") {
  TimerWorld world;
  Service service{world};
  service.blocks_for = 25s;
  world.add(
      timer<&Service::blocks_the_loop>{.interval = 10s, .max_drift = 1min, .missed_ticks = MissedTicks::skip},
      service);
  world.start();
  world.time.advance(60s);
  CHECK(service.starts == Starts{10s, 40s, 50s, 60s});
  CHECK(world.stats().execution_count == 4);
  CHECK(world.stats().skipped_count == 2);
  CHECK(world.stats().drift_count == 0);
}

TEST_CASE("a timer that skips and woke up late by more than an interval waits for its next point") {
  TimerWorld world;
  Service service{world};
  world.add(timer<&Service::tick>{.interval = 10s, .max_drift = 1min, .missed_ticks = MissedTicks::skip},
            service);
  world.start();
  world.time.pass(25s);
  world.time.advance(15s);
  CHECK(service.starts == Starts{30s, 40s});
  CHECK(world.stats().skipped_count == 2);
}

TEST_CASE("a run within its tolerance is neither late nor drifted, and what it waited is told apart") {
  TimerWorld world;
  Service service{world};
  world.add(
      timer<&Service::plain>{.interval = 10s, .max_drift = 0s, .tolerance = 2s, .run_on = RunOn::event_loop},
      service);
  world.start();
  world.time.advance(22s);
  // The grid does not move.
  CHECK(service.starts == Starts{12s, 22s});
  CHECK(service.ticks[1].due == service.begin + 20s);
  CHECK(service.ticks[1].deferral == 2s);
  CHECK(service.ticks[1].lateness == 0s);
  world.time.pass(11s);
  world.time.advance(0s);
  CHECK(service.ticks[2].deferral == 2s);
  CHECK(service.ticks[2].lateness == 1s);
  const auto stats = world.stats();
  CHECK(stats.tolerance == 2s);
  CHECK(stats.drift_count == 1);
  CHECK(stats.last_deferral == 2s);
  CHECK(stats.last_lateness == 1s);
  CHECK(stats.deferral.max == 2s);
  CHECK(stats.lateness.max == 1s);
}

TEST_CASE("a tolerance does not put off a retry") {
  TimerWorld world;
  Service service{world};
  world.add(
      timer<&Service::fail_twice>{
          .interval = 10s, .error_backoff = 3s, .tolerance = 2s, .max_error_backoff = 0s},
      service);
  world.start();
  world.time.advance(32s);
  CHECK(service.starts == Starts{12s, 15s, 18s, 22s, 32s});
}

TEST_CASE("runs of coroutines that do not wait need one runner, those that do one for each at a time") {
  TimerWorld world;
  Service service{world};
  Service slow{world};
  slow.sleeps_for = 500ms;
  world.add(timer<&Service::sleeps>{.interval = 1s, .name = "slow_a"}, slow);
  world.add(timer<&Service::tick>{.interval = 1s}, service);
  world.add(timer<&Service::sleeps>{.interval = 1s, .name = "slow_b"}, slow);
  world.add(timer<&Service::plain>{.interval = 1s, .run_on = RunOn::event_loop}, service);
  world.start();
  world.time.advance(10s);
  CHECK(slow.starts.size() == 20);
  CHECK(service.starts.size() == 20);
  for (std::size_t i = 0; i < 4; ++i) CHECK(world.stats(i).lateness.max == 0ns);
  world.stop();
  CHECK_FALSE(world.tasks.empty());
  world.time.advance(500ms);
  CHECK(world.tasks.empty());
}

TEST_CASE("what one run does to its cancellation does not reach the next") {
  struct Careless {
    asio::awaitable<void> careless() {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await asio::this_coro::throw_if_cancelled(false);
    }
    asio::awaitable<void> hangs() {
      asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
      co_await never.async_wait(asio::use_awaitable);
    }
  } object;
  TimerWorld world;
  world.add(timer<&Careless::careless>{.interval = 1s}, object);
  world.add(timer<&Careless::hangs>{.interval = 1s}, object);
  world.start();
  world.time.advance(1s);
  CHECK(world.stats(0).success_count == 1);
  CHECK(world.stats(1).is_executing);
  world.stop();
  world.timers.cancelling();
  world.tasks.cancel();
  world.time.settle();
  CHECK(world.tasks.empty());
  CHECK(world.stats(1).cancelled_count == 1);
}

TEST_CASE("a flood of due timers lets other work of the event loop have its turn") {
  TimerWorld world;
  Service service{world};
  service.blocks_for = 0s;
  for (int i = 0; i < 50; ++i) {
    world.add(timer<&Service::takes_a_while>{.interval = 1s, .name = "t" + std::to_string(i)}, service);
  }
  world.start();
  world.time.pass(1s);
  std::size_t runs_before_other_work = 0;
  asio::post(world.context, [&] {
    world.time.queue().fire();
    asio::post(world.context, [&] { runs_before_other_work = service.starts.size(); });
  });
  world.time.settle();
  CHECK(service.starts.size() == 50);
  CHECK(runs_before_other_work > 0);
  // Each takes a tenth of the millisecond that a turn may take, and the second turn was asked for first.
  CHECK(runs_before_other_work <= 20);
}
