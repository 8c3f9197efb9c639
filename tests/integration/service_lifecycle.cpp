#include "support/captured_log.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::ServiceConfig;
using cliffracer::TickContext;
using cliffracer::timer;
using support::eventually;
using support::no_broker;
using support::Running;
using support::wait;
using Clock = std::chrono::steady_clock;

namespace {

class Ticker : public NatsService {
 public:
  explicit Ticker(ServiceConfig config) : NatsService{std::move(config)} { add_timer(); }
  Ticker(asio::io_context& context, ServiceConfig config) : NatsService{context, std::move(config)} {
    add_timer();
  }

  std::atomic<int> ticks{0};
  std::atomic<int> starts{0};
  std::atomic<int> stops{0};

 private:
  void add_timer() { add(timer<&Ticker::tick>{.interval = 5ms}); }
  asio::awaitable<void> tick() {
    ++ticks;
    co_return;
  }
  asio::awaitable<void> on_start() override {
    ++starts;
    co_return;
  }
  asio::awaitable<void> on_stop() override {
    ++stops;
    co_return;
  }
};

/// Runs for as long as it is let.
class Hanging : public NatsService {
 public:
  explicit Hanging(std::chrono::nanoseconds stop_timeout)
      : NatsService{{.name = "hanging", .nats_url = no_broker, .stop_timeout = stop_timeout}} {
    add(timer<&Hanging::coroutine>{.interval = 1ms}, timer<&Hanging::plain>{.interval = 1ms});
  }
  std::atomic<bool> hangs{false};
  std::atomic<bool> plain_hangs{false};
  std::atomic<bool> release{false};
  std::atomic<bool> was_asked{false};

 private:
  asio::awaitable<void> coroutine() {
    hangs = true;
    co_await wait(1h);
  }
  void plain(const TickContext& tick) {
    plain_hangs = true;
    while (!release) {
      if (tick.stop_token.stop_requested()) was_asked = true;
      std::this_thread::sleep_for(1ms);
    }
  }
};

}  // namespace

TEST_CASE("run starts, serves and returns after request_stop from another thread, again and again") {
  Ticker service{{.name = "again", .nats_url = no_broker}};
  for (int round = 1; round <= 3; ++round) {
    const int before = service.ticks;
    {
      Running running{service};
      REQUIRE(eventually([&] { return service.ticks > before + 2; }));
    }
    CHECK(service.starts == round);
    CHECK(service.stops == round);
  }
  CHECK(service.get_timer_stats().timers.at(0).execution_count == static_cast<std::uint64_t>(service.ticks));
}

TEST_CASE("a timer method can ask its service to stop") {
  class SelfStopping : public NatsService {
   public:
    SelfStopping() : NatsService{{.name = "self_stopping", .nats_url = no_broker}} {
      add(timer<&SelfStopping::end>{.interval = 5ms}, timer<&SelfStopping::end_plain>{.interval = 5ms});
    }
    asio::awaitable<void> end() {
      request_stop();
      co_return;
    }
    void end_plain() { request_stop(); }
  } service;
  service.run();
  CHECK(service.get_timer_stats().timers.at(0).execution_count >= 1);
}

TEST_CASE("a stop asked for before the start ends that start, and only that one") {
  Ticker service{{.name = "early_stop", .nats_url = no_broker}};
  service.request_stop();
  service.run();
  CHECK(service.starts == 0);
  CHECK(service.ticks == 0);
  {
    Running running{service};
    REQUIRE(eventually([&] { return service.ticks > 0; }));
  }
}

TEST_CASE("SIGTERM and SIGINT end run") {
  for (const int signal : {SIGTERM, SIGINT}) {
    Ticker service{{.name = "signalled", .nats_url = no_broker}};
    Running running{service};
    REQUIRE(eventually([&] { return service.ticks > 0; }));
    ::kill(::getpid(), signal);
    running.join();
    CHECK(service.stops == 1);
  }
}

