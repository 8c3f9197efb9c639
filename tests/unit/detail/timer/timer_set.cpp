#include "support/catch.hpp"

#include <cliffracer/detail/timer/timer_set.hpp>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::Pacing;
using cliffracer::RunOn;
using cliffracer::Scope;
using cliffracer::timer;
using cliffracer::WhenUnavailable;
using cliffracer::detail::registration_of;
using cliffracer::detail::TimerDefaults;
using cliffracer::detail::TimerSet;

namespace {

struct Service {
  void plain() {}
  asio::awaitable<void> coroutine() { co_return; }
};

template <auto Method, class Type>
std::string refusal(const timer<Method, Type>& registration, const TimerDefaults& defaults = {}) {
  TimerSet timers;
  Service service;
  try {
    timers.add("orders", registration_of(registration, &service), defaults);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("an option out of range is refused with service, timer and rule") {
  constexpr auto plain = &Service::plain;
  constexpr auto coroutine = &Service::coroutine;
  struct Row {
    std::string refusal;
    std::string text;
  };
  const std::vector<Row> rows{
      {refusal(timer<plain>{.interval = 0s}),
       "service orders: timer plain: interval must be greater than zero"},
      {refusal(timer<plain>{.interval = -1s}), "service orders: timer plain: interval must not be negative"},
      {refusal(timer<plain>{.interval = std::chrono::duration<double, std::nano>{0.4}}),
       "service orders: timer plain: interval must be greater than zero"},
      {refusal(timer<plain>{.interval = std::chrono::hours::max()}),
       "service orders: timer plain: interval must fit in 64-bit nanoseconds (292 years)"},
      {refusal(timer<coroutine>{.interval = 1s, .max_drift = -1ns}),
       "service orders: timer coroutine: max_drift must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .error_backoff = -1ns}),
       "service orders: timer plain: error_backoff must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .error_backoff = std::chrono::hours::max(), .name = "x"}),
       "service orders: timer x: error_backoff must fit in 64-bit nanoseconds (292 years)"},
      {refusal(timer<plain>{.interval = 1s, .tolerance = -1ns}),
       "service orders: timer plain: tolerance must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .tolerance = 1s}),
       "service orders: timer plain: tolerance must be less than interval"},
      {refusal(timer<plain>{.interval = 1s, .tolerance = std::chrono::hours::max()}),
       "service orders: timer plain: tolerance must fit in 64-bit nanoseconds (292 years)"},
      {refusal(timer<plain>{.interval = 1s, .initial_delay = -1ns}),
       "service orders: timer plain: initial_delay must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .eager = true, .initial_delay = 0s}),
       "service orders: timer plain: initial_delay does not go with eager"},
      {refusal(timer<plain>{.interval = 1s, .align_to_epoch = true, .offset = -1ns}),
       "service orders: timer plain: offset must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .align_to_epoch = true, .offset = 1s}),
       "service orders: timer plain: offset must be less than interval"},
      {refusal(timer<plain>{.interval = 1s, .offset = 1ns}),
       "service orders: timer plain: offset needs align_to_epoch or scope cluster: other grids begin at the "
       "start"},
      {refusal(timer<plain>{.interval = 1s, .pacing = static_cast<Pacing>(9)}),
       "service orders: timer plain: pacing is no Pacing"},
      {refusal(timer<plain>{.interval = 1s, .align_to_epoch = true, .pacing = Pacing::after_run}),
       "service orders: timer plain: align_to_epoch does not go with pacing after_run, which has no grid"},
      {refusal(timer<plain>{.interval = 1s, .offset = 1ns, .pacing = Pacing::after_run}),
       "service orders: timer plain: offset does not go with pacing after_run, which has no grid"},
      {refusal(timer<plain>{.interval = 1s, .pacing = Pacing::after_run, .scope = Scope::cluster}),
       "service orders: timer plain: scope cluster does not go with pacing after_run: replicas share a grid"},
      {refusal(timer<plain>{.interval = 1s, .pacing = Pacing::after_run, .missed_ticks = MissedTicks::skip}),
       "service orders: timer plain: missed_ticks does not go with pacing after_run, which misses nothing"},
      {refusal(timer<plain>{.interval = 1s, .when_unavailable = WhenUnavailable::run}),
       "service orders: timer plain: when_unavailable is for a timer with scope cluster"},
      {refusal(timer<plain>{.interval = 1ms - 1ns, .scope = Scope::cluster}),
       "service orders: timer plain: scope cluster: interval must be at least 1 ms: tokens tell ticks apart "
       "by milliseconds"},
      {refusal(timer<plain>{.interval = 1s, .scope = Scope::cluster, .missed_ticks = MissedTicks::burst}),
       "service orders: timer plain: missed_ticks: burst does not go with scope cluster: another replica may "
       "have run what was missed"},
      {refusal(timer<plain>{.interval = 1s, .scope = Scope::cluster, .name = "lösche"}),
       "service orders: timer lösche: scope cluster: the names of service and timer may hold letters, "
       "digits, "
       "'-', '_', '=' and '/' only"},
      {refusal(timer<plain>{.interval = 1s, .scope = Scope::cluster}, {.keep = 3s - 1ns}),
       "service orders: timer plain: interval must be at most a third of the time that claims are kept "
       "(ServiceConfig::cluster.keep)"},
      {refusal(timer<plain>{.interval = 1s, .jitter = -1ns}),
       "service orders: timer plain: jitter must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .jitter = 1s}),
       "service orders: timer plain: jitter must be less than interval"},
      {refusal(timer<plain>{.interval = 1s, .timeout = -1ns}),
       "service orders: timer plain: timeout must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .timeout = 1s, .run_on = RunOn::event_loop}),
       "service orders: timer plain: timeout: a plain method on the event loop cannot be asked to end"},
      {refusal(timer<plain>{.interval = 1s, .max_error_backoff = -1ns}),
       "service orders: timer plain: max_error_backoff must not be negative"},
      {refusal(timer<plain>{.interval = 1s, .error_backoff = 5s, .max_error_backoff = 5s}),
       "service orders: timer plain: max_error_backoff must be greater than error_backoff"},
      {refusal(timer<plain>{.interval = 1s, .error_backoff = 0s, .max_error_backoff = 5s}),
       "service orders: timer plain: max_error_backoff needs an error_backoff greater than zero"},
      {refusal(timer<plain>{.interval = 1s, .missed_ticks = static_cast<MissedTicks>(9)}),
       "service orders: timer plain: missed_ticks is no MissedTicks"},
      {refusal(timer<plain>{.interval = 1s, .run_on = static_cast<RunOn>(9)}),
       "service orders: timer plain: run_on is no RunOn"},
      {refusal(timer<coroutine>{.interval = 1s, .run_on = RunOn::worker_pool}),
       "service orders: timer coroutine: run_on: a coroutine runs on the event loop, only a plain method on "
       "the worker "
       "pool"},
      {refusal(timer<plain>{.interval = 1s, .name = "two words"}),
       "service orders: timer two words: name must be"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(row.refusal.substr(0, row.text.size()) == row.text);
  }
}

TEST_CASE("legal values at the edges are taken") {
  CHECK(refusal(timer<&Service::plain>{.interval = 1ns, .max_drift = 0s, .error_backoff = 0s}).empty());
  CHECK(refusal(timer<&Service::plain>{.interval = 1ns, .tolerance = 0s}).empty());
  CHECK(refusal(timer<&Service::plain>{.interval = 1s, .align_to_epoch = true, .offset = 1s - 1ns}).empty());
  CHECK(refusal(timer<&Service::plain>{.interval = 1s, .offset = 1s - 1ns, .scope = Scope::cluster}).empty());
  CHECK(refusal(timer<&Service::plain>{.interval = 1ms, .scope = Scope::cluster}).empty());
  CHECK(refusal(timer<&Service::plain>{.interval = 1s, .tolerance = 1s - 1ns}).empty());
  CHECK(refusal(timer<&Service::plain>{.interval = 1s,
                                       .initial_delay = std::chrono::nanoseconds::max(),
                                       .jitter = 1s - 1ns,
                                       .timeout = std::chrono::nanoseconds::max(),
                                       .max_error_backoff = std::chrono::nanoseconds::max(),
                                       .max_consecutive_errors = 4'294'967'295U})
            .empty());
  CHECK(refusal(timer<&Service::plain>{.interval = std::chrono::nanoseconds::max(),
                                       .max_drift = std::chrono::nanoseconds::max(),
                                       .error_backoff = std::chrono::nanoseconds::max()})
            .empty());
}

TEST_CASE("two timers of one name are refused, two timers on one method with names are not") {
  TimerSet timers;
  Service service;
  timers.add("orders", registration_of(timer<&Service::plain>{.interval = 1s}, &service));
  try {
    timers.add("orders", registration_of(timer<&Service::plain>{.interval = 2s}, &service));
    FAIL("not refused");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string{error.what()} ==
          "service orders: timer plain: two timers have this name: give one of them another .name");
  }
  timers.add("orders",
             registration_of(timer<&Service::plain>{.interval = 2s, .name = "plain_slow"}, &service));
  CHECK(timers.size() == 2);
}

TEST_CASE("statistics say how a timer was registered") {
  TimerSet timers;
  Service service;
  timers.add("orders",
             registration_of(
                 timer<&Service::coroutine>{
                     .interval = 30s, .eager = true, .max_drift = 2s, .error_backoff = 7s, .name = "refresh"},
                 &service));
  const auto stats = timers.stats({}, {});
  REQUIRE(stats.timer_count == 1);
  CHECK(stats.timers[0].name == "refresh");
  CHECK(stats.timers[0].method_name == "coroutine");
  CHECK(stats.timers[0].interval == 30s);
  CHECK(stats.timers[0].eager);
  CHECK(stats.timers[0].max_drift == 2s);
  CHECK(stats.timers[0].error_backoff == 7s);
  CHECK(stats.timers[0].max_error_backoff == 30s);
  CHECK_FALSE(stats.timers[0].next_execution.has_value());
}

TEST_CASE("a timer without a tolerance has the default, at most a tenth of its interval") {
  TimerSet timers;
  Service service;
  timers.add("orders", registration_of(timer<&Service::plain>{.interval = 100s, .name = "default"}, &service),
             {.tolerance = 4s});
  timers.add("orders", registration_of(timer<&Service::plain>{.interval = 10s, .name = "short"}, &service),
             {.tolerance = 4s});
  timers.add(
      "orders",
      registration_of(timer<&Service::plain>{.interval = 10s, .tolerance = 3s, .name = "own"}, &service),
      {.tolerance = 4s});
  timers.add(
      "orders",
      registration_of(timer<&Service::plain>{.interval = 10s, .tolerance = 0s, .name = "none"}, &service),
      {.tolerance = 4s});
  timers.add("orders",
             registration_of(timer<&Service::plain>{.interval = 10s, .name = "no_default"}, &service));
  const auto stats = timers.stats({}, {});
  CHECK(stats.timers[0].tolerance == 4s);
  CHECK(stats.timers[1].tolerance == 1s);
  CHECK(stats.timers[2].tolerance == 3s);
  CHECK(stats.timers[3].tolerance == 0s);
  CHECK(stats.timers[4].tolerance == 0s);
}
