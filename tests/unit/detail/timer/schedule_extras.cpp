#include "support/catch.hpp"

#include <cliffracer/detail/timer/grid.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/schedule_extras.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::detail::Grid;
using cliffracer::detail::Schedule;
using cliffracer::detail::ScheduleExtras;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerOptions;

namespace {

constexpr TimePoint at(std::chrono::nanoseconds since) { return TimePoint{1000s + since}; }

constexpr TimerOptions every_second(bool eager = false) {
  return {.interval = 1s, .eager = eager, .max_drift = 5s, .error_backoff = 300ms};
}

constexpr TimerOptions hourly(bool eager = false) {
  return {.interval = 1h, .eager = eager, .max_drift = 5s, .error_backoff = 300ms};
}

constexpr TimerOptions on_the_hour(bool eager = false) {
  TimerOptions options = hourly(eager);
  options.align_to_epoch = true;
  return options;
}

/// The wall clock shows `wall` (since the epoch) at at(0s).
ScheduleExtras aligned(std::chrono::nanoseconds wall, std::chrono::nanoseconds offset = 0s) {
  ScheduleExtras extras{{.align_to_epoch = true, .offset = offset}};
  extras.grid.wall_offset = wall - at(0s).time_since_epoch();
  return extras;
}

Schedule::Decision run(Schedule& schedule, TimePoint now, bool success = true) {
  const auto decision = schedule.wake(now);
  CHECK(decision.run);
  CHECK(schedule.finished(now, success) == 0);
  return decision;
}

}  // namespace

TEST_CASE("with an initial delay the first point is due after it, and the grid goes on from there") {
  ScheduleExtras extras{{.initial_delay = 250ms}};
  Schedule schedule{every_second(), at(0s), &extras};
  CHECK(schedule.due() == at(250ms));
  run(schedule, at(250ms));
  CHECK(schedule.due() == at(1250ms));
}

TEST_CASE("an initial delay is the first wait of a timer that paces after its runs, and stays as it is") {
  ScheduleExtras extras{{.initial_delay = 10s}};
  auto options = every_second();
  options.pacing = cliffracer::Pacing::after_run;
  Schedule schedule{options, at(0s), &extras};
  CHECK(schedule.set_interval(3s, at(5s), false) == 0);
  CHECK(schedule.due() == at(10s));
  CHECK(schedule.wake(at(10s)).run);
  CHECK(schedule.finished(at(11s), true) == 0);
  CHECK(schedule.due() == at(14s));
}

TEST_CASE("an initial delay of zero is due at start") {
  ScheduleExtras extras{{.initial_delay = 0s}};
  CHECK(Schedule{every_second(), at(0s), &extras}.due() == at(0s));
}

TEST_CASE("jitter delays each run by less than itself and never adds up in the grid") {
  ScheduleExtras extras{{.jitter = 900ms}, 7};
  Schedule schedule{every_second(), at(0s), &extras};
  std::vector<std::chrono::nanoseconds> delays;
  for (int k = 1; k <= 1000; ++k) {
    const auto delay = schedule.due() - at(std::chrono::seconds{k});
    REQUIRE(delay >= 0ns);
    REQUIRE(delay < 900ms);
    delays.push_back(delay);
    const auto decision = run(schedule, schedule.due() + 1ms);
    CHECK(decision.lateness == 1ms);
    CHECK(decision.skipped == 0);
  }
  // Uniform: each tenth gets its share.
  std::sort(delays.begin(), delays.end());
  for (int tenth = 1; tenth < 10; ++tenth) {
    const auto value = delays[static_cast<std::size_t>(tenth) * 100];
    CHECK(value > 90ms * tenth - 60ms);
    CHECK(value < 90ms * tenth + 60ms);
  }
}

