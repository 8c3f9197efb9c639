#include "support/catch.hpp"

#include <cliffracer/detail/cluster/owner_watch.hpp>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using cliffracer::detail::Announcement;
using cliffracer::detail::OwnerWatch;
using cliffracer::detail::TimePoint;

namespace {

constexpr TimePoint at(std::chrono::nanoseconds since) { return TimePoint{1000s + since}; }

}  // namespace

TEST_CASE("nobody runs a timer of which nothing was announced") {
  const OwnerWatch watch;
  CHECK_FALSE(watch.is_executing(at(0s), 10s));
  CHECK(watch.newest_claim() == 0);
}

TEST_CASE("a run goes on until its end is announced") {
  OwnerWatch watch;
  watch.heard({.owner = "a", .token = 7}, at(0s));
  CHECK(watch.is_executing(at(1s), 10s));
  CHECK(watch.newest_claim() == 7);
  watch.heard({.owner = "a", .token = 7, .has_ended = true}, at(2s));
  CHECK_FALSE(watch.is_executing(at(2s), 10s));
}

TEST_CASE("a run of which nothing new is heard for the patience is no reason to wait any more") {
  OwnerWatch watch;
  watch.heard({.owner = "a", .token = 7, .beat = 1}, at(0s));
  watch.heard({.owner = "a", .token = 7, .beat = 2}, at(6s));
  CHECK(watch.is_executing(at(16s - 1ns), 10s));
  CHECK_FALSE(watch.is_executing(at(16s), 10s));
  // Read again where it is kept, it is as old as before.
  watch.heard({.owner = "a", .token = 7, .beat = 2}, at(17s));
  CHECK_FALSE(watch.is_executing(at(17s), 10s));
}

TEST_CASE("the end of an older tick does not end a newer one") {
  OwnerWatch watch;
  watch.heard({.owner = "b", .token = 8}, at(0s));
  watch.heard({.owner = "a", .token = 7, .has_ended = true}, at(1s));
  CHECK(watch.is_executing(at(2s), 10s));
}

TEST_CASE("the newest claim is the latest tick that was seen") {
  OwnerWatch watch;
  watch.saw(9, at(0s));
  watch.saw(8, at(1s));
  CHECK(watch.newest_claim() == 9);
}

TEST_CASE("what was known of ticks far ahead is forgotten, and no less") {
  OwnerWatch watch;
  watch.heard({.owner = "a", .token = 9000}, at(0s));
  CHECK_FALSE(watch.follow_clock(10'000));
  // Another replica's clock may be ahead by less than an interval.
  CHECK_FALSE(watch.follow_clock(9000));
  CHECK(watch.newest_claim() == 9000);
  CHECK_FALSE(watch.has_come_before(9000));
  CHECK(watch.follow_clock(8000));
  CHECK(watch.newest_claim() == 0);
  CHECK_FALSE(watch.is_executing(at(1s), 10s));
  CHECK_FALSE(watch.follow_clock(8000));
  watch.heard({.owner = "b", .token = 7000}, at(2s));
  CHECK(watch.is_executing(at(3s), 10s));
}

TEST_CASE("a tick that comes again after the clock was set back is as old as the steady clock says") {
  constexpr std::uint64_t a_minute = 60'000;
  OwnerWatch watch;
  watch.saw(1000 * a_minute, at(0s));
  CHECK(watch.follow_clock(901 * a_minute));
  CHECK(watch.has_come_before(1000 * a_minute));
  CHECK_FALSE(watch.has_come_before(1000 * a_minute + 1));
  CHECK(watch.age(900 * a_minute, at(5min)) == 105min);
  // It stays so, whatever is seen or forgotten of older ones.
  watch.saw(905 * a_minute, at(5min));
  CHECK(watch.follow_clock(851 * a_minute));
  CHECK(watch.age(850 * a_minute, at(6min)) == 156min);
  CHECK(watch.age(999 * a_minute, at(155min)) == 156min);
}