TEST_CASE("services on one io_context are started and stopped by its owner") {
  asio::io_context context;
  Ticker first{context, {.name = "first", .nats_url = no_broker}};
  Ticker second{context, {.name = "second", .nats_url = no_broker}};
  const auto play = [&]() -> asio::awaitable<void> {
    co_await first.start();
    co_await second.start();
    co_await wait(50ms);
    co_await first.stop();
    const int at_stop = first.ticks;
    const int others = second.ticks;
    co_await wait(50ms);
    CHECK(first.ticks == at_stop);
    CHECK(second.ticks > others);
    co_await second.stop();
    co_await second.stop();
  };
  asio::co_spawn(context, play(), asio::detached);
  context.run();
  CHECK(first.ticks > 0);
  CHECK_FALSE(first.get_service_info().is_running);
  CHECK_THROWS_AS(first.run(), std::logic_error);
}

TEST_CASE("start while running is refused, stop while idle does nothing") {
  asio::io_context context;
  Ticker service{context, {.name = "twice", .nats_url = no_broker}};
  bool refused = false;
  const auto play = [&]() -> asio::awaitable<void> {
    co_await service.stop();
    co_await service.start();
    try {
      co_await service.start();
    } catch (const std::logic_error&) {
      refused = true;
    }
    co_await service.stop();
  };
  asio::co_spawn(context, play(), asio::detached);
  context.run();
  CHECK(refused);
  CHECK(service.starts == 1);
}

TEST_CASE("what on_start throws ends the start, and the service can be started again") {
  class Refusing : public NatsService {
   public:
    Refusing() : NatsService{{.name = "refusing", .nats_url = no_broker}} {
      add(timer<&Refusing::tick>{.interval = 1ms});
    }
    bool refuses = true;
    std::atomic<int> ticks{0};
    int stops = 0;

   private:
    void tick() { ++ticks; }
    asio::awaitable<void> on_start() override {
      co_await wait(1ms);
      if (refuses) throw std::runtime_error{"no database"};
    }
    asio::awaitable<void> on_stop() override {
      ++stops;
      co_return;
    }
  } service;
  CHECK_THROWS_AS(service.run(), std::runtime_error);
  CHECK(service.ticks == 0);
  CHECK(service.stops == 0);
  service.refuses = false;
  Running running{service};
  CHECK(eventually([&] { return service.ticks > 0; }));
}

TEST_CASE("hooks that throw before they become coroutines are contained, too") {
  class Direct : public NatsService {
   public:
    Direct() : NatsService{{.name = "direct", .nats_url = no_broker}} {}
    bool fails_at_start = true;

   private:
    asio::awaitable<void> on_start() override {
      if (fails_at_start) throw std::runtime_error{"no start"};
      return wait(1ms);
    }
    asio::awaitable<void> on_stop() override { throw std::runtime_error{"no stop"}; }
  } service;
  CHECK_THROWS_AS(service.run(), std::runtime_error);
  service.fails_at_start = false;
  Running running{service};
  REQUIRE(eventually([&] { return service.get_service_info().is_running; }));
  running.stop();
  CHECK_FALSE(running.thrown());
}

TEST_CASE("a stop interrupts on_start") {
  class SlowStart : public NatsService {
   public:
    SlowStart() : NatsService{{.name = "slow_start", .nats_url = no_broker}} {}
    std::atomic<bool> starting{false};

   private:
    asio::awaitable<void> on_start() override {
      starting = true;
      co_await wait(1h);
    }
  } service;
  Running running{service};
  REQUIRE(eventually([&] { return service.starting.load(); }));
  running.stop();
  CHECK_FALSE(running.thrown());
}

TEST_CASE("cancelling start() does not leave half a start behind") {
  class SlowStart : public NatsService {
   public:
    explicit SlowStart(asio::io_context& context)
        : NatsService{context, {.name = "uncancelled", .nats_url = no_broker}} {}

   private:
    asio::awaitable<void> on_start() override { return wait(50ms); }
  };
  asio::io_context context;
  SlowStart service{context};
  asio::cancellation_signal cancel;
  bool started = false;
  asio::co_spawn(context, service.start(),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                   started = !thrown && service.get_service_info().is_running;
                   asio::co_spawn(context, service.stop(), asio::detached);
                 }));
  asio::steady_timer soon{context, 10ms};
  soon.async_wait([&](const asio::error_code&) { cancel.emit(asio::cancellation_type::terminal); });
  context.run();
  CHECK(started);
}

