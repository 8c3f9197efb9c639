#include <cliffracer/detail/timer/grid.hpp>

#include <chrono>
#include <cstdint>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using cliffracer::Pacing;
using cliffracer::detail::Calendar;
using cliffracer::detail::Grid;
using cliffracer::detail::GridExtras;
using cliffracer::detail::never;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerOptions;

namespace {

constexpr TimePoint anchor{1000h};

/// One that follows a wall clock, which shows `wall` at the anchor.
struct WallGrid {
  WallGrid(const TimerOptions& options, std::chrono::nanoseconds wall)
      : extras{options}, grid{options, &extras} {
    set_clock(wall);
    grid.start(anchor, false);
  }
  void set_clock(std::chrono::nanoseconds wall) { extras.wall_offset = wall - anchor.time_since_epoch(); }

  GridExtras extras;
  Grid grid;
};

/// As it is run at `now`, which lies before the point after the next.
void run(Grid& grid, TimePoint now) {
  CHECK(grid.pass(now) == 1);
  CHECK(grid.run_began(false, now) == 0);
}

constexpr std::uint64_t milliseconds(std::chrono::milliseconds wall) {
  return static_cast<std::uint64_t>(wall.count());
}

}  // namespace

TEST_CASE("a fixed grid has a point at each interval behind its anchor") {
  Grid grid{{.interval = 10s}, nullptr};
  grid.start(anchor, false);
  CHECK(grid.kind() == Grid::Kind::fixed);
  CHECK_FALSE(grid.follows_wall_clock());
  CHECK(grid.next() == anchor + 10s);
  CHECK(grid.pass(anchor + 10s - 1ns) == 0);
  CHECK(grid.pass(anchor + 10s) == 1);
  CHECK(grid.pass(anchor + 45s) == 3);
  CHECK(grid.next() == anchor + 50s);
  grid.pass_one();
  CHECK(grid.next() == anchor + 60s);
  CHECK(grid.run_began(false, anchor + 60s) == 0);
  grid.run_succeeded(anchor + 75s);
  CHECK(grid.next() == anchor + 60s);
}

TEST_CASE("a fixed grid begins at its anchor when it is eager, else after an initial delay") {
  Grid eager{{.interval = 10s}, nullptr};
  eager.start(anchor, true);
  CHECK(eager.next() == anchor);
  const TimerOptions options{.interval = 10s, .initial_delay = 3s};
  GridExtras extras{options};
  Grid delayed{options, &extras};
  delayed.start(anchor, false);
  CHECK(delayed.next() == anchor + 3s);
  delayed.set_interval(1s, anchor, anchor + 1s);
  CHECK(delayed.next() == anchor + 3s);
  delayed.set_interval(1s, anchor, anchor + 3s);
  CHECK(delayed.next() == anchor + 3s);
  delayed.set_interval(20s, anchor + 3s, anchor + 4s);
  CHECK(delayed.next() == anchor + 23s);
}

TEST_CASE("a fixed grid ends where the clock does") {
  Grid grid{{.interval = 292 * 24h * 365}, nullptr};
  grid.start(anchor, false);
  grid.pass_one();
  CHECK(grid.next() == never);
  CHECK(grid.pass(never - 1ns) == 0);
}

TEST_CASE("coming points of a fixed grid are counted from any of them") {
  const Grid grid{{.interval = 10s}, nullptr};
  CHECK(grid.point_after(anchor, 10s, anchor, 0s) == anchor + 10s);
  CHECK(grid.point_after(anchor - 1ns, 10s, anchor, 0s) == anchor);
  CHECK(grid.point_after(anchor + 3s, 7s, anchor + 20s, 0s) == anchor + 6s);
}

