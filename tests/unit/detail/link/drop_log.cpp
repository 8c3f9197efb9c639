#include <cliffracer/detail/link/drop_log.hpp>

#include "support/catch.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;

namespace {
const TimePoint start{1h};
}

TEST_CASE("nothing dropped is nothing told") {
  DropLog drops;
  CHECK(drops.told_now(0, start) == 0);
  CHECK(drops.rest() == 0);
}

TEST_CASE("the first drops are told at once, later ones together after a pause") {
  DropLog drops;
  CHECK(drops.told_now(90, start) == 90);
  CHECK(drops.told_now(0, start) == 0);
  CHECK(drops.told_now(5, start + 1s) == 0);
  CHECK(drops.told_now(2, start + DropLog::pause - 1ns) == 0);
  CHECK(drops.told_now(0, start + DropLog::pause) == 7);
  CHECK(drops.told_now(0, start + 2 * DropLog::pause) == 0);
  CHECK(drops.told_now(3, start + 2 * DropLog::pause) == 3);
}

TEST_CASE("what was not told is told at the end") {
  DropLog drops;
  CHECK(drops.told_now(1, start) == 1);
  CHECK(drops.told_now(4, start) == 0);
  CHECK(drops.rest() == 4);
  CHECK(drops.rest() == 0);
}
