#include <cliffracer/detail/message/reply.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <optional>
#include <string>

using namespace cliffracer::detail;
using cliffracer::RpcError;
using std::chrono::system_clock;

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

TEST_CASE("a timestamp is ISO 8601 in UTC with microseconds") {
  using namespace std::chrono;
  const auto leap_day = sys_days{year{2024} / February / 29};
  CHECK(iso_timestamp(system_clock::time_point{}) == "1970-01-01T00:00:00.000000Z");
  CHECK(iso_timestamp(leap_day + 23h + 59min + 59s + 42us + 999ns) == "2024-02-29T23:59:59.000042Z");
  CHECK(iso_timestamp(sys_days{year{1969} / December / 31} + 1us) == "1969-12-31T00:00:00.000001Z");
}

namespace {

/// The failure that a reply stands for.
std::optional<RpcError> failure_of(const nlohmann::json& reply) {
  try {
    static_cast<void>(result_of(reply, "billing", "charge"));
  } catch (const RpcError& failure) {
    return failure;
  }
  return {};
}

}  // namespace

TEST_CASE("the result of a reply may be anything, null too") {
  CHECK(result_of({{"result", 7}, {"timestamp", "now"}}, "billing", "charge") == 7);
  CHECK(result_of({{"result", nullptr}}, "billing", "charge").is_null());
  CHECK(result_of({{"result", {{"error", "a word like others"}}}}, "billing", "charge").size() == 1);
}

TEST_CASE("an error in a reply is a remote failure, whatever else it has") {
  const auto text = failure_of({{"error", "card declined"}, {"result", 7}});
  REQUIRE(text);
  CHECK(text->reason() == RpcError::Reason::remote);
  CHECK(text->detail() == "card declined");
  const auto object = failure_of({{"error", {{"code", 7}}}});
  REQUIRE(object);
  CHECK(object->reason() == RpcError::Reason::remote);
  CHECK(object->detail() == R"({"code":7})");
}

TEST_CASE("a reply without result and error, or that is no object, is an unusable one") {
  for (const nlohmann::json& reply :
       {nlohmann::json::object(), nlohmann::json::array(), nlohmann::json(7), nlohmann::json(nullptr),
        nlohmann::json("result"), nlohmann::json{{"results", 7}}}) {
    const auto failure = failure_of(reply);
    REQUIRE(failure);
    CHECK(failure->reason() == RpcError::Reason::bad_reply);
    CHECK(std::string{failure->what()} == "billing.charge: unusable reply: neither result nor error");
  }
}
