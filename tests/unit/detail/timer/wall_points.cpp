#include <cliffracer/detail/timer/wall_points.hpp>

#include <chrono>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using cliffracer::detail::Calendar;
using cliffracer::detail::no_point;
using cliffracer::detail::WallPoints;

TEST_CASE("points with an interval lie at its multiples and the offset, also before the epoch") {
  const WallPoints points{nullptr, 20min};
  CHECK(points.after(0s, 1h) == 20min);
  CHECK(points.after(20min, 1h) == 80min);
  CHECK(points.at_or_before(20min, 1h) == 20min);
  CHECK(points.at_or_before(20min - 1ns, 1h) == -40min);
  CHECK(points.after(-40min, 1h) == 20min);
  CHECK(points.between(20min, 3h + 20min, 1h) == 3);
  CHECK(points.between(3h + 20min, 20min, 1h) == 0);
  CHECK(points.after(no_point - 1ns, 1h) == no_point);
}

TEST_CASE("points with a calendar are its own, to the nanosecond") {
  const Calendar calendar{.at = "30 2 * * *", .zone = {}};
  const WallPoints points{&calendar, 0s};
  constexpr auto first = 2h + 30min;
  CHECK(points.after(0s, 24h) == first);
  CHECK(points.after(first - 1ns, 24h) == first);
  CHECK(points.after(first, 24h) == first + 24h);
  CHECK(points.at_or_before(first, 24h) == first);
  CHECK(points.at_or_before(first + 24h - 1ns, 24h) == first);
  CHECK(points.between(first, first + 72h, 24h) == 3);
  CHECK(points.between(first, first, 24h) == 0);
}

TEST_CASE("a calendar has no point before the epoch, and none that nanoseconds cannot hold") {
  const Calendar calendar{.at = "30 2 * * *", .zone = {}};
  const WallPoints points{&calendar, 0s};
  CHECK(points.at_or_before(1h, 24h) == 0s);
  CHECK(points.after(no_point - 1ns, 24h) == no_point);
  CHECK(points.after(no_point, 24h) == no_point);
}