TEST_CASE("an aligned grid has its points where the wall clock shows them") {
  WallGrid at{{.interval = 1h, .align_to_epoch = true, .offset = 20min}, 5h};
  CHECK(at.grid.kind() == Grid::Kind::aligned);
  CHECK(at.grid.next() == anchor + 20min);
  CHECK(at.grid.pass(anchor + 2h) == 2);
  CHECK(at.grid.next() == anchor + 2h + 20min);
  CHECK(at.grid.point_after(anchor, 1h, {}, at.extras.wall_offset) == anchor + 20min);
  // A point at the start is passed over, one at the end of a delay is not.
  CHECK(WallGrid{{.interval = 1h, .align_to_epoch = true}, 5h}.grid.next() == anchor + 1h);
  const WallGrid delayed{{.interval = 1h, .initial_delay = 2h, .align_to_epoch = true}, 5h};
  CHECK(delayed.grid.next() == anchor + 2h);
}

TEST_CASE("an aligned grid counts the points that its clock is set over, and runs none twice") {
  WallGrid at{{.interval = 1h, .align_to_epoch = true}, 5h + 30min};
  CHECK(at.grid.next() == anchor + 30min);
  // From 5:30 to 7:45.
  at.set_clock(7h + 45min);
  CHECK(at.grid.follow_clock(anchor) == 2);
  CHECK(at.grid.next() == anchor + 15min);
  run(at.grid, anchor + 15min);
  // It shows 8:00, and is set to 7:50: 8:00 was run.
  at.set_clock(7h + 35min);
  CHECK(at.grid.follow_clock(anchor + 15min) == 0);
  CHECK(at.grid.next() == anchor + 85min);
  // By more than an interval: it is run again.
  at.set_clock(6h + 15min);
  CHECK(at.grid.follow_clock(anchor + 15min) == 0);
  CHECK(at.grid.next() == anchor + 45min);
}

TEST_CASE("a point that has come is not lost to a clock that is set") {
  WallGrid at{{.interval = 1h, .align_to_epoch = true}, 5h + 30min};
  at.set_clock(4h);
  CHECK(at.grid.follow_clock(anchor + 30min) == 0);
  CHECK(at.grid.next() == anchor + 30min);
}

TEST_CASE("a calendar's grid has the calendar's points, at whichever distance") {
  const Calendar calendar{.at = "0 2,3 * * *", .zone = {}};
  WallGrid at{{.calendar = &calendar, .interval = 1h}, 24h};
  CHECK(at.grid.kind() == Grid::Kind::calendar);
  CHECK(at.grid.next() == anchor + 2h);
  at.grid.pass_one();
  CHECK(at.grid.next() == anchor + 3h);
  at.grid.pass_one();
  CHECK(at.grid.next() == anchor + 26h);
  CHECK(at.grid.pass(anchor + 75h) == 6);
  CHECK(at.grid.next() == anchor + 98h);
  CHECK(at.grid.point_after(anchor + 3h, 1h, {}, at.extras.wall_offset) == anchor + 26h);
}

TEST_CASE("a calendar's grid follows the wall clock, and runs no point twice") {
  const Calendar calendar{.at = "0 2,3 * * *", .zone = {}};
  WallGrid at{{.calendar = &calendar, .interval = 1h}, 24h};
  run(at.grid, anchor + 2h);
  at.set_clock(23h + 30min);
  CHECK(at.grid.follow_clock(anchor + 2h) == 0);
  CHECK(at.grid.next() == anchor + 3h + 30min);
  // Over the rest of the day and the next one, and to a point itself.
  at.set_clock(24h + 48h);
  CHECK(at.grid.follow_clock(anchor + 2h) == 4);
  CHECK(at.grid.next() == anchor + 3h);
}

TEST_CASE("a calendar that ends has no next point") {
  const Calendar calendar{.at = "@yearly", .zone = {}};
  constexpr std::chrono::seconds year_2262 =
      std::chrono::sys_days{std::chrono::January / 2 / 2262}.time_since_epoch();
  WallGrid at{{.calendar = &calendar, .interval = 24h}, year_2262};
  CHECK(at.grid.next() == never);
  CHECK(at.grid.pass(anchor + 24h) == 0);
}

