#include <cliffracer/detail/message/correlation_id.hpp>

#include "support/catch.hpp"

#include <set>

using namespace cliffracer::detail;

TEST_CASE("a made correlation id is a version 4 UUID") {
  CHECK(uuid_text(0, 0) == "00000000-0000-4000-8000-000000000000");
  CHECK(uuid_text(~std::uint64_t{0}, ~std::uint64_t{0}) == "ffffffff-ffff-4fff-bfff-ffffffffffff");
  CHECK(uuid_text(0x0123456789abcdef, 0xfedcba9876543210) == "01234567-89ab-4def-bedc-ba9876543210");
}

TEST_CASE("made correlation ids differ") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(make_correlation_id());
  CHECK(ids.size() == 1000);
}

TEST_CASE("an id from outside travels on unless it is empty, too long or holds a control character") {
  CHECK(is_usable_correlation_id("corr_1"));
  CHECK(is_usable_correlation_id("k\xc3\xb6nig"));
  CHECK(is_usable_correlation_id(std::string(256, 'x')));
  CHECK_FALSE(is_usable_correlation_id(""));
  CHECK_FALSE(is_usable_correlation_id(std::string(257, 'x')));
  CHECK_FALSE(is_usable_correlation_id("a\r\nNats-Header: b"));
  CHECK_FALSE(is_usable_correlation_id("\x7f"));
}
