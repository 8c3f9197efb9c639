#include <cliffracer/detail/service/messaging.hpp>

#include <optional>
#include <string>

#include "support/catch.hpp"

using cliffracer::RpcError;
using cliffracer::detail::result_of;

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
