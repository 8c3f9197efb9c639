#include <cliffracer/detail/message/reply.hpp>

#include "support/catch.hpp"

using namespace cliffracer::detail;

TEST_CASE("a reply holds the result or the error, the time and the correlation id") {
  const std::chrono::system_clock::time_point epoch{};
  CHECK(result_reply({{"a", 1}}, "id", epoch) ==
        R"({"correlation_id":"id","result":{"a":1},"timestamp":"1970-01-01T00:00:00.000000Z"})");
  CHECK(result_reply(nullptr, "id", epoch) ==
        R"({"correlation_id":"id","result":null,"timestamp":"1970-01-01T00:00:00.000000Z"})");
  CHECK(error_reply("no \"such\" thing", "id", epoch) ==
        R"({"correlation_id":"id","error":"no \"such\" thing","timestamp":"1970-01-01T00:00:00.000000Z"})");
}

TEST_CASE("bytes that are no UTF-8 are replaced in replies") {
  const std::chrono::system_clock::time_point epoch{};
  CHECK(result_reply("\xff", "id", epoch).find("\xef\xbf\xbd") != std::string::npos);
  CHECK(error_reply("\xff", "\xfe", epoch).find("\xef\xbf\xbd") != std::string::npos);
}
