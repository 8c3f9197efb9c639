#include "support/catch.hpp"

#include <cliffracer/detail/cluster/owner_watch.hpp>

#include <chrono>

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
  watch.heard({.owner = "a", .tick = 7}, at(0s));
  CHECK(watch.is_executing(at(1s), 10s));
  CHECK(watch.newest_claim() == 7);
  watch.heard({.owner = "a", .tick = 7, .has_ended = true}, at(2s));
  CHECK_FALSE(watch.is_executing(at(2s), 10s));
}

TEST_CASE("a run of which nothing new is heard for the patience is no reason to wait any more") {
  OwnerWatch watch;
  watch.heard({.owner = "a", .tick = 7, .beat = 1}, at(0s));
  watch.heard({.owner = "a", .tick = 7, .beat = 2}, at(6s));
  CHECK(watch.is_executing(at(16s - 1ns), 10s));
  CHECK_FALSE(watch.is_executing(at(16s), 10s));
  // Read again where it is kept, it is as old as before.
  watch.heard({.owner = "a", .tick = 7, .beat = 2}, at(17s));
  CHECK_FALSE(watch.is_executing(at(17s), 10s));
}

TEST_CASE("the end of an older tick does not end a newer one") {
  OwnerWatch watch;
  watch.heard({.owner = "b", .tick = 8}, at(0s));
  watch.heard({.owner = "a", .tick = 7, .has_ended = true}, at(1s));
  CHECK(watch.is_executing(at(2s), 10s));
}

TEST_CASE("the newest claim is the highest tick that was seen") {
  OwnerWatch watch;
  watch.saw(9);
  watch.saw(8);
  CHECK(watch.newest_claim() == 9);
}
