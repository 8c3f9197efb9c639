#include "support/catch.hpp"

#include <cliffracer/detail/time/time_point.hpp>

#include <chrono>

using namespace std::chrono_literals;
using namespace cliffracer::detail;

TEST_CASE("an instant beyond the clock's range is never") {
  CHECK(later(TimePoint{1s}, 2s) == TimePoint{3s});
  CHECK(later(never, 0s) == never);
  CHECK(later(TimePoint{1s}, std::chrono::nanoseconds::max()) == never);
  CHECK(later(TimePoint{-1s}, std::chrono::nanoseconds::max()) < never);
}

TEST_CASE("a span longer than nanoseconds can hold is the longest") {
  CHECK(elapsed(TimePoint{1s}, TimePoint{3s}) == 2s);
  CHECK(elapsed(TimePoint::min(), TimePoint::max()) == std::chrono::nanoseconds::max());
}
