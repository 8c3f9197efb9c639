#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/run_log.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::RunOn;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::testing::LogCapture;
using cliffracer::testing::Outcome;
using cliffracer::testing::RunLog;
using cliffracer::testing::TimerRun;
using cliffracer::testing::VirtualTime;

namespace {

using Lines = std::vector<std::string>;

class Daily : public cliffracer::NatsService {
 public:
  Daily() : NatsService{{.name = "daily"}} {
    add(timer<&Daily::report>{.interval = 24h}, timer<&Daily::purge>{.interval = 24h, .name = "purge"});
  }
  asio::awaitable<void> report(TickContext tick) {
    dues.push_back(VirtualTime::since_start(tick.due));
    if (pause > 0ns) co_await sleep_for(pause);
    ++reports;
  }
  void purge() {
    for (int n = 0; n < yields; ++n) std::this_thread::yield();
    ++purges;
  }

  std::vector<std::chrono::nanoseconds> dues;
  std::chrono::nanoseconds pause = 0ns;
  int yields = 0;
  int reports = 0;
  int purges = 0;
};

/// Three timers that are due at the same instants.
class Equals : public cliffracer::NatsService {
 public:
  Equals() : NatsService{{.name = "equals"}} {
    add(timer<&Equals::a>{.interval = 1s}, timer<&Equals::b>{.interval = 1s},
        timer<&Equals::c>{.interval = 1s});
  }
  asio::awaitable<void> a() { return tick('a'); }
  asio::awaitable<void> b() { return tick('b'); }
  asio::awaitable<void> c() { return tick('c'); }

  std::string order;

 private:
  asio::awaitable<void> tick(char name) {
    order += name;
    co_return;
  }
};

/// Two timers that are due at the same instants, of which the second one's method does something to the first
/// when both have run together for the first time.
class Pair : public cliffracer::NatsService {
 public:
  explicit Pair(std::function<void(Pair&)> act) : NatsService{{.name = "pair"}}, act_{std::move(act)} {
    add(timer<&Pair::first>{.interval = 10s},
        timer<&Pair::second>{.interval = 10s, .run_on = RunOn::event_loop});
  }

 private:
  asio::awaitable<void> first() { co_return; }
  void second() {
    if (!std::exchange(has_acted_, true)) act_(*this);
  }

  std::function<void(Pair&)> act_;
  bool has_acted_ = false;
};

/// When the first of the pair has run until `end`.
std::vector<std::chrono::nanoseconds> runs_of_first(std::function<void(Pair&)> act,
                                                    std::chrono::nanoseconds end) {
  VirtualTime time;
  RunLog runs{time};
  const auto service = time.make<Pair>(std::move(act));
  time.start(*service);
  time.run_until(end);
  std::vector<std::chrono::nanoseconds> started;
  for (const TimerRun& run : runs.of("pair", "first")) started.push_back(run.started);
  return started;
}

/// Writes down what happens in each step.
std::vector<std::string> steps_of(std::uint64_t seed) {
  VirtualTime time{{.seed = seed}};
  const auto service = time.make<Equals>();
  time.start(*service);
  std::vector<std::string> steps;
  while (time.elapsed() < 20s) {
    service->order.clear();
    time.run_next();
    steps.push_back(service->order);
  }
  return steps;
}

class Scripted : public cliffracer::NatsService {
 public:
  explicit Scripted(std::function<void(Scripted&)> script, RunOn where = RunOn::event_loop)
      : NatsService{{.name = "scripted", .stop_timeout = 5s}}, script_{std::move(script)} {
    add(timer<&Scripted::act>{.interval = 10s, .run_on = where});
  }
  void act() { script_(*this); }

 private:
  std::function<void(Scripted&)> script_;
};

asio::awaitable<int> answer_after(cliffracer::NatsService& service, std::chrono::nanoseconds delay) {
  co_await service.sleep_for(delay);
  co_return 42;
}

asio::awaitable<void> fail_after(cliffracer::NatsService& service, std::chrono::nanoseconds delay) {
  co_await service.sleep_for(delay);
  throw std::runtime_error{"no luck"};
}

}  // namespace

