#include "support/catch.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::RunOn;
using cliffracer::timer;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualTime;

namespace {

class Shop : public NatsService {
 public:
  Shop() : NatsService{{.name = "shop"}} {
    add(timer<&Shop::sell>{.interval = 1min, .name = "coroutine"},
        timer<&Shop::sell_plainly>{.interval = 1min, .name = "worker"},
        timer<&Shop::sell_plainly>{.interval = 1min, .run_on = RunOn::event_loop, .name = "loop"},
        timer<&Shop::fails>{.interval = 1h});
  }
  asio::awaitable<void> sell() {
    publish_event("shop.coroutine", {{"step", 1}});
    co_await sleep_for(10s);
    publish_event("shop.coroutine", {{"step", 2}});
  }
  void sell_plainly() { publish_event("shop.plain", {{"step", 1}}); }
  asio::awaitable<void> fails() {
    publish_event("shop.failing", {{"step", 1}});
    throw std::runtime_error{"no luck"};
    co_return;
  }
};

std::string trace_of(const std::string& traceparent) { return traceparent.substr(3, 32); }

}  // namespace

TEST_CASE("each run of a timer is a trace of its own, and what it publishes carries it") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>();
  time.start(*shop);
  time.advance(5min + 30s);

  const auto pairs = broker.events("shop.coroutine");
  REQUIRE(pairs.size() == 10);
  std::set<std::string> traces;
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    REQUIRE(pairs[i].traceparent.size() == 55);
    CHECK(pairs[i].traceparent == pairs[i + 1].traceparent);
    traces.insert(trace_of(pairs[i].traceparent));
  }
  for (const auto& event : broker.events("shop.plain")) {
    REQUIRE(event.traceparent.size() == 55);
    traces.insert(trace_of(event.traceparent));
  }
  CHECK(traces.size() == 15);
}

TEST_CASE("the log line of a failed run has its trace") {
  VirtualTime time;
  Broker broker{time};
  const LogCapture log{"shop"};
  const auto shop = time.make<Shop>();
  time.start(*shop);
  time.advance(1h);
  const auto events = broker.events("shop.failing");
  REQUIRE(events.size() == 1);
  CHECK(log.count("trace " + trace_of(events[0].traceparent)) == 1);
}

TEST_CASE("timers are controlled by name from code") {
  VirtualTime time;
  const auto shop = time.make<Shop>();
  CHECK_THROWS_AS(shop->trigger("coroutine"), std::logic_error);
  shop->pause("coroutine", "not yet");
  time.start(*shop);
  time.advance(10min);
  CHECK(shop->get_timer_stats().timers[0].execution_count == 0);
  CHECK_FALSE(shop->next_due("coroutine"));
  shop->resume("coroutine");
  shop->set_interval("worker", 10s);
  time.advance(1min);
  CHECK(shop->get_timer_stats().timers[0].execution_count == 1);
  CHECK(shop->get_timer_stats().timers[1].interval == 10s);
  REQUIRE(shop->next_due("loop"));
  CHECK(VirtualTime::since_start(*shop->next_due("loop")) == 12min);
  CHECK_THROWS_AS(shop->pause("nobody"), std::invalid_argument);
}

TEST_CASE("an observer is set before the start") {
  struct Count : cliffracer::TimerObserver {
    void on_start(const cliffracer::ObservedTimer& observed, const cliffracer::TickContext&) override {
      CHECK(observed.service == "shop");
      ++starts;
    }
    int starts = 0;
  };
  VirtualTime time;
  const auto shop = time.make<Shop>();
  const auto count = std::make_shared<Count>();
  shop->set_observer(count);
  time.start(*shop);
  time.advance(1min);
  CHECK(count->starts == 3);
  CHECK_THROWS_AS(shop->set_observer(nullptr), std::logic_error);
}

