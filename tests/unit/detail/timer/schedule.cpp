#include "support/catch.hpp"

#include <cliffracer/detail/timer/schedule.hpp>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::Pacing;
using cliffracer::detail::Schedule;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerOptions;

namespace {

constexpr TimePoint at(std::chrono::nanoseconds since) { return TimePoint{1000s + since}; }

constexpr TimerOptions every_second(MissedTicks missed = MissedTicks::coalesce) {
  return {.interval = 1s, .max_drift = 5s, .error_backoff = 300ms, .missed_ticks = missed};
}

constexpr TimerOptions second_after_run() {
  return {.interval = 1s, .max_drift = 5s, .error_backoff = 300ms, .pacing = Pacing::after_run};
}

/// Wakes at the due point itself, runs for `length`, and ends with success.
Schedule::Decision run_on_time(Schedule& schedule, std::chrono::nanoseconds length = 0ns) {
  const TimePoint due = schedule.due();
  const auto decision = schedule.wake(due);
  CHECK(decision.run);
  CHECK(schedule.finished(due + length, true) == 0);
  return decision;
}

}  // namespace

TEST_CASE("the first run of a timer is due one interval after start") {
  const Schedule schedule{every_second(), at(0s)};
  CHECK(schedule.due() == at(1s));
}

TEST_CASE("the first run of an eager timer is due at start, the second one interval later") {
  auto options = every_second();
  options.eager = true;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.due() == at(0s));
  run_on_time(schedule, 10ms);
  CHECK(schedule.due() == at(1s));
}

TEST_CASE("a wake-up before the due point runs nothing") {
  Schedule schedule{every_second(), at(0s)};
  const auto decision = schedule.wake(at(999ms));
  CHECK_FALSE(decision.run);
  CHECK(decision.skipped == 0);
  CHECK(schedule.due() == at(1s));
}

TEST_CASE("the length of a run does not move the grid") {
  Schedule schedule{every_second(), at(0s)};
  for (int k = 1; k <= 100; ++k) {
    CHECK(schedule.due() == at(std::chrono::seconds{k}));
    run_on_time(schedule, std::chrono::milliseconds{k * 9});
  }
}

TEST_CASE("a late tick within max_drift keeps the grid and reports its lateness") {
  Schedule schedule{every_second(), at(0s)};
  const auto decision = schedule.wake(at(1400ms));
  CHECK(decision.run);
  CHECK(decision.due == at(1s));
  CHECK(decision.lateness == 400ms);
  CHECK(decision.skipped == 0);
  CHECK_FALSE(decision.drifted);
  CHECK(schedule.finished(at(1500ms), true) == 0);
  CHECK(schedule.due() == at(2s));
}

TEST_CASE("coalesce runs once at once for all missed points and counts the others as skipped") {
  Schedule schedule{every_second(), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(4500ms), true) == 0);
  CHECK(schedule.due() == at(2s));
  const auto decision = schedule.wake(at(4500ms));
  CHECK(decision.run);
  CHECK(decision.due == at(2s));
  CHECK(decision.skipped == 2);
  CHECK(schedule.finished(at(4600ms), true) == 0);
  CHECK(schedule.due() == at(5s));
}

TEST_CASE("burst runs once for each missed point") {
  Schedule schedule{every_second(MissedTicks::burst), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(4500ms), true) == 0);
  for (int k = 2; k <= 4; ++k) {
    const auto decision = schedule.wake(at(4500ms));
    CHECK(decision.run);
    CHECK(decision.due == at(std::chrono::seconds{k}));
    CHECK(decision.skipped == 0);
    CHECK(schedule.finished(at(4500ms), true) == 0);
  }
  CHECK(schedule.due() == at(5s));
}

TEST_CASE("skip waits for the next point after a run that took too long") {
  Schedule schedule{every_second(MissedTicks::skip), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(4500ms), true) == 3);
  CHECK(schedule.due() == at(5s));
}

TEST_CASE("skip does not skip a point that is due at the instant the run ends") {
  Schedule schedule{every_second(MissedTicks::skip), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(3s), true) == 1);
  CHECK(schedule.due() == at(3s));
  CHECK(schedule.wake(at(3s)).run);
}