TEST_CASE("one seed gives one jitter, another seed another") {
  const auto first_delays = [](std::uint64_t seed) {
    ScheduleExtras extras{{.jitter = 1ms}, seed};
    Schedule schedule{every_second(), at(0s), &extras};
    std::vector<TimePoint> due;
    for (int k = 0; k < 5; ++k) {
      due.push_back(schedule.due());
      run(schedule, schedule.due());
    }
    return due;
  };
  CHECK(first_delays(1) == first_delays(1));
  CHECK(first_delays(1) != first_delays(2));
}

TEST_CASE("the grid stays where it was after a drift, jitter or not") {
  ScheduleExtras extras{{.jitter = 900ms}, 3};
  Schedule schedule{every_second(), at(0s), &extras};
  const auto jitter = schedule.due() - at(1s);
  const auto decision = schedule.wake(schedule.due() + 10300ms);
  CHECK(decision.drifted);
  CHECK(decision.lateness == 10300ms);
  CHECK(decision.skipped == 10);
  CHECK(schedule.finished(at(11300ms) + jitter, true) == 0);
  schedule.trigger(at(12s), false);
  CHECK(schedule.due() == at(12s));
  CHECK_FALSE(schedule.is_off_grid());
}

TEST_CASE("a retry has no jitter") {
  ScheduleExtras extras{{.jitter = 900ms}, 3};
  Schedule schedule{every_second(), at(0s), &extras};
  const auto due = schedule.due();
  run(schedule, due, false);
  CHECK(schedule.due() == due + 300ms);
}

TEST_CASE(
    "the backoff doubles with each failure in a row up to its maximum, and starts again after success") {
  ScheduleExtras extras{{.max_error_backoff = 1s}};
  Schedule schedule{hourly(true), at(0s), &extras};
  std::vector<std::chrono::nanoseconds> waits;
  TimePoint now = at(0s);
  for (int n = 0; n < 5; ++n) {
    run(schedule, now, false);
    waits.push_back(schedule.due() - now);
    now = schedule.due();
  }
  CHECK(waits == std::vector<std::chrono::nanoseconds>{300ms, 600ms, 1s, 1s, 1s});
  run(schedule, now, true);
  now = schedule.due();
  run(schedule, now, false);
  CHECK(schedule.due() - now == 300ms);
}

TEST_CASE("with a maximum of zero the backoff stays as it is") {
  ScheduleExtras extras{{.max_error_backoff = 0s}};
  Schedule schedule{hourly(true), at(0s), &extras};
  for (TimePoint now = at(0s); now < at(2s); now += 300ms) {
    run(schedule, now, false);
    CHECK(schedule.due() == now + 300ms);
  }
  CHECK(schedule.max_error_backoff(1h) == 0s);
}

TEST_CASE("a doubled backoff does not wrap around") {
  ScheduleExtras extras{{.max_error_backoff = std::chrono::nanoseconds::max()}};
  auto options = hourly(true);
  options.error_backoff = 1h;
  Schedule schedule{options, at(0s), &extras};
  TimePoint now = at(0s);
  for (int n = 0; n < 100 && schedule.due() != cliffracer::detail::never; ++n) {
    const TimePoint due = schedule.due();
    CHECK(due >= now);
    now = due;
    if (!schedule.wake(now).run) break;
    CHECK(schedule.finished(now, false) == 0);
  }
  CHECK(schedule.backoff() <= std::chrono::nanoseconds::max());
  CHECK(schedule.backoff() > 0ns);
}

TEST_CASE("a schedule gives up after as many failures in a row as it may have") {
  ScheduleExtras extras{{.max_consecutive_errors = 2}};
  Schedule schedule{every_second(true), at(0s), &extras};
  run(schedule, schedule.due(), false);
  CHECK_FALSE(schedule.gives_up());
  run(schedule, schedule.due(), true);
  run(schedule, schedule.due(), false);
  CHECK_FALSE(schedule.gives_up());
  run(schedule, schedule.due(), false);
  CHECK(schedule.gives_up());
  CHECK(schedule.pass_over(at(10s)) == 9);
  CHECK(schedule.gives_up());
  schedule.forget_failures();
  CHECK_FALSE(schedule.gives_up());
  CHECK(schedule.attempt() == 1);
}

