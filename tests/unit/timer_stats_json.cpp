#include "support/catch.hpp"

#include <cliffracer/service_info_json.hpp>
#include <cliffracer/timer_stats_json.hpp>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("statistics as JSON have the original's fields, durations in seconds") {
  cliffracer::TimerStats stats{.name = "purge", .method_name = "purge", .interval = 1500ms, .eager = true};
  stats.execution_count = 4;
  stats.error_count = 1;
  stats.error_rate = 25.0;
  stats.last_execution_time = 250ms;
  stats.average_execution_time = 125ms;
  stats.total_execution_time = 500ms;
  stats.next_execution = std::chrono::system_clock::time_point{1'700'000'000s};
  stats.lateness.p99 = 2ms;
  const nlohmann::json json = stats;
  CHECK(json["method_name"] == "purge");
  CHECK(json["interval"] == 1.5);
  CHECK(json["eager"] == true);
  CHECK(json["is_running"] == false);
  CHECK(json["execution_count"] == 4);
  CHECK(json["error_count"] == 1);
  CHECK(json["error_rate"] == 25.0);
  CHECK(json["last_execution_time"] == 0.25);
  CHECK(json["average_execution_time"] == 0.125);
  CHECK(json["total_execution_time"] == 0.5);
  CHECK(json["next_execution"] == 1.7e9);
  CHECK(json["lateness"]["p99"] == 0.002);
}

TEST_CASE("a timer without a next due point has null there") {
  const nlohmann::json json = cliffracer::TimerStats{};
  CHECK(json["next_execution"].is_null());
}

TEST_CASE("a service's statistics are a count and a list") {
  cliffracer::ServiceTimerStats stats{.timer_count = 2};
  stats.timers.resize(2);
  const nlohmann::json json = stats;
  CHECK(json["timer_count"] == 2);
  CHECK(json["timers"].size() == 2);
}

TEST_CASE("service info as JSON holds the timers and the state of the broker") {
  cliffracer::ServiceInfo info{.name = "orders", .methods = {"get"}, .broker = {.state = "connected"}};
  info.timers.resize(1);
  const nlohmann::json json = info;
  CHECK(json["name"] == "orders");
  CHECK(json["methods"] == nlohmann::json::array({"get"}));
  CHECK(json["timers"].size() == 1);
  CHECK(json["broker"]["state"] == "connected");
}
