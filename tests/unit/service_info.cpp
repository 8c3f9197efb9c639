#include "support/catch.hpp"

#include <cliffracer/service_info.hpp>

#include <nlohmann/json.hpp>

TEST_CASE("service info as JSON holds the timers and the state of the broker") {
  cliffracer::ServiceInfo info{.name = "orders", .methods = {"get"}, .broker = {.state = "connected"}};
  info.timers.resize(1);
  const nlohmann::json json = info;
  CHECK(json["name"] == "orders");
  CHECK(json["methods"] == nlohmann::json::array({"get"}));
  CHECK(json["timers"].size() == 1);
  CHECK(json["broker"]["state"] == "connected");
}