TEST_CASE("what on_stop throws is logged and does not keep the service from stopping") {
  CapturedLog log;
  const auto logger = std::make_shared<spdlog::logger>("bad_stop", log.logger()->sinks().front());
  spdlog::register_logger(logger);
  class BadStop : public NatsService {
   public:
    BadStop() : NatsService{{.name = "bad_stop", .nats_url = no_broker}} {}

   private:
    asio::awaitable<void> on_stop() override {
      throw std::runtime_error{"too late"};
      co_return;
    }
  } service;
  {
    Running running{service};
    REQUIRE(eventually([&] { return service.get_service_info().is_running; }));
  }
  CHECK(log.count("error: service bad_stop: on_stop failed: too late") == 1);
  spdlog::drop("bad_stop");
}

TEST_CASE("runs in progress get stop_timeout, then a coroutine is cancelled and a plain method is named") {
  CapturedLog log;
  spdlog::register_logger(std::make_shared<spdlog::logger>("hanging", log.logger()->sinks().front()));
  Hanging service{100ms};
  Running running{service};
  REQUIRE(eventually([&] { return service.hangs && service.plain_hangs; }));
  const auto asked = Clock::now();
  service.request_stop();
  REQUIRE(eventually([&] { return service.get_timer_stats().timers[0].cancelled_count == 1; }));
  CHECK(Clock::now() - asked >= 100ms);
  CHECK(service.was_asked);
  const auto stats = service.get_timer_stats();
  CHECK_FALSE(stats.timers[0].is_running);
  CHECK(stats.timers[1].is_executing);
  service.release = true;
  running.join();
  CHECK(log.count("timer coroutine still runs") == 1);
  CHECK(log.count("timer plain still runs") >= 1);
  CHECK(service.get_timer_stats().timers[1].success_count == 1);
  spdlog::drop("hanging");
}

TEST_CASE("a run that waits for a worker when the service stops is withdrawn") {
  class Crowded : public NatsService {
   public:
    Crowded() : NatsService{{.name = "withdrawing", .nats_url = no_broker, .worker_threads = 1}} {
      add(timer<&Crowded::first>{.interval = 1h, .eager = true},
          timer<&Crowded::second>{.interval = 1h, .eager = true});
    }
    std::atomic<bool> release{false};
    std::atomic<bool> began{false};
    std::atomic<bool> second_ran{false};

   private:
    void first(const TickContext& tick) {
      began = true;
      while (!release && !tick.stop_token.stop_requested()) std::this_thread::sleep_for(1ms);
    }
    void second() { second_ran = true; }
  } service;
  {
    Running running{service};
    REQUIRE(eventually([&] { return service.began && service.get_timer_stats().timers[1].is_executing; }));
  }
  CHECK_FALSE(service.second_ran);
  const auto stats = service.get_timer_stats();
  CHECK(stats.timers[0].success_count == 1);
  CHECK(stats.timers[1].cancelled_count == 1);
  CHECK(stats.timers[1].execution_count == 1);
}

TEST_CASE("a run that ends within stop_timeout is not cut short") {
  class Finishing : public NatsService {
   public:
    Finishing() : NatsService{{.name = "finishing", .nats_url = no_broker}} {
      add(timer<&Finishing::work>{.interval = 1ms});
    }
    std::atomic<bool> began{false};
    bool ended = false;

   private:
    asio::awaitable<void> work() {
      began = true;
      co_await wait(100ms);
      ended = true;
    }
  } service;
  {
    Running running{service};
    REQUIRE(eventually([&] { return service.began.load(); }));
  }
  CHECK(service.ended);
  CHECK(service.get_timer_stats().timers[0].cancelled_count == 0);
}

TEST_CASE("coroutines of one service never run at the same instant on an io_context with several threads") {
  class Exclusive : public NatsService {
   public:
    explicit Exclusive(asio::io_context& context)
        : NatsService{context, {.name = "exclusive", .nats_url = no_broker}} {
      add(timer<&Exclusive::one>{.interval = 100us}, timer<&Exclusive::two>{.interval = 100us},
          timer<&Exclusive::three>{.interval = 100us}, timer<&Exclusive::plain>{.interval = 200us});
    }
    int inside = 0;
    int most = 0;
    int runs = 0;
    std::atomic<int> plain_runs{0};

   private:
    asio::awaitable<void> one() { return work(); }
    asio::awaitable<void> two() { return work(); }
    asio::awaitable<void> three() { return work(); }
    void plain() { ++plain_runs; }
    asio::awaitable<void> work() {
      for (int i = 0; i < 3; ++i) {
        // Not atomic: ThreadSanitizer sees it when two threads are here.
        most = std::max(most, ++inside);
        ++runs;
        --inside;
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      }
    }
  };
  asio::io_context context;
  Exclusive service{context};
  const auto play = [&]() -> asio::awaitable<void> {
    co_await service.start();
    co_await wait(200ms);
    co_await service.stop();
  };
  asio::co_spawn(context, play(), asio::detached);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  CHECK(service.most == 1);
  CHECK(service.runs > 100);
  CHECK(service.plain_runs > 10);
}

