#include <cliffracer/nats_service.hpp>
#include <cliffracer/rpc.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/virtual_time.hpp>
#include <cliffracer/timer.hpp>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using cliffracer::rpc;
using cliffracer::timer;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualTime;

namespace {

/// Takes each failure for one that passes, and tries again. After six failures it gives up, so that the test
/// ends.
class Stubborn : public cliffracer::NatsService {
 public:
  Stubborn(asio::io_context& context, VirtualTime& time)
      : NatsService{context, {.name = "stubborn", .stop_timeout = 1s}}, time_{time} {
    add(timer<&Stubborn::poll>{.interval = 10s}, timer<&Stubborn::tick>{.interval = 1s},
        rpc<&Stubborn::ask>{});
  }

  asio::awaitable<void> poll() { return try_again(); }
  void tick() { ++ticks; }
  asio::awaitable<int> ask() {
    auto trying = try_again();
    co_await std::move(trying);
    co_return 1;
  }
  asio::awaitable<void> on_start() override {
    if (!has_stubborn_start) co_return;
    auto trying = try_again();
    co_await std::move(trying);
  }

  std::vector<std::chrono::nanoseconds> failures;  // when
  int ticks = 0;
  bool has_stubborn_start = false;

 private:
  asio::awaitable<void> try_again() {
    for (int n = 0; n < 6; ++n) {
      try {
        asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
        co_await never.async_wait(asio::use_awaitable);
      } catch (const std::exception&) {
        failures.push_back(time_.elapsed());
      }
    }
  }

  VirtualTime& time_;
};

using Instants = std::vector<std::chrono::nanoseconds>;

/// Each after a longer pause.
Instants six_from(std::chrono::nanoseconds first) {
  return {first, first + 10ms, first + 30ms, first + 70ms, first + 150ms, first + 310ms};
}

}  // namespace

TEST_CASE("a stop cancels a timer's method again and again, and leaves the event loop to others meanwhile") {
  VirtualTime time;
  const auto service = time.make<Stubborn>(time.context(), time);
  time.start(*service);
  time.advance(10500ms);
  time.stop(*service);
  CHECK(service->failures == six_from(11500ms));
  CHECK(service->get_timer_stats().timers[0].success_count == 1);
}

TEST_CASE("a stop cancels a message handler again and again") {
  VirtualTime time;
  const Broker broker{time};
  LogCapture log{"stubborn"};
  const auto service = time.make<Stubborn>(time.context(), time);
  time.start(*service);
  const auto caller = time.make<Stubborn>(time.context(), time);
  time.start(*caller);
  caller->call_async("stubborn", "ask");
  time.advance(1s);
  time.stop(*service);
  time.stop(*caller);
  CHECK(service->failures.size() + caller->failures.size() == 6);
  CHECK(log.count("rpc ask still runs 1.0 s after it should end") == 1);
}

TEST_CASE("a stop cancels on_start() again and again") {
  VirtualTime time;
  const auto service = time.make<Stubborn>(time.context(), time);
  service->has_stubborn_start = true;
  asio::co_spawn(time.context(), service->start(), [](const std::exception_ptr&) {});
  time.advance(5s);
  service->request_stop();
  time.advance(5s);
  CHECK(service->failures == six_from(5s));
}
