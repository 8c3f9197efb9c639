#include "support/catch.hpp"

#include <cliffracer/detail/timer/duration_histogram.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>

using namespace std::chrono_literals;

namespace {

/// With its range.
class DurationHistogram {
 public:
  void record(std::chrono::nanoseconds duration) { histogram_.record(duration, range_); }
  [[nodiscard]] cliffracer::DurationPercentiles percentiles() const { return histogram_.percentiles(range_); }

 private:
  cliffracer::detail::DurationRange range_;
  cliffracer::detail::DurationHistogram histogram_;
};

}  // namespace

TEST_CASE("an empty histogram says zero") {
  const auto percentiles = DurationHistogram{}.percentiles();
  CHECK(percentiles.p50 == 0ns);
  CHECK(percentiles.p99 == 0ns);
  CHECK(percentiles.max == 0ns);
}

TEST_CASE("a percentile is off by at most 12 percent from 64 ns to 39 h") {
  double worst = 0;
  for (double value = 64; value < 1.4e14; value *= 1.0173) {
    DurationHistogram histogram;
    const auto recorded = static_cast<std::int64_t>(value);
    histogram.record(std::chrono::nanoseconds{recorded});
    // So that minimum and maximum do not help.
    histogram.record(1ns);
    histogram.record(std::chrono::nanoseconds{recorded});
    histogram.record(40h);
    const auto said = static_cast<double>(histogram.percentiles().p50.count());
    worst = std::max(worst, std::abs(said - static_cast<double>(recorded)) / static_cast<double>(recorded));
  }
  CHECK(worst <= 0.125);
  CHECK(worst > 0.1);
}

TEST_CASE("a single value is exact, and no percentile lies outside the values seen") {
  DurationHistogram histogram;
  histogram.record(100ms);
  CHECK(histogram.percentiles().p50 == 100ms);
  CHECK(histogram.percentiles().max == 100ms);
  histogram.record(101ms);
  CHECK(histogram.percentiles().p50 >= 100ms);
  CHECK(histogram.percentiles().p99 <= 101ms);
}

TEST_CASE("percentiles are those of the recorded values") {
  DurationHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::milliseconds{i});
  const auto percentiles = histogram.percentiles();
  const auto close = [](std::chrono::nanoseconds said, std::chrono::nanoseconds real) {
    return std::abs(static_cast<double>((said - real).count())) <= 0.125 * static_cast<double>(real.count());
  };
  CHECK(close(percentiles.p50, 500ms));
  CHECK(close(percentiles.p90, 900ms));
  CHECK(close(percentiles.p99, 990ms));
}

TEST_CASE("one slow run in a hundred does not show in p90 but in the maximum") {
  DurationHistogram histogram;
  for (int i = 0; i < 99; ++i) histogram.record(1ms);
  histogram.record(10s);
  const auto percentiles = histogram.percentiles();
  CHECK(percentiles.p90 < 2ms);
  CHECK(percentiles.p99 < 2ms);
  CHECK(percentiles.max == 10s);
}

TEST_CASE("values outside the buckets count at their ends") {
  DurationHistogram histogram;
  histogram.record(-5ns);
  histogram.record(0ns);
  histogram.record(3ns);
  CHECK(histogram.percentiles().p99 <= 64ns);
  histogram.record(std::chrono::nanoseconds::max());
  CHECK(histogram.percentiles().max == std::chrono::nanoseconds::max());
  CHECK(histogram.percentiles().p99 == std::chrono::nanoseconds::max());
}
