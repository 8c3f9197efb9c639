#include "support/catch.hpp"

#include <cliffracer/detail/registration/option_duration.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

using namespace std::chrono_literals;
using cliffracer::detail::OptionDuration;

TEST_CASE("an option takes every chrono duration and holds it in nanoseconds") {
  CHECK(OptionDuration{30s} == 30s);
  CHECK(OptionDuration{5min} == 300s);
  CHECK(OptionDuration{1ns} == 1ns);
  CHECK(OptionDuration{-3h} == -3h);
  CHECK(OptionDuration{std::chrono::duration<double>{0.25}} == 250ms);
  CHECK(OptionDuration{std::chrono::duration<double>{0.3}} == 300ms);
  CHECK(OptionDuration{std::chrono::duration<double>{-0.3}} == -300ms);
  CHECK(OptionDuration{std::chrono::duration<float, std::milli>{1.5F}} == 1500us);
  CHECK(OptionDuration{std::chrono::duration<std::int64_t, std::ratio<1, 60>>{3}} == 50ms);
  CHECK(OptionDuration{std::chrono::duration<std::uint8_t>{200}} == 200s);
}

TEST_CASE("an option remembers that nanoseconds cannot hold what was written") {
  using Hours = std::chrono::duration<std::int64_t, std::ratio<3600>>;
  CHECK_FALSE(OptionDuration{Hours::max()}.is_representable());
  CHECK_FALSE(OptionDuration{Hours::min()}.is_representable());
  CHECK_FALSE(OptionDuration{std::chrono::duration<std::uint64_t>{~std::uint64_t{0}}}.is_representable());
  CHECK_FALSE(OptionDuration{std::chrono::duration<double>{1e300}}.is_representable());
  CHECK_FALSE(OptionDuration{std::chrono::duration<double>{-1e300}}.is_representable());
  CHECK_FALSE(OptionDuration{std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}}
                  .is_representable());
  CHECK_FALSE(OptionDuration{std::chrono::duration<double>{std::numeric_limits<double>::infinity()}}
                  .is_representable());
  CHECK(OptionDuration{std::chrono::nanoseconds::max()}.is_representable());
  CHECK(OptionDuration{std::chrono::nanoseconds::max()} == std::chrono::nanoseconds::max());
}

TEST_CASE("an option that is no duration in nanoseconds equals none") {
  CHECK_FALSE(OptionDuration{std::chrono::hours::max()} == 0ns);
}
