#include "support/catch.hpp"

#include <cliffracer/detail/cluster/bucket.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::ClusterConfig;
using cliffracer::detail::Bucket;
using Json = nlohmann::json;

TEST_CASE("a bucket's names are those of NATS's key-value stores") {
  const Bucket bucket{{.bucket = "ticks"}, 3s};
  CHECK(bucket.info_subject() == "$JS.API.STREAM.INFO.KV_ticks");
  CHECK(bucket.create_subject() == "$JS.API.STREAM.CREATE.KV_ticks");
  CHECK(bucket.get_subject() == "$JS.API.STREAM.MSG.GET.KV_ticks");
  CHECK(bucket.subject_of("orders", "purge", "12") == "$KV.ticks.orders.purge.12");
  CHECK(Bucket::get_request("$KV.ticks.a")["last_by_subj"] == "$KV.ticks.a");
}

TEST_CASE("claims are kept for a day and three intervals, or as long as the config says") {
  const auto max_age = [](std::chrono::nanoseconds keep, std::chrono::nanoseconds longest_interval) {
    return Bucket{{.keep = keep}, 3 * longest_interval}.create_request()["max_age"].get<std::int64_t>();
  };
  CHECK(max_age(0s, 5min) == std::chrono::nanoseconds{24h + 15min}.count());
  CHECK(max_age(0s, 24h) == std::chrono::nanoseconds{96h}.count());
  CHECK(max_age(1h, 5min) == std::chrono::nanoseconds{1h}.count());
}

TEST_CASE("how long a bucket keeps claims is in its settings") {
  CHECK(Bucket::kept_with({{"max_age", 5}}) == 5ns);
  CHECK(Bucket::kept_with(Json::object()) == 0ns);
}

TEST_CASE("a bucket with the settings it is created with fits") {
  const Bucket bucket{{.replicas = 3}, 15min};
  const Json settings = bucket.create_request();
  CHECK(settings["storage"] == "file");
  CHECK(settings["num_replicas"] == 3);
  CHECK(bucket.problem_of(settings).empty());
}

TEST_CASE("each setting that would lose claims has its message") {
  struct Row {
    std::function<void(Json&)> change;
    std::string problem;
  };
  const Bucket bucket{{.replicas = 3}, 30h};
  const std::vector<Row> rows{
      {[](Json& s) { s = nullptr; }, "its settings are not told"},
      {[](Json& s) { s["subjects"] = {"orders.>"}; }, "it is a stream, and no key-value bucket"},
      {[](Json& s) { s["storage"] = "memory"; },
       "it is kept in memory: a restart of the server would forget who has claimed what"},
      {[](Json& s) { s["persist_mode"] = "async"; },
       "it acknowledges claims before they are written: a failure of the server would forget who has claimed "
       "what; persist_mode must be default"},
      {[](Json& s) { s["num_replicas"] = 1; },
       "it has 1 of the 3 replicas that ServiceConfig::cluster wants"},
      {[](Json& s) { s.erase("num_replicas"); },
       "it has 1 of the 3 replicas that ServiceConfig::cluster wants"},
      {[](Json& s) { s["max_age"] = std::chrono::nanoseconds{30h - 1s}.count(); },
       "it keeps claims for 107999.000 s, and 108000.000 s are needed"},
      {[](Json& s) { s["max_age"] = std::chrono::nanoseconds{30h}.count(); }, ""},
      {[](Json& s) { s["max_age"] = 0; }, ""},
      {[](Json& s) { s["max_msgs"] = 100, s["discard"] = "old"; }, "it forgets old claims when it is full"},
      {[](Json& s) { s["max_msgs"] = 100; }, ""},
      {[](Json& s) { s["max_msg_size"] = 100; }, "it takes values of 100 bytes at most, and 1024 are needed"},
      {[](Json& s) { s["num_replicas"] = 5; }, ""},
  };
  for (const Row& row : rows) {
    Json settings = bucket.create_request();
    row.change(settings);
    CHECK(bucket.problem_of(settings) == row.problem);
  }
}