TEST_CASE("statistics can be read from other threads while the service starts, runs, fails and stops") {
  class Busy : public NatsService {
   public:
    Busy() : NatsService{{.name = "busy", .nats_url = no_broker}} {
      spdlog::get("busy")->set_level(spdlog::level::off);
      add(timer<&Busy::coroutine>{.interval = 100us, .error_backoff = 0s},
          timer<&Busy::plain>{.interval = 100us, .error_backoff = 0s});
    }

   private:
    asio::awaitable<void> coroutine() {
      if (++runs_ % 3 == 0) throw std::runtime_error{"third"};
      co_return;
    }
    void plain() {
      if (++plain_runs_ % 3 == 0) throw 42;
    }
    int runs_ = 0;
    std::atomic<int> plain_runs_{0};
  } service;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  const auto read = [&] {
    while (!done) {
      for (const auto& stats : service.get_timer_stats().timers) {
        const auto finished = stats.success_count + stats.error_count + stats.cancelled_count;
        if (stats.execution_count != finished + (stats.is_executing ? 1 : 0)) ++wrong;
        if (stats.error_count > stats.execution_count) ++wrong;
        if (!stats.is_running && stats.next_execution) ++wrong;
      }
      static_cast<void>(service.get_service_info());
    }
  };
  std::thread first{read};
  std::thread second{read};
  for (int round = 0; round < 3; ++round) {
    const auto before = service.get_timer_stats().timers[1].execution_count;
    Running running{service};
    CHECK(eventually([&] { return service.get_timer_stats().timers[1].execution_count > before + 50; }));
  }
  done = true;
  first.join();
  second.join();
  CHECK(wrong == 0);
}

TEST_CASE("an exception of a foreign handler on the service's io_context stops the service and leaves run") {
  Ticker service{{.name = "foreign", .nats_url = no_broker}};
  Running running{service};
  REQUIRE(eventually([&] { return service.ticks > 0; }));
  asio::post(service.get_executor(), [] { throw std::runtime_error{"not ours"}; });
  running.join();
  REQUIRE(running.thrown());
  CHECK_THROWS_AS(std::rethrow_exception(running.thrown()), std::runtime_error);
  CHECK(service.stops == 1);
}

// Run by a test below, in a process of its own.
TEST_CASE("child process: a running service is destroyed", "[.]") {
  std::signal(SIGABRT, SIG_DFL);
  asio::io_context context;
  auto service = std::make_unique<Ticker>(context, ServiceConfig{.name = "doomed", .nats_url = no_broker});
  asio::co_spawn(context, service->start(), asio::detached);
  context.run_for(50ms);
  service.reset();
}

// Run by a test below, in a process of its own.
TEST_CASE("child process: a service that does not stop", "[.]") {
  Hanging service{1h};
  std::thread reporter{[&] {
    static_cast<void>(eventually([&] { return service.plain_hangs.load(); }));
    std::fputs("running\n", stderr);
    static_cast<void>(eventually([&] { return service.was_asked.load(); }));
    std::fputs("stopping\n", stderr);
  }};
  service.run();
  reporter.join();
}

TEST_CASE("destroying a service that runs ends the process with a clear message") {
  support::ChildTest child{"child process: a running service is destroyed"};
  CHECK(child.listen().find("service doomed is destroyed while it runs") != std::string::npos);
  CHECK(child.wait_for_end() == SIGABRT);
}

TEST_CASE("a second signal during the stop ends the process at once") {
  support::ChildTest child{"child process: a service that does not stop"};
  child.listen("running");
  child.send(SIGTERM);
  CHECK(child.listen("stopping").find("stopping") != std::string::npos);
  child.send(SIGTERM);
  CHECK(child.wait_for_end() == SIGTERM);
}
