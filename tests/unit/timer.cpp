#include "support/catch.hpp"

#include <cliffracer/timer.hpp>

#include <chrono>
#include <type_traits>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::RunOn;
using cliffracer::TickContext;
using cliffracer::timer;

namespace {

struct Base {
  void inherited() noexcept {}
};

struct Service : Base {
  asio::awaitable<void> coroutine() const { co_return; }
  void plain() {}
  void constant() const noexcept {}
  void by_value(TickContext) {}
  asio::awaitable<void> by_reference(const TickContext&) noexcept { co_return; }
};

/// Only an omitted interval keeps a timer from being made.
template <class Timer>
concept can_omit_interval = requires {
  Timer{.eager = true};
};
template <class Timer>
concept can_give_interval = requires {
  Timer{.interval = 30s};
};

}  // namespace

TEST_CASE("the interval has no default") {
  STATIC_REQUIRE_FALSE(can_omit_interval<timer<&Service::plain>>);
  STATIC_REQUIRE(can_give_interval<timer<&Service::plain>>);
}

TEST_CASE("a timer's defaults are the documented ones") {
  const timer<&Service::coroutine> registration{.interval = 30s};
  CHECK(registration.interval == 30s);
  CHECK_FALSE(registration.eager);
  CHECK(registration.max_drift == 1s);
  CHECK(registration.error_backoff == 5s);
  CHECK(registration.missed_ticks == MissedTicks::coalesce);
  CHECK(registration.name.empty());
}

TEST_CASE("a coroutine runs on the event loop, a plain method on a worker") {
  CHECK(timer<&Service::coroutine>{.interval = 1s}.run_on == RunOn::event_loop);
  CHECK(timer<&Service::plain>{.interval = 1s}.run_on == RunOn::worker_pool);
}

TEST_CASE("a timer knows its method's name and class") {
  STATIC_REQUIRE(timer<&Service::coroutine>::method_name() == "coroutine");
  STATIC_REQUIRE(timer<&Service::constant>::method_name() == "constant");
  STATIC_REQUIRE(timer<&Service::by_value>::method_name() == "by_value");
  STATIC_REQUIRE(timer<&Service::by_reference>::method_name() == "by_reference");
  STATIC_REQUIRE(timer<&Service::inherited>::method_name() == "inherited");
  STATIC_REQUIRE(std::is_same_v<timer<&Service::plain>::service_type, Service>);
  STATIC_REQUIRE(std::is_same_v<timer<&Service::inherited>::service_type, Base>);
}

TEST_CASE("a timer is an aggregate") { STATIC_REQUIRE(std::is_aggregate_v<timer<&Service::plain>>); }