TEST_CASE("skip runs a point that is late by less than an interval") {
  Schedule schedule{every_second(MissedTicks::skip), at(0s)};
  CHECK(schedule.wake(at(1900ms)).run);
}

TEST_CASE("skip waits once after oversleeping and then runs, so that it never starves") {
  Schedule schedule{every_second(MissedTicks::skip), at(0s)};
  const auto overslept = schedule.wake(at(3500ms));
  CHECK_FALSE(overslept.run);
  CHECK(overslept.skipped == 3);
  CHECK(schedule.due() == at(4s));
  const auto again = schedule.wake(at(6500ms));
  CHECK(again.run);
  CHECK(again.skipped == 2);
  CHECK(schedule.finished(at(6500ms), true) == 0);
  CHECK(schedule.due() == at(7s));
}

TEST_CASE(
    "a run later than max_drift runs once for all that was missed and keeps the grid, whatever the policy") {
  for (const auto missed : {MissedTicks::coalesce, MissedTicks::burst, MissedTicks::skip}) {
    Schedule schedule{every_second(missed), at(0s)};
    const auto decision = schedule.wake(at(6250ms));
    CHECK(decision.run);
    CHECK(decision.drifted);
    CHECK(decision.lateness == 5250ms);
    CHECK(decision.skipped == 5);
    CHECK(schedule.finished(at(6300ms), true) == 0);
    CHECK(schedule.due() == at(7s));
  }
}

TEST_CASE("exactly max_drift late is not too late") {
  Schedule schedule{every_second(), at(0s)};
  CHECK_FALSE(schedule.wake(at(6s)).drifted);
}

TEST_CASE("a run in progress past max_drift is followed by one at once") {
  Schedule schedule{every_second(MissedTicks::skip), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(8s), true) == 0);
  const auto decision = schedule.wake(at(8s));
  CHECK(decision.drifted);
  CHECK(decision.run);
  CHECK(decision.skipped == 6);
  CHECK(schedule.finished(at(8500ms), true) == 0);
  CHECK(schedule.due() == at(9s));
}

TEST_CASE("a retry later than max_drift runs once for all that was missed and keeps the grid") {
  for (const auto missed : {MissedTicks::coalesce, MissedTicks::burst, MissedTicks::skip}) {
    Schedule schedule{every_second(missed), at(0s)};
    CHECK(schedule.wake(at(1s)).run);
    CHECK(schedule.finished(at(1s), false) == 0);
    const auto retry = schedule.wake(at(6350ms));
    CHECK(retry.drifted);
    CHECK(retry.due == at(1300ms));
    CHECK(retry.skipped == 5);
    CHECK(schedule.finished(at(6400ms), true) == 0);
    CHECK(schedule.due() == at(7s));
  }
}

TEST_CASE("with max_drift zero every late run drifts, and the grid stays") {
  auto options = every_second();
  options.max_drift = 0s;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.wake(at(1s) + 1ns).drifted);
  CHECK(schedule.finished(at(1500ms), true) == 0);
  CHECK(schedule.due() == at(2s));
}

TEST_CASE("a failed run is retried error_backoff after the failure, and success returns to the grid") {
  Schedule schedule{every_second(), at(0s)};
  CHECK(schedule.wake(at(1s)).attempt == 1);
  CHECK(schedule.finished(at(1100ms), false) == 0);
  CHECK(schedule.due() == at(1400ms));
  const auto retry = schedule.wake(at(1400ms));
  CHECK(retry.run);
  CHECK(retry.attempt == 2);
  CHECK(retry.due == at(1400ms));
  CHECK(schedule.finished(at(1450ms), true) == 0);
  CHECK(schedule.due() == at(2s));
  CHECK(schedule.wake(at(2s)).attempt == 1);
}

TEST_CASE("grid points that pass between a failure and its retry are skipped") {
  auto options = every_second();
  options.error_backoff = 2500ms;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(1s), false) == 0);
  CHECK(schedule.due() == at(3500ms));
  const auto retry = schedule.wake(at(3500ms));
  CHECK(retry.run);
  CHECK(retry.skipped == 2);
  CHECK(schedule.finished(at(3500ms), true) == 0);
  CHECK(schedule.due() == at(4s));
}