TEST_CASE("an aligned timer is due when the wall clock shows a multiple of its interval") {
  auto extras = aligned(10h + 25min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  CHECK(schedule.due() == at(35min));
  run(schedule, at(35min));
  CHECK(schedule.due() == at(95min));
}

TEST_CASE("an aligned timer that starts on a point waits for the next one, also before the epoch") {
  auto extras = aligned(-3h);
  CHECK(Schedule{on_the_hour(), at(0s), &extras}.due() == at(1h));
  auto later = aligned(-3h - 10min);
  CHECK(Schedule{on_the_hour(), at(0s), &later}.due() == at(10min));
}

TEST_CASE("an offset moves an aligned grid: daily at half past two") {
  auto options = on_the_hour();
  options.interval = 24h;
  auto extras = aligned(10h, 2h + 30min);
  Schedule schedule{options, at(0s), &extras};
  CHECK(schedule.due() == at(16h + 30min));
  run(schedule, at(16h + 30min));
  CHECK(schedule.due() == at(40h + 30min));
  // It is 03:00, and again 02:00: the point of half past two was run.
  CHECK(schedule.follow_clock(extras.grid.wall_offset - 1h, at(17h), false) == 0);
  CHECK(schedule.due() == at(41h + 30min));
  // Before the epoch, too.
  auto earlier = aligned(-10h, 2h + 30min);
  CHECK(Schedule{options, at(0s), &earlier}.due() == at(12h + 30min));
}

TEST_CASE("an eager aligned timer runs at start and then on the wall clock's grid") {
  auto extras = aligned(10h + 25min);
  Schedule schedule{on_the_hour(true), at(0s), &extras};
  CHECK(schedule.due() == at(0s));
  const auto decision = run(schedule, at(0s));
  CHECK(decision.attempt == 1);
  CHECK(schedule.due() == at(35min));
}

TEST_CASE("the initial delay of an aligned timer passes over the points within it") {
  ScheduleExtras extras{{.initial_delay = 40min, .align_to_epoch = true}};
  extras.grid.wall_offset = 10h + 25min - at(0s).time_since_epoch();
  CHECK(Schedule{on_the_hour(), at(0s), &extras}.due() == at(95min));
}

TEST_CASE("an aligned timer that has drifted stays on the wall clock's grid") {
  auto extras = aligned(10h + 25min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  const auto decision = schedule.wake(at(35min) + 20s);
  CHECK(decision.drifted);
  CHECK(schedule.finished(at(35min) + 20s, true) == 0);
  CHECK(schedule.due() == at(95min));
}

TEST_CASE("an aligned grid follows the wall clock forward and backward") {
  auto extras = aligned(10h + 25min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  // Set forward by 20 minutes: it shows 10:50 after five minutes.
  CHECK(schedule.follow_clock(extras.grid.wall_offset + 20min, at(5min), false) == 0);
  CHECK(schedule.due() == at(15min));
  // Set back by 30 minutes: 10:20.
  CHECK(schedule.follow_clock(extras.grid.wall_offset - 30min, at(5min), false) == 0);
  CHECK(schedule.due() == at(45min));
}

TEST_CASE("a point that was run is not run again when the clock shows it once more") {
  auto extras = aligned(10h + 59min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  run(schedule, at(1min));
  // It is 11:05, and again 10:55.
  CHECK(schedule.follow_clock(extras.grid.wall_offset - 10min, at(6min), false) == 0);
  CHECK(schedule.due() == at(71min));
  // Set back by hours the clock shows other points, and they count.
  CHECK(schedule.follow_clock(extras.grid.wall_offset - 5h, at(6min), false) == 0);
  CHECK(schedule.due() == at(11min));
}

TEST_CASE("points that the wall clock is set over are skipped") {
  auto extras = aligned(10h + 25min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  SECTION("while it waits") {
    // 10:30 becomes 13:10.
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 2h + 40min, at(5min), false) == 3);
    CHECK(schedule.due() == at(55min));
  }
  SECTION("during a run") {
    CHECK(schedule.wake(at(35min)).run);
    // 11:05 becomes 12:20.
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 75min, at(40min), true) == 1);
    CHECK(schedule.finished(at(45min), true) == 0);
    CHECK(schedule.due() == at(80min));
  }
  SECTION("when a point has come, and waits to be run") {
    // 11:00:02 becomes 13:10.
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 2h + 10min - 2s, at(35min) + 2s, false) == 0);
    const auto decision = schedule.wake(at(35min) + 2s);
    CHECK(decision.run);
    CHECK(decision.skipped == 2);
    CHECK(schedule.finished(at(36min), true) == 0);
    CHECK(schedule.due() == at(85min) + 2s);
  }
  SECTION("when points have come in a pause") {
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 2h + 10min - 2s, at(35min) + 2s, false) == 0);
    CHECK(schedule.pass_over(at(35min) + 2s) == 3);
    CHECK(schedule.due() == at(85min) + 2s);
  }
  SECTION("when points have come during a run, and it skips what it has missed") {
    auto options = on_the_hour();
    options.missed_ticks = MissedTicks::skip;
    options.max_drift = 10h;
    Schedule skips{options, at(0s), &extras};
    CHECK(skips.wake(at(35min)).run);
    // 12:05 becomes 14:20.
    CHECK(skips.follow_clock(extras.grid.wall_offset + 2h + 15min, at(100min), true) == 0);
    CHECK(skips.finished(at(105min), true) == 3);
    CHECK(skips.due() == at(140min));
  }
  SECTION("and given another interval") {
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 2h + 10min - 2s, at(35min) + 2s, false) == 0);
    CHECK(schedule.set_interval(30min, at(35min) + 2s, false) == 2);
    CHECK(schedule.due() == at(35min) + 2s);
    run(schedule, at(35min) + 2s);
    CHECK(schedule.due() == at(55min) + 2s);
  }
}

