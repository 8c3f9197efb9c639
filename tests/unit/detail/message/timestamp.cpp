#include <cliffracer/detail/message/timestamp.hpp>

#include "support/catch.hpp"

using cliffracer::detail::iso_timestamp;
using std::chrono::system_clock;

TEST_CASE("a timestamp is ISO 8601 in UTC with microseconds") {
  using namespace std::chrono;
  const auto leap_day = sys_days{year{2024} / February / 29};
  CHECK(iso_timestamp(system_clock::time_point{}) == "1970-01-01T00:00:00.000000Z");
  CHECK(iso_timestamp(leap_day + 23h + 59min + 59s + 42us + 999ns) == "2024-02-29T23:59:59.000042Z");
  CHECK(iso_timestamp(sys_days{year{1969} / December / 31} + 1us) == "1969-12-31T00:00:00.000001Z");
}