TEST_CASE("what an RPC handler and an observer ask of timers is in effect at once, and a stop ends") {
  class Store : public NatsService {
   public:
    Store() : NatsService{{.name = "store"}} {
      add(timer<&Store::tick>{.interval = 1h}, cliffracer::rpc<&Store::ask>{});
    }
    asio::awaitable<void> tick() {
      ++runs;
      co_return;
    }
    asio::awaitable<void> ask(nlohmann::json arguments) {
      const std::string what = arguments.at("what");
      if (what == "trigger") trigger("tick");
      if (what == "pause") pause("tick");
      if (what == "faster") set_interval("tick", 1min);
      co_return;
    }
    int runs = 0;
  };
  struct Resume : cliffracer::TimerObserver {
    void on_pause(const cliffracer::ObservedTimer& observed, std::string_view) override {
      store->resume(observed.name);
    }
    NatsService* store = nullptr;
  };
  VirtualTime time;
  Broker broker{time};
  const auto store = time.make<Store>();
  const auto observer = std::make_shared<Resume>();
  observer->store = store.get();
  store->set_observer(observer);
  time.start(*store);
  const auto ask = [&](const char* what) {
    static_cast<void>(time.run(broker.call_rpc("store", "ask", {{"what", what}})));
  };
  ask("pause");
  CHECK_FALSE(store->get_timer_stats().timers[0].is_paused);
  time.advance(1h);
  CHECK(store->runs == 1);
  ask("trigger");
  time.advance(1ns);
  CHECK(store->runs == 2);
  ask("faster");
  time.advance(1min);
  CHECK(store->runs == 3);
  CHECK(store->get_timer_stats().timers[0].lateness.max == 0ns);
  ask("pause");
  time.stop(*store);
  CHECK_FALSE(store->get_timer_stats().timers[0].is_running);
}

TEST_CASE("jitter in virtual time is decided by its seed") {
  class Jittery : public NatsService {
   public:
    explicit Jittery(std::uint64_t seed) : NatsService{{.name = "jittery", .jitter_seed = seed}} {
      add(timer<&Jittery::tick>{.interval = 1min, .jitter = 30s});
    }
    asio::awaitable<void> tick() { co_return; }
  };
  const auto first_due = [](std::uint64_t time_seed, std::uint64_t service_seed) {
    VirtualTime time{{.seed = time_seed}};
    const auto service = time.make<Jittery>(service_seed);
    time.start(*service);
    return VirtualTime::since_start(*service->next_due("tick"));
  };
  CHECK(first_due(1, 0) == first_due(1, 0));
  CHECK(first_due(1, 0) != first_due(2, 0));
  CHECK(first_due(1, 7) == first_due(2, 7));
  CHECK(first_due(1, 7) >= 1min);
  CHECK(first_due(1, 7) < 90s);
}

TEST_CASE("an aligned timer follows the wall clock of virtual time") {
  class Hourly : public NatsService {
   public:
    Hourly() : NatsService{{.name = "hourly"}} {
      add(timer<&Hourly::tick>{.interval = 1h, .align_to_epoch = true});
    }
    asio::awaitable<void> tick() { co_return; }
  };
  VirtualTime time{{.wall_clock = std::chrono::sys_days{std::chrono::January / 1 / 2026} + 25min}};
  const auto service = time.make<Hourly>();
  time.start(*service);
  time.advance(35min);
  CHECK(service->get_timer_stats().timers[0].execution_count == 1);
  time.step_wall_clock(50min);
  time.advance(10min);
  CHECK(service->get_timer_stats().timers[0].execution_count == 2);
  CHECK(service->get_timer_stats().timers[0].clock_step_count == 1);
}

TEST_CASE("an exception whose what() is null ends a run, an answer and a hook, and nothing else") {
  struct Mute : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return nullptr; }
  };
  class Silent : public NatsService {
   public:
    Silent() : NatsService{{.name = "silent"}} {
      add(timer<&Silent::plain>{.interval = 1s, .run_on = RunOn::event_loop},
          timer<&Silent::plain>{.interval = 1s, .name = "worker"}, timer<&Silent::coroutine>{.interval = 1s},
          cliffracer::rpc<&Silent::ask>{}, cliffracer::listener<&Silent::hear>{.subject = "silence"});
    }
    void plain() { throw Mute{}; }
    asio::awaitable<void> coroutine() {
      co_await sleep_for(1ms);
      throw Mute{};
    }
    int ask() { throw Mute{}; }
    void hear(const nlohmann::json& /*data*/) { throw Mute{}; }
    asio::awaitable<void> on_stop() override {
      co_await sleep_for(1ms);
      throw Mute{};
    }
  };
  VirtualTime time;
  Broker broker{time};
  LogCapture log{"silent"};
  const auto service = time.make<Silent>();
  time.start(*service);
  time.advance(1s + 1ms);
  for (const auto& stats : service->get_timer_stats().timers) {
    CHECK(stats.error_count == 1);
    CHECK(stats.last_error.empty());
  }
  broker.publish("silence", nlohmann::json::object());
  CHECK_THROWS_AS(time.run(broker.call_rpc("silent", "ask")), cliffracer::RpcError);
  time.stop(*service);
  CHECK(log.count("on_stop failed: ") == 1);
}