TEST_CASE("points in the initial delay that the wall clock is set over were not due") {
  ScheduleExtras extras{{.initial_delay = 40min, .align_to_epoch = true}};
  extras.grid.wall_offset = 10h + 25min - at(0s).time_since_epoch();
  Schedule schedule{on_the_hour(), at(0s), &extras};
  CHECK(schedule.follow_clock(extras.grid.wall_offset + 5h, at(10min), false) == 0);
  CHECK(schedule.due() == at(95min));
}

TEST_CASE("a point that waits for its jitter when the clock is set back is run once") {
  ScheduleExtras extras{{.jitter = 50min, .align_to_epoch = true}, 3};
  extras.grid.wall_offset = 10h + 59min - at(0s).time_since_epoch();
  Schedule schedule{on_the_hour(), at(0s), &extras};
  const TimePoint due = schedule.due();
  REQUIRE(due > at(2min));
  // 11:01 becomes 10:06: the run is over when the clock shows 11:00 again.
  CHECK(schedule.follow_clock(extras.grid.wall_offset - 55min, at(2min), false) == 0);
  CHECK(schedule.due() == due);
  run(schedule, due);
  CHECK(schedule.due() >= at(116min));
  CHECK(schedule.due() < at(166min));
}

TEST_CASE("a point that was run before the clock was set back is not run after a pause either") {
  auto extras = aligned(10h + 59min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  run(schedule, at(1min));
  CHECK(schedule.follow_clock(extras.grid.wall_offset - 10min, at(6min), false) == 0);
  CHECK(schedule.pass_over(at(7min)) == 0);
  CHECK(schedule.due() == at(71min));
}

TEST_CASE("a point that is late when the clock is set is still run") {
  auto extras = aligned(10h + 59min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  CHECK(schedule.follow_clock(extras.grid.wall_offset + 10ms, at(1min) + 1s, false) == 0);
  CHECK(schedule.due() == at(1min));
  run(schedule, at(1min) + 1s);
  CHECK(schedule.due() == at(61min) - 10ms);
}

TEST_CASE("a run that is asked for comes at once and leaves the grid where it is") {
  Schedule schedule{every_second(), at(0s)};
  schedule.trigger(at(400ms), false);
  CHECK(schedule.due() == at(400ms));
  const auto decision = run(schedule, at(400ms));
  CHECK(decision.due == at(400ms));
  CHECK(decision.attempt == 1);
  CHECK(schedule.due() == at(1s));
}

TEST_CASE("a run asked for during another one comes after it, and several requests are one") {
  Schedule schedule{every_second(), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  schedule.trigger(at(1100ms), true);
  schedule.trigger(at(1200ms), true);
  CHECK(schedule.finished(at(1300ms), true) == 0);
  CHECK(schedule.due() == at(1300ms));
  run(schedule, at(1300ms));
  CHECK(schedule.due() == at(2s));
}

TEST_CASE("a run that is due anyway is the one that was asked for") {
  Schedule schedule{every_second(), at(0s)};
  schedule.trigger(at(1s), false);
  run(schedule, at(1s));
  CHECK(schedule.due() == at(2s));
  CHECK(schedule.wake(at(2s)).run);
  schedule.trigger(at(2s), true);
  CHECK(schedule.finished(at(3500ms), true) == 0);
  run(schedule, at(3500ms));
  CHECK(schedule.due() == at(4s));
}

TEST_CASE("points that come while an eager run waits for its jitter are passed over") {
  ScheduleExtras extras{{.jitter = 50min, .align_to_epoch = true}, 3};
  extras.grid.wall_offset = 9h + 55min - at(0s).time_since_epoch();
  Schedule schedule{on_the_hour(true), at(0s), &extras};
  const TimePoint due = schedule.due();
  REQUIRE(due > at(5min));
  const auto decision = schedule.wake(due);
  CHECK(decision.run);
  CHECK(decision.skipped == 1);
  CHECK(schedule.finished(due, true) == 0);
  CHECK(schedule.due() >= at(1h + 5min));
}

TEST_CASE("a run that waits for its jitter is the one that was asked for") {
  ScheduleExtras extras{{.jitter = 900ms}, 3};
  Schedule schedule{every_second(), at(0s), &extras};
  REQUIRE(schedule.due() > at(1s + 1ms));
  schedule.trigger(at(1s + 1ms), false);
  CHECK(schedule.due() == at(1s + 1ms));
  CHECK(run(schedule, at(1s + 1ms)).lateness == 0ns);
  CHECK(schedule.due() >= at(2s));
}

TEST_CASE("a retry comes sooner when it is asked for") {
  Schedule schedule{every_second(), at(0s)};
  run(schedule, at(1s), false);
  schedule.trigger(at(1100ms), false);
  CHECK(schedule.due() == at(1100ms));
  CHECK(run(schedule, at(1100ms)).attempt == 2);
  CHECK(schedule.due() == at(2s));
}

TEST_CASE("what is asked for twice in one instant has two due points") {
  Schedule schedule{every_second(), at(0s)};
  schedule.trigger(at(400ms), false);
  run(schedule, at(400ms));
  schedule.trigger(at(400ms), false);
  CHECK(schedule.due() == at(400ms + 1ns));
}

TEST_CASE("another interval begins at the newest start") {
  Schedule schedule{every_second(), at(0s)};
  run(schedule, at(1s));
  CHECK(schedule.set_interval(10s, at(1500ms), false) == 0);
  CHECK(schedule.due() == at(11s));
  CHECK(schedule.set_interval(1s, at(2s), false) == 0);
  CHECK(schedule.due() == at(2s));
}

TEST_CASE("an interval that has passed already is due now, and the grid begins there") {
  Schedule schedule{hourly(), at(0s)};
  CHECK(schedule.set_interval(1min, at(30min), false) == 0);
  CHECK(schedule.due() == at(30min));
  const auto decision = run(schedule, at(30min));
  CHECK_FALSE(decision.drifted);
  CHECK(decision.skipped == 0);
  CHECK(schedule.due() == at(31min));
}

TEST_CASE("points that were due before another interval was set are run or counted") {
  Schedule schedule{every_second(), at(0s)};
  CHECK(schedule.set_interval(10s, at(3500ms), false) == 2);
  CHECK(schedule.due() == at(3500ms));
  run(schedule, at(3500ms));
  CHECK(schedule.due() == at(13500ms));
}

TEST_CASE("another interval leaves a retry where it is") {
  Schedule schedule{every_second(), at(0s)};
  run(schedule, at(1s), false);
  CHECK(schedule.set_interval(10s, at(1100ms), false) == 0);
  CHECK(schedule.due() == at(1300ms));
  run(schedule, at(1300ms));
  CHECK(schedule.due() == at(11s));
}

TEST_CASE("another interval set during a run begins at that run") {
  Schedule schedule{every_second(), at(0s)};
  CHECK(schedule.wake(at(1s)).run);
  CHECK(schedule.set_interval(10s, at(1500ms), true) == 0);
  CHECK(schedule.finished(at(1600ms), true) == 0);
  CHECK(schedule.due() == at(11s));
}

TEST_CASE("another interval during the initial delay leaves the delay as it is") {
  ScheduleExtras extras{{.initial_delay = 10s}};
  Schedule schedule{every_second(), at(0s), &extras};
  CHECK(schedule.set_interval(3s, at(5s), false) == 0);
  CHECK(schedule.due() == at(10s));
  CHECK(schedule.set_interval(1min, at(6s), false) == 0);
  CHECK(schedule.due() == at(10s));
  run(schedule, at(10s));
  CHECK(schedule.due() == at(70s));
}

TEST_CASE("another interval during the initial delay leaves a run that was asked for, and then the delay") {
  ScheduleExtras extras{{.initial_delay = 10s}};
  Schedule schedule{every_second(), at(0s), &extras};
  schedule.trigger(at(4s), false);
  CHECK(schedule.set_interval(3s, at(4s), false) == 0);
  CHECK(schedule.due() == at(4s));
  CHECK(schedule.wake(at(4s)).run);
  CHECK(schedule.set_interval(2s, at(5s), true) == 0);
  CHECK(schedule.finished(at(5s), true) == 0);
  CHECK(schedule.due() == at(10s));
  run(schedule, at(10s));
  CHECK(schedule.due() == at(12s));
}

TEST_CASE("another interval at the end of the initial delay finds its point due") {
  ScheduleExtras extras{{.initial_delay = 10s}};
  Schedule schedule{every_second(), at(0s), &extras};
  CHECK(schedule.set_interval(3s, at(10s), false) == 0);
  CHECK(schedule.due() == at(10s));
  run(schedule, at(10s));
  CHECK(schedule.due() == at(13s));
}

TEST_CASE("an aligned timer keeps its initial delay, whatever happens during it") {
  ScheduleExtras extras{{.initial_delay = 90min, .align_to_epoch = true}};
  // The wall clock shows 0:20 at at(0s): the first point at 1:50 or later is at 2:00.
  extras.grid.wall_offset = 20min - at(0s).time_since_epoch();
  Schedule schedule{on_the_hour(), at(0s), &extras};
  CHECK(schedule.due() == at(100min));
  SECTION("the wall clock is set") {
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 2s, at(1min), false) == 0);
    CHECK(schedule.due() == at(100min - 2s));
    CHECK(schedule.follow_clock(extras.grid.wall_offset + 20min, at(2min), false) == 0);
    CHECK(schedule.due() == at(140min - 2s));
  }
  SECTION("it is paused") {
    CHECK(schedule.pass_over(at(1min)) == 0);
    CHECK(schedule.due() == at(100min));
  }
  SECTION("it is given another interval") {
    CHECK(schedule.set_interval(15min, at(1min), false) == 0);
    CHECK(schedule.due() == at(100min));
    CHECK(schedule.set_interval(10min, at(1min), false) == 0);
    CHECK(schedule.due() == at(90min));
  }
}

TEST_CASE("points that pass while a timer is paused are passed over, and its grid stays") {
  Schedule schedule{every_second(), at(0s)};
  run(schedule, at(1s));
  CHECK(schedule.pass_over(at(4500ms)) == 3);
  CHECK(schedule.due() == at(5s));
}

TEST_CASE("a token is when the newest point is due by the wall clock, in milliseconds since the epoch") {
  struct Row {
    std::chrono::nanoseconds interval;
    std::chrono::nanoseconds offset;
    std::chrono::nanoseconds wall;
    std::uint64_t token;
    std::uint64_t next;
  };
  constexpr std::chrono::nanoseconds day = 24h;
  const std::vector<Row> rows{
      {1s, 0s, 0s, 0, 1'000},
      {1s, 0s, 1s - 1ns, 0, 1'000},
      {1s, 0s, 1s, 1'000, 2'000},
      {1s, 0s, 1'772'359'200s + 1ns, 1'772'359'200'000, 1'772'359'201'000},
      {1h, 20min, 80min - 1ns, 1'200'000, 4'800'000},
      {1h, 20min, 80min, 4'800'000, 8'400'000},
      {day, 2h + 30min, 20'000 * day + 2h, 1'727'922'600'000, 1'728'009'000'000},
      {day, 2h + 30min, 20'000 * day + 3h, 1'728'009'000'000, 1'728'095'400'000},
      // Intervals that are no whole second, or no whole millisecond.
      {1500ms, 0s, 3s - 1ns, 1'500, 3'000},
      {1500ms, 0s, 3s, 3'000, 4'500},
      {1500ms, 250ms, 3249ms, 1'750, 3'250},
      {1ms, 0s, 1'234'567us, 1'234, 1'235},
      {1ms + 1ns, 0s, 3ms + 2ns, 2, 3},
      // Before the epoch, and before the first point behind it.
      {1h, 20min, 20min - 1ns, 0, 1'200'000},
      {1h, 20min, -40min, 0, 1'200'000},
      {1h, 20min, -40min - 1ns, 0, 0},
      {1h, 0s, -1ns, 0, 0},
      {1h, 0s, -20'000 * day, 0, 0},
      // Where the clock's range ends.
      {std::chrono::nanoseconds::max(), 1h, 2h, 3'600'000, 9'223'372'036'854},
  };
  for (const Row& row : rows) {
    CAPTURE(row.interval.count(), row.offset.count(), row.wall.count());
    ScheduleExtras extras = aligned(row.wall, row.offset);
    const Grid grid{{.interval = row.interval, .align_to_epoch = true, .offset = row.offset}, &extras.grid};
    CHECK(grid.token(at(0s)) == row.token);
    CHECK(grid.token_at(row.wall) == row.token);
    CHECK(grid.next_token_at(row.wall) == row.next);
  }
}

TEST_CASE("a token stays until the next point, and no two points share one") {
  const auto interval = GENERATE(as<std::chrono::nanoseconds>{}, 1ms, 1ms + 1ns, 1500us, 1min);
  ScheduleExtras extras = aligned(10h, interval / 3);
  const Grid grid{{.interval = interval, .align_to_epoch = true, .offset = interval / 3}, &extras.grid};
  Schedule schedule{{.interval = interval, .align_to_epoch = true}, at(0s), &extras};
  for (int n = 0; n < 1000; ++n) {
    const TimePoint due = schedule.due();
    const std::uint64_t token = grid.token(due);
    CHECK(grid.token(due - 1ns) < token);
    CHECK(grid.token(due + interval - 1ns) == token);
    run(schedule, due);
  }
}

TEST_CASE("with another interval a later point has a later token, and the same point the same one") {
  ScheduleExtras extras = aligned(10h);
  const Grid by_minute{{.interval = 1min, .align_to_epoch = true}, &extras.grid};
  const Grid by_hour{on_the_hour(), &extras.grid};
  CHECK(by_minute.token(at(1h)) == by_hour.token(at(1h)));
  CHECK(by_minute.token(at(59min)) < by_hour.token(at(1h)));
  CHECK(by_minute.token(at(61min)) > by_hour.token(at(1h)));
}

TEST_CASE("what another replica runs is passed over, retries with it, and failures are not forgotten") {
  ScheduleExtras extras = aligned(0s);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  run(schedule, at(1h), false);
  CHECK(schedule.is_off_grid());
  CHECK(schedule.pass_over(at(1h + 1s)) == 0);
  CHECK(schedule.due() == at(2h));
  CHECK_FALSE(schedule.is_off_grid());
  CHECK(schedule.pass_over(at(2h)) == 1);
  CHECK(schedule.due() == at(3h));
  CHECK(schedule.attempt() == 2);
}

TEST_CASE("a point that was missed is due at once, with its own instant, and the grid stays") {
  auto extras = aligned(30min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  REQUIRE(schedule.catch_up({.due = at(-30min), .older = 2}, at(1s)));
  CHECK(schedule.due() == at(1s));
  CHECK(schedule.window() == 0s);
  const auto decision = run(schedule, at(2s));
  CHECK(decision.is_catch_up);
  CHECK(decision.due == at(-30min));
  CHECK(decision.lateness == 1s);
  CHECK(decision.skipped == 2);
  CHECK_FALSE(decision.drifted);
  CHECK(schedule.due() == at(30min));
  CHECK_FALSE(run(schedule, at(30min)).is_catch_up);
}

TEST_CASE("a missed point is not due beside what is due anyway") {
  auto extras = aligned(30min);
  Schedule schedule{on_the_hour(true), at(0s), &extras};
  CHECK_FALSE(schedule.catch_up({.due = at(-30min)}, at(0s)));
  run(schedule, at(0s), false);
  CHECK_FALSE(schedule.catch_up({.due = at(-30min)}, at(0s)));
  run(schedule, at(300ms));
  CHECK_FALSE(schedule.catch_up({.due = at(-30min)}, at(30min)));
  CHECK(schedule.catch_up({.due = at(-30min)}, at(30min - 1ns)));
}

TEST_CASE("a missed point gives way to the next one, and is counted unless it was") {
  const bool is_counted = GENERATE(false, true);
  auto extras = aligned(30min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  REQUIRE(schedule.catch_up({.due = at(-30min), .older = 2, .is_counted = is_counted}, at(1s)));
  CHECK(schedule.give_way(at(30min - 1ns)) == 0);
  CHECK(schedule.give_way(at(30min)) == (is_counted ? 2 : 3));
  CHECK(schedule.give_way(at(30min)) == 0);
  const auto decision = run(schedule, at(30min));
  CHECK_FALSE(decision.is_catch_up);
  CHECK(decision.due == at(30min));
  CHECK(decision.skipped == 0);
}

TEST_CASE("a missed point waits for the end of an initial delay") {
  TimerOptions options = on_the_hour();
  options.initial_delay = 5min;
  ScheduleExtras extras{options};
  extras.grid.wall_offset = 30min - at(0s).time_since_epoch();
  Schedule schedule{options, at(0s), &extras};
  REQUIRE(schedule.catch_up({.due = at(-30min)}, at(1s)));
  CHECK(schedule.due() == at(5min));
}

TEST_CASE("what passes over a timer's points forgets a missed one, and so does a start") {
  auto extras = aligned(30min);
  Schedule schedule{on_the_hour(), at(0s), &extras};
  REQUIRE(schedule.catch_up({.due = at(-30min), .older = 2}, at(1s)));
  SECTION("it is passed over") {
    CHECK(schedule.pass_over(at(2s)) == 0);
    CHECK(schedule.due() == at(30min));
  }
  SECTION("it starts again") {
    schedule.start(at(10min));
    CHECK(schedule.due() == at(30min));
  }
  CHECK_FALSE(run(schedule, at(30min)).is_catch_up);
}