TEST_CASE("a token is the due instant of the newest point, in milliseconds") {
  WallGrid at{{.interval = 1h, .align_to_epoch = true, .offset = 20min}, 5h};
  CHECK(at.grid.token(anchor) == milliseconds(4h + 20min));
  CHECK(at.grid.token(anchor + 20min - 1ns) == milliseconds(4h + 20min));
  CHECK(at.grid.token(anchor + 20min) == milliseconds(5h + 20min));
  CHECK(at.grid.token_at(5h + 20min) == milliseconds(5h + 20min));
  CHECK(at.grid.next_token_at(5h + 20min) == milliseconds(6h + 20min));
  // None before the epoch.
  CHECK(at.grid.token_at(10min) == 0);
  // Rounded down.
  const WallGrid odd{{.interval = 1500us, .align_to_epoch = true}, 5h};
  CHECK(odd.grid.token_at(3ms) == 3);
  CHECK(odd.grid.token_at(4600us) == 4);

  const Calendar calendar{.at = "0 2,3 * * *", .zone = {}};
  WallGrid daily{{.calendar = &calendar, .interval = 1h}, 24h};
  CHECK(daily.grid.token(anchor) == milliseconds(3h));
  CHECK(daily.grid.token(anchor + 2h) == milliseconds(26h));
  CHECK(daily.grid.next_token_at(26h) == milliseconds(27h));
}

TEST_CASE("a grid that paces after its runs has a point an interval behind the end of one") {
  Grid grid{{.interval = 10s, .pacing = Pacing::after_run}, nullptr};
  grid.start(anchor, false);
  CHECK(grid.kind() == Grid::Kind::after_run);
  run(grid, anchor + 10s);
  CHECK(grid.next() == never);
  CHECK(grid.pass(anchor + 60s) == 0);
  grid.run_succeeded(anchor + 60s);
  CHECK(grid.next() == anchor + 70s);
  CHECK(grid.point_after(anchor, 10s, anchor, 0s) == never);
  grid.set_interval(3s, anchor, anchor + 62s);
  CHECK(grid.next() == anchor + 63s);
  // One that is passed over begins the interval again.
  CHECK(grid.pass(anchor + 64s) == 1);
  CHECK(grid.next() == anchor + 67s);
  // A run that was asked for stands for the point that has come.
  CHECK(grid.run_began(true, anchor + 66s) == 0);
  grid.run_succeeded(anchor + 66s);
  CHECK(grid.run_began(true, anchor + 69s) == 1);
  // It has failed, and is not tried again.
  grid.expect_no_run(anchor + 80s);
  CHECK(grid.next() == anchor + 83s);
}

TEST_CASE("the newest point is known, and how many lie between two tokens") {
  const WallGrid hours{{.interval = 1h, .align_to_epoch = true, .offset = 5min}, 10h};
  const auto hour = [](std::chrono::hours wall) { return milliseconds(wall + 5min); };
  CHECK(hours.grid.newest_at(10h) == 9h + 5min);
  CHECK(hours.grid.count_between(hour(3h), hour(7h)) == 4);
  CHECK(hours.grid.count_between(hour(7h), hour(7h)) == 0);
  CHECK(hours.grid.count_between(hour(7h), hour(3h)) == 0);
  // Tokens are rounded down.
  const WallGrid odd{{.interval = 1500us, .align_to_epoch = true}, 10h};
  CHECK(odd.grid.count_between(odd.grid.token_at(3ms), odd.grid.token_at(9ms)) == 4);
  const Calendar calendar{.at = "0 9-11 * * *", .zone = {}};
  const WallGrid days{{.calendar = &calendar, .interval = 1h}, 8h};
  CHECK(days.grid.count_between(milliseconds(9h), milliseconds(34h)) == 4);
}