TEST_CASE("a timer of a day runs once a day, at its due points, without waiting") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  time.start(*service);
  time.advance(24h - 1ns);
  CHECK(service->reports == 0);
  time.advance(1ns);
  CHECK(service->reports == 1);
  CHECK(service->purges == 1);
  time.advance(48h);
  CHECK(service->dues == std::vector<std::chrono::nanoseconds>{24h, 48h, 72h});
  CHECK(time.elapsed() == 72h);
}

TEST_CASE("what a coroutine does after sleep_for happens when that time has come") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  service->pause = 90min;
  time.start(*service);
  time.run_until(24h + 89min);
  CHECK(service->reports == 0);
  CHECK(service->get_timer_stats().timers[0].is_executing);
  time.run_until(24h + 90min);
  CHECK(service->reports == 1);
  CHECK(service->get_timer_stats().timers[0].total_execution_time == 90min);
}

TEST_CASE("run_next goes from one instant to the next, and says when nothing is left") {
  VirtualTime time;
  CHECK_FALSE(time.run_next());
  const auto service = time.make<Daily>();
  time.start(*service);
  CHECK(time.run_next());
  CHECK(time.elapsed() == 24h);
  CHECK(service->reports == 1);
  CHECK(service->purges == 1);
  CHECK(time.run_next());
  CHECK(time.elapsed() == 48h);
  time.stop(*service);
  CHECK_FALSE(time.run_next());
}

TEST_CASE("a wait that was ended early leaves no instant behind at which nothing happens") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  service->pause = 1h;
  time.start(*service);
  time.run_until(24h);
  // stop_timeout would be next but for the run, which ends the stop.
  service->pause = 1s;
  time.run_until(48h);
  time.stop(*service);
  CHECK(time.elapsed() == 48h + 1s);
  CHECK_FALSE(time.run_next());
  CHECK(time.elapsed() == 48h + 1s);
}

TEST_CASE("what is due at one instant happens in an order that the seed decides, and always the same") {
  const auto order = [](std::uint64_t seed) {
    VirtualTime time{{.seed = seed}};
    const auto service = time.make<Equals>();
    time.start(*service);
    time.advance(20s);
    return service->order;
  };
  std::string in_turn;
  for (int n = 0; n < 20; ++n) in_turn += "abc";
  CHECK(order(0) == in_turn);
  CHECK(order(1) == order(1));
  CHECK(order(1) != order(2));
  CHECK(order(1) != in_turn);
}

TEST_CASE("what is due at one instant comes to its service together, in one turn of the event loop") {
  class Posting : public cliffracer::NatsService {
   public:
    explicit Posting(asio::io_context& context)
        : NatsService{context, {.name = "posting"}}, context_{context} {
      add(timer<&Posting::a>{.interval = 1s, .run_on = RunOn::event_loop},
          timer<&Posting::b>{.interval = 1s, .run_on = RunOn::event_loop},
          timer<&Posting::c>{.interval = 1s, .run_on = RunOn::event_loop});
    }
    void a() { note('a'); }
    void b() { note('b'); }
    void c() { note('c'); }
    std::string order;

   private:
    void note(char name) {
      order += name;
      asio::post(context_, [this] { order += '.'; });
    }
    asio::io_context& context_;
  };
  VirtualTime time;
  const auto service = time.make<Posting>(time.context());
  time.start(*service);
  time.advance(1s);
  CHECK(service->order == "abc...");
}

