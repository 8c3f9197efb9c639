#include "support/catch.hpp"

#include <cliffracer/testing/detail/drifting_clock.hpp>

#include <chrono>

using namespace std::chrono_literals;
using cliffracer::detail::DriftingClock;
using std::chrono::nanoseconds;

TEST_CASE("a clock shows true time until it is given another rate") {
  DriftingClock clock;
  CHECK(clock.shown_at(5s) == 5s);
  CHECK(clock.truth_at(5s) == 5s);
  clock.set_rate(1.5, 10s);
  CHECK(clock.shown_at(10s) == 10s);
  CHECK(clock.shown_at(12s) == 13s);
  CHECK(clock.truth_at(13s) == 12s);
  clock.set_rate(1, 12s);
  CHECK(clock.shown_at(20s) == 21s);
  CHECK(clock.truth_at(21s) == 20s);
  // Which it has shown before its rate was set.
  CHECK(clock.truth_at(11s) == 12s);
}

TEST_CASE("a small drift adds up") {
  DriftingClock clock;
  clock.set_rate(1.0001, 0s);
  CHECK(clock.shown_at(24h) == 24h + 8640ms);
  clock.set_rate(0.9999, 24h);
  CHECK(clock.shown_at(48h) == 48h);
}

TEST_CASE("a clock never runs backwards, and shows an instant first when it says so") {
  for (const double rate : {0.5, 0.9, 0.999999999, 1.0, 1.000000001, 1.1, 2.0}) {
    DriftingClock clock;
    clock.set_rate(rate, 1s);
    INFO("rate " << rate);
    nanoseconds before = clock.shown_at(3s - 50ns);
    for (nanoseconds truth = 3s - 50ns; truth < 3s + 50ns; truth += 1ns) {
      const nanoseconds shown = clock.shown_at(truth);
      if (shown < before) FAIL("backwards");
      before = shown;
    }
    for (const nanoseconds first :
         {nanoseconds{1s}, nanoseconds{2s}, 3s - 1ns, 3s + 0ns, 3s + 1ns, 1000h + 7ns, 24h * 36500 + 1ns}) {
      for (nanoseconds shown = first; shown < first + 5ns; ++shown) {
        const nanoseconds truth = clock.truth_at(shown);
        if (clock.shown_at(truth) < shown) FAIL("too early at " << shown.count());
        if (truth > 1s && clock.shown_at(truth - 1ns) >= shown) FAIL("too late at " << shown.count());
      }
    }
  }
}

TEST_CASE("what is out of reach is never") {
  DriftingClock clock;
  CHECK(clock.truth_at(DriftingClock::never) == DriftingClock::never);
  clock.set_rate(1.1, 5s);
  CHECK(clock.truth_at(DriftingClock::never) == DriftingClock::never);
  CHECK(clock.truth_at(24h * 36600) == DriftingClock::never);
}