TEST_CASE("a retry that meets a grid point is that point and skips only the earlier ones") {
  auto options = every_second();
  options.error_backoff = 2s;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(1s), false) == 0);
  const auto retry = schedule.wake(at(3s));
  CHECK(retry.attempt == 2);
  CHECK(retry.skipped == 1);
  CHECK(schedule.finished(at(3s), true) == 0);
  CHECK(schedule.due() == at(4s));
}

TEST_CASE("burst does not run points that passed during a backoff") {
  auto options = every_second(MissedTicks::burst);
  options.error_backoff = 3500ms;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(1s), false) == 0);
  CHECK(schedule.wake(at(4500ms)).skipped == 3);
  CHECK(schedule.finished(at(4500ms), true) == 0);
  CHECK(schedule.due() == at(5s));
}

TEST_CASE("attempts count failures in a row") {
  Schedule schedule{every_second(), at(0s)};
  for (std::uint32_t attempt = 1; attempt <= 4; ++attempt) {
    const TimePoint due = schedule.due();
    CHECK(schedule.wake(due).attempt == attempt);
    CHECK(schedule.finished(due, false) == 0);
  }
}

TEST_CASE("the backoff doubles with each failure in a row up to the interval, and a success ends that") {
  Schedule schedule{every_second(), at(0s)};
  TimePoint now = at(1s);
  const auto fail = [&] {
    CHECK(schedule.wake(now).run);
    CHECK(schedule.finished(now, false) == 0);
    const std::chrono::nanoseconds backoff = schedule.due() - now;
    now = schedule.due();
    return backoff;
  };
  CHECK(fail() == 300ms);
  CHECK(fail() == 600ms);
  CHECK(fail() == 1s);
  CHECK(fail() == 1s);
  CHECK(schedule.wake(now).run);
  CHECK(schedule.finished(now, true) == 0);
  now = schedule.due();
  CHECK(fail() == 300ms);
}

TEST_CASE(
    "unless a maximum is given the backoff grows to the interval, at most five minutes, or not at all") {
  const auto most = [](std::chrono::nanoseconds interval, std::chrono::nanoseconds error_backoff) {
    const Schedule schedule{{.interval = interval, .error_backoff = error_backoff}, at(0s)};
    return schedule.max_error_backoff(interval);
  };
  CHECK(most(1min, 5s) == 1min);
  CHECK(most(1h, 5s) == 5min);
  CHECK(most(1s, 5s) == 5s);
  CHECK(most(1h, 10min) == 10min);
  CHECK(most(1h, 0s) == 0s);
}

TEST_CASE("a backoff of zero stays zero") {
  Schedule schedule{{.interval = 1s, .max_drift = 1h}, at(0s)};
  for (int n = 0; n < 5; ++n) {
    const TimePoint now = schedule.due();
    CHECK(schedule.wake(now).run);
    CHECK(schedule.finished(now, false) == 0);
    CHECK(schedule.backoff() == 0s);
  }
}

TEST_CASE("a failure of no length and no backoff still moves the due point on") {
  auto options = every_second();
  options.error_backoff = 0s;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(1s), false) == 0);
  CHECK(schedule.due() == at(1s) + 1ns);
}

TEST_CASE("ten million ticks on time are exactly anchor plus k intervals") {
  auto options = every_second();
  options.interval = 333'333'337ns;
  Schedule schedule{options, at(0s)};
  bool exact = true;
  for (std::int64_t k = 1; k <= 10'000'000; ++k) {
    const TimePoint due = schedule.due();
    exact = exact && due == at(std::chrono::nanoseconds{k * 333'333'337});
    exact = exact && schedule.wake(due).run && schedule.finished(due, true) == 0;
  }
  CHECK(exact);
}