TEST_CASE("what is done to a timer that has just run, by another one that is due with it, holds at once") {
  using Instants = std::vector<std::chrono::nanoseconds>;
  SECTION("nothing") {
    CHECK(runs_of_first([](Pair&) {}, 35s) == Instants{10s, 20s, 30s});
  }
  SECTION("trigger: due points strictly increase") {
    CHECK(runs_of_first([](Pair& pair) { pair.trigger("first"); }, 35s) ==
          Instants{10s, 10s + 1ns, 20s, 30s});
  }
  SECTION("set_interval") {
    CHECK(runs_of_first([](Pair& pair) { pair.set_interval("first", 4s); }, 25s) ==
          Instants{10s, 14s, 18s, 22s});
  }
  SECTION("pause") {
    CHECK(runs_of_first([](Pair& pair) { pair.pause("first"); }, 35s) == Instants{10s});
  }
  SECTION("pause, and resume") {
    const auto act = [](Pair& pair) {
      pair.pause("first");
      pair.resume("first");
    };
    CHECK(runs_of_first(act, 35s) == Instants{10s, 20s, 30s});
  }
}

TEST_CASE("a seed decides how much of what is due at one instant comes together, and always the same") {
  CHECK(steps_of(0) == std::vector<std::string>(20, "abc"));
  int whole = 0;
  int parts = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto steps = steps_of(seed);
    CHECK(steps == steps_of(seed));
    for (const auto& step : steps) ++(step.size() == 3 ? whole : parts);
  }
  CHECK(whole > 50);
  CHECK(parts > 50);
}

TEST_CASE("plain methods on workers are waited for before time moves") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  service->yields = 1'000;
  time.start(*service);
  time.advance(72h);
  CHECK(service->purges == 3);
  CHECK(service->get_timer_stats().timers[1].total_execution_time == 0ns);
}

TEST_CASE("workers can be run inline, on the test's own thread") {
  VirtualTime time{{.workers_inline = true}};
  std::thread::id seen;
  const auto service =
      time.make<Scripted>([&](Scripted&) { seen = std::this_thread::get_id(); }, RunOn::worker_pool);
  time.start(*service);
  time.advance(10s);
  const bool is_here = seen == std::this_thread::get_id();
  CHECK(is_here);
}

TEST_CASE("a plain method that does not return is named instead of hanging the test") {
  VirtualTime time{{.patience = 50ms}};
  std::atomic<bool> let_go = false;
  const auto service = time.make<Scripted>(
      [&](Scripted&) {
        while (!let_go) std::this_thread::yield();
      },
      RunOn::worker_pool);
  time.start(*service);
  std::string message;
  try {
    time.advance(10s);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  CHECK(message == "VirtualTime: a plain method does not return; running: service scripted: timer act");
  let_go = true;
  time.advance(10s);
  CHECK(service->get_timer_stats().timers[0].success_count == 2);
}

TEST_CASE("a jump lets nothing happen on its way: a run later than max_drift keeps the grid") {
  VirtualTime time;
  const auto service = time.make<Equals>();
  RunLog runs{time};
  time.start(*service);
  time.advance(2s);
  time.jump(5500ms);
  time.advance(0s);
  const auto of_a = runs.of("equals", "a");
  REQUIRE(of_a.size() == 3);
  CHECK(of_a[2].due == 3s);
  CHECK(of_a[2].started == 7500ms);
  CHECK(of_a[2].drifted);
  CHECK(of_a[2].skipped == 4);
  time.advance(500ms);
  CHECK(runs.of("equals", "a").back().due == 8s);
}

TEST_CASE("a method may pass time, and may not move it") {
  VirtualTime time;
  std::string message;
  const auto service = time.make<Scripted>([&](Scripted&) {
    time.jump(3s);
    try {
      time.advance(1s);
    } catch (const std::logic_error& error) {
      message = error.what();
    }
  });
  time.start(*service);
  time.advance(10s);
  CHECK(message == "VirtualTime is moved by a method that runs in it: only jump() may be");
  CHECK(service->get_timer_stats().timers[0].last_execution_time == 3s);
  CHECK(time.elapsed() == 13s);
}

TEST_CASE("a task is run to its end, with as much time as it needs") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  time.start(*service);
  CHECK(time.run(answer_after(*service, 5h)) == 42);
  CHECK(time.elapsed() == 5h);
  CHECK_THROWS_AS(time.run(fail_after(*service, 1s)), std::runtime_error);
  CHECK_THROWS_AS(time.run(answer_after(*service, 5h), 4h), std::runtime_error);
}

TEST_CASE("services on the io_context of a virtual time live in it, too") {
  class Outside : public cliffracer::NatsService {
   public:
    explicit Outside(asio::io_context& context) : NatsService{context, {.name = "outside"}} {
      add(timer<&Outside::tick>{.interval = 1h});
    }
    void tick() { ++ticks; }
    int ticks = 0;
  };
  VirtualTime time;
  Outside one{time.context()};
  Outside two{time.context()};
  time.start(one);
  time.advance(30min);
  time.start(two);
  time.advance(2h);
  CHECK(one.ticks == 2);
  CHECK(two.ticks == 2);
  time.stop(one);
  time.advance(1h);
  CHECK(one.ticks == 2);
  CHECK(two.ticks == 3);
  time.stop(two);
}

TEST_CASE("an action happens at its instant, and what it throws leaves advance") {
  VirtualTime time;
  std::vector<std::chrono::nanoseconds> seen;
  time.call_at(2h, [&] { seen.push_back(time.elapsed()); });
  time.call_at(1h, [&] { seen.push_back(time.elapsed()); });
  time.call_at(3h, [] { throw std::runtime_error{"no luck"}; });
  time.advance(2h);
  CHECK(seen == std::vector<std::chrono::nanoseconds>{1h, 2h});
  CHECK_THROWS_AS(time.advance(2h), std::runtime_error);
}

TEST_CASE("without a broker a service starts, keeps its events up to the bound, and stops") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  LogCapture log{"daily"};
  time.start(*service);
  service->publish_event("a.b", {{"n", 1}});
  CHECK(service->get_service_info().broker.state == "connecting");
  CHECK(service->get_service_info().broker.outbox_messages == 1);
  time.stop(*service);
  CHECK(time.elapsed() < 11s);
  CHECK(log.count("service daily: stopped") == 1);
}

TEST_CASE("a stop in virtual time takes the time that runs in progress take, up to stop_timeout") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  service->pause = 5h;
  RunLog runs{time};
  time.start(*service);
  time.run_until(24h);
  time.stop(*service);
  CHECK(time.elapsed() == 24h + 10s);
  const auto reports = runs.of("daily", "report");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].outcome == Outcome::cancelled);
  CHECK(reports[0].ended == 24h + 10s);
}

TEST_CASE("the log of runs tells what was due, when it ran and how it ended") {
  VirtualTime time;
  int runs_so_far = 0;
  const auto service = time.make<Scripted>([&](Scripted&) {
    if (++runs_so_far == 2) throw std::runtime_error{"no luck"};
  });
  RunLog runs{time};
  time.start(*service);
  time.advance(30s);
  const auto& all = runs.all();
  REQUIRE(all.size() == 4);
  CHECK(all[1].due == 20s);
  CHECK(all[1].outcome == Outcome::failed);
  CHECK(all[2].due == 25s);
  CHECK(all[2].attempt == 2);
  CHECK(all[2].outcome == Outcome::succeeded);
  CHECK(all[3].due == 30s);
  runs.clear();
  CHECK(runs.all().empty());
}

TEST_CASE("the wall clock moves along") {
  VirtualTime time;
  const auto service = time.make<Daily>();
  time.start(*service);
  time.advance(1h);
  CHECK(service->get_timer_stats().timers[0].next_execution ==
        std::chrono::sys_days{std::chrono::January / 2 / 2026});
}

// Run by the test below, in a process of its own.
TEST_CASE("child process: a method blocks the event loop for ever", "[.]") {
  std::signal(SIGABRT, SIG_DFL);
  VirtualTime time{{.patience = 50ms}};
  const auto service = time.make<Scripted>([](Scripted&) {
    for (;;) std::this_thread::yield();
  });
  time.start(*service);
  time.advance(10s);
}

TEST_CASE("a method that blocks the event loop for ever is named before the process ends") {
  support::ChildTest child{"child process: a method blocks the event loop for ever"};
  CHECK(child.listen().find("the event loop does not return; running: service scripted: timer act") !=
        std::string::npos);
  CHECK(child.wait_for_end() == SIGABRT);
}