TEST_CASE("an interval that leads beyond the clock's range is never due") {
  for (const auto anchor : {TimePoint::max(), TimePoint::max() - 1s, at(0s)}) {
    auto options = every_second();
    options.interval = std::chrono::nanoseconds::max();
    Schedule schedule{options, anchor};
    CHECK(schedule.due() == TimePoint::max());
    CHECK_FALSE(schedule.wake(TimePoint::max()).run);
  }
}

TEST_CASE("a schedule works at the lower end of the clock's range") {
  auto options = every_second();
  options.max_drift = std::chrono::nanoseconds::max();
  Schedule schedule{options, TimePoint::min()};
  CHECK(schedule.due() == TimePoint::min() + 1s);
  const auto decision = schedule.wake(TimePoint::max() - 1s);
  CHECK(decision.run);
  CHECK(decision.lateness == std::chrono::nanoseconds::max());
  CHECK(decision.skipped == (~std::uint64_t{0} - 2'000'000'000ULL) / 1'000'000'000ULL);
}

TEST_CASE("the schedule can be decided at compile time") {
  static constexpr auto second_due = [] {
    Schedule schedule{every_second(), at(0s)};
    static_cast<void>(schedule.wake(at(1s)));
    static_cast<void>(schedule.finished(at(1s), true));
    return schedule.due();
  }();
  STATIC_REQUIRE(second_due == at(2s));
}

TEST_CASE("within the tolerance nothing is late, for drift and for what was missed during a run") {
  Schedule schedule{{.interval = 10s, .max_drift = 0s, .tolerance = 5s, .missed_ticks = MissedTicks::skip},
                    at(0s)};
  auto decision = schedule.wake(at(10s));
  CHECK(decision.run);
  // The point at 20 s is past its interval's start, not past its tolerance: it was missed, and did not drift.
  CHECK(schedule.finished(at(23s), true) == 1);
  CHECK(schedule.due() == at(30s));
  decision = schedule.wake(at(35s));
  CHECK(decision.run);
  CHECK_FALSE(decision.drifted);
  CHECK(decision.deferral == 5s);
  CHECK(decision.lateness == 0s);
  CHECK(schedule.finished(at(35s), true) == 0);
  decision = schedule.wake(at(45s + 1ns));
  CHECK(decision.drifted);
  CHECK(decision.lateness == 1ns);
}

TEST_CASE("the tolerance of a timer makes its late retries neither deferred nor on time") {
  Schedule schedule{{.interval = 10s, .max_drift = 2s, .error_backoff = 1s, .tolerance = 5s}, at(0s)};
  CHECK(schedule.wake(at(12s)).deferral == 2s);
  CHECK(schedule.finished(at(12s), false) == 0);
  CHECK(schedule.window() == 0s);
  auto decision = schedule.wake(at(14s));
  CHECK(decision.deferral == 0s);
  CHECK(decision.lateness == 1s);
  CHECK_FALSE(decision.drifted);
  CHECK(schedule.finished(at(14s), false) == 0);
  // The second failure in a row has waited twice as long.
  decision = schedule.wake(at(18s + 1ns));
  CHECK(decision.lateness == 2s + 1ns);
  CHECK(decision.drifted);
  CHECK(schedule.finished(at(19s), true) == 0);
  CHECK(schedule.window() == 5s);
}

TEST_CASE("after a run the interval begins at its end") {
  Schedule schedule{second_after_run(), at(0s)};
  CHECK(schedule.due() == at(1s));
  run_on_time(schedule, 250ms);
  CHECK(schedule.due() == at(2250ms));
  run_on_time(schedule, 10s);
  CHECK(schedule.due() == at(13250ms));
}

TEST_CASE("an eager timer that paces after its runs has its first run at start") {
  auto options = second_after_run();
  options.eager = true;
  Schedule schedule{options, at(0s)};
  CHECK(schedule.due() == at(0s));
  run_on_time(schedule, 10ms);
  CHECK(schedule.due() == at(1010ms));
}

TEST_CASE("a timer that paces after its runs runs once after a late wake-up, and has missed nothing") {
  Schedule schedule{second_after_run(), at(0s)};
  auto decision = schedule.wake(at(4500ms));
  CHECK(decision.run);
  CHECK(decision.due == at(1s));
  CHECK(decision.lateness == 3500ms);
  CHECK_FALSE(decision.drifted);
  CHECK(decision.skipped == 0);
  CHECK(schedule.finished(at(5s), true) == 0);
  CHECK(schedule.due() == at(6s));
  decision = schedule.wake(at(11s) + 1ns);
  CHECK(decision.drifted);
  CHECK(decision.skipped == 0);
  CHECK(schedule.finished(at(12s), true) == 0);
  CHECK(schedule.due() == at(13s));
}

TEST_CASE("a timer that paces after its runs retries after error_backoff, and then waits for an interval") {
  Schedule schedule{second_after_run(), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.finished(at(1500ms), false) == 0);
  CHECK(schedule.due() == at(1800ms));
  const auto retry = schedule.wake(at(8s));
  CHECK(retry.attempt == 2);
  CHECK(retry.skipped == 0);
  CHECK(schedule.finished(at(8100ms), true) == 0);
  CHECK(schedule.due() == at(9100ms));
}

TEST_CASE("a run that is asked for begins the interval again at its end") {
  Schedule schedule{second_after_run(), at(0s)};
  schedule.trigger(at(900ms), false);
  CHECK(schedule.due() == at(900ms));
  // The point that came while it was late is not run beside it.
  CHECK(schedule.wake(at(7s)).skipped == 1);
  schedule.trigger(at(7200ms), true);
  CHECK(schedule.finished(at(7500ms), true) == 0);
  CHECK(schedule.due() == at(7500ms));
  run_on_time(schedule, 100ms);
  CHECK(schedule.due() == at(8600ms));
}

TEST_CASE("a start that a pause has passed over comes an interval after the pause") {
  Schedule schedule{second_after_run(), at(0s)};
  CHECK(schedule.pass_over(at(500ms)) == 0);
  CHECK(schedule.due() == at(1s));
  CHECK(schedule.pass_over(at(4500ms)) == 1);
  CHECK(schedule.due() == at(5500ms));
  CHECK(schedule.wake(at(5500ms)).run);
  CHECK(schedule.finished(at(6s), false) == 0);
  CHECK(schedule.pass_over(at(7s)) == 0);
  CHECK(schedule.due() == at(8s));
}

TEST_CASE("after a run another interval is counted from the run's end") {
  Schedule schedule{second_after_run(), at(0s)};
  run_on_time(schedule, 500ms);
  CHECK(schedule.set_interval(10s, at(2s), false) == 0);
  CHECK(schedule.due() == at(11500ms));
  CHECK(schedule.set_interval(2s, at(5s), false) == 0);
  CHECK(schedule.due() == at(5s));
  CHECK(schedule.set_interval(1h, at(5s), false) == 0);
  CHECK(schedule.due() == at(5s));
  CHECK(schedule.wake(at(5s)).run);
  CHECK(schedule.set_interval(3s, at(6s), true) == 0);
  CHECK(schedule.finished(at(7s), true) == 0);
  CHECK(schedule.due() == at(10s));
  CHECK(schedule.set_interval(std::chrono::nanoseconds::max(), at(8s), false) == 0);
  CHECK(schedule.due() == cliffracer::detail::never);
  CHECK(schedule.set_interval(1s, at(9s), false) == 0);
  CHECK(schedule.due() == at(10s));
}

TEST_CASE("a tolerance that was not given is a tenth of the interval, at most the default, and follows it") {
  for (const auto pacing : {Pacing::grid, Pacing::after_run}) {
    Schedule schedule{{.interval = 1min, .default_tolerance = 4s, .pacing = pacing}, at(0s)};
    CHECK(schedule.window() == 4s);
    CHECK(schedule.set_interval(30s, at(1s), false) == 0);
    CHECK(schedule.window() == 3s);
    CHECK(schedule.tolerance(30s) == 3s);
    CHECK(schedule.set_interval(1h, at(1s), false) == 0);
    CHECK(schedule.window() == 4s);
  }
  Schedule own{{.interval = 1min, .tolerance = 0s, .default_tolerance = 4s}, at(0s)};
  CHECK(own.window() == 0s);
  CHECK_FALSE(own.has_tolerance());
}
