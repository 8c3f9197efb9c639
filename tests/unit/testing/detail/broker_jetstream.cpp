#include "support/catch.hpp"

#include <cliffracer/testing/detail/broker_jetstream.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using cliffracer::detail::BrokerJetStream;
using cliffracer::detail::BrokerMessage;
using cliffracer::detail::TimePoint;
using nlohmann::json;

namespace {

struct Server : BrokerJetStream {
  explicit Server(std::size_t most_replicas = 1) : BrokerJetStream{most_replicas} {}

  /// What is answered; null: nothing.
  json ask(const std::string& subject, const std::string& payload = {},
           std::optional<std::uint64_t> expected = {}) {
    BrokerMessage message{.subject = subject, .payload = payload};
    message.headers.expected_sequence = expected;
    const auto answer = take(std::make_shared<const BrokerMessage>(std::move(message)), now);
    return answer.text.empty() ? json{} : json::parse(answer.text);
  }
  json create(const json& config) {
    return ask("$JS.API.STREAM.CREATE." + config.value("name", ""), config.dump());
  }
  json info(const std::string& name) { return ask("$JS.API.STREAM.INFO." + name); }
  json get(const std::string& name, const json& wanted) {
    return ask("$JS.API.STREAM.MSG.GET." + name, wanted.dump());
  }

  void pass(std::chrono::nanoseconds time) {
    now.at += time;
    now.time += std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
  }

  Now now{TimePoint{1h}, std::chrono::sys_days{std::chrono::January / 1 / 2026}};
};

json bucket(const std::string& name) {
  return {{"name", "KV_" + name},      {"subjects", {"$KV." + name + ".>"}},
          {"retention", "limits"},     {"storage", "file"},
          {"max_msgs_per_subject", 1}, {"max_age", 3'000'000'000},
          {"num_replicas", 1},         {"discard", "new"},
          {"deny_delete", true},       {"allow_rollup_hdrs", true},
          {"allow_direct", true},      {"max_msgs", -1},
          {"max_bytes", -1},           {"max_consumers", -1},
          {"max_msg_size", -1},        {"duplicate_window", 3'000'000'000}};
}

json with(json config, const char* field, const json& value) {
  config[field] = value;
  return config;
}

json error(int code, int number, const char* description) {
  return {{"code", code}, {"err_code", number}, {"description", description}};
}

}  // namespace

TEST_CASE("a bucket is made, once or again, and described in nats-server's words") {
  Server server;
  const char* const info_type = "io.nats.jetstream.api.v1.stream_info_response";
  CHECK(server.info("KV_b") == json{{"type", info_type},
                                    {"error", error(404, 10059, "stream not found")},
                                    {"total", 0},
                                    {"offset", 0},
                                    {"limit", 0}});
  json config = bucket("b");
  const json made = server.create(config);
  config["mirror_direct"] = false;
  config["sealed"] = false;
  config["deny_purge"] = false;
  json state = {{"messages", 0},      {"bytes", 0},
                {"first_seq", 0},     {"first_ts", "0001-01-01T00:00:00Z"},
                {"last_seq", 0},      {"last_ts", "0001-01-01T00:00:00Z"},
                {"consumer_count", 0}};
  CHECK(made == json{{"type", "io.nats.jetstream.api.v1.stream_create_response"},
                     {"config", config},
                     {"created", "2026-01-01T00:00:00.000000Z"},
                     {"state", state},
                     {"did_create", true}});
  server.pass(1s);
  CHECK(server.create(bucket("b")) == made);
  CHECK(server.create(with(bucket("b"), "max_age", 7'000'000'000)).at("error") ==
        error(400, 10058, "stream name already in use with a different configuration"));

  CHECK(server.ask("$KV.b.s.t.1", "me") == json{{"stream", "KV_b"}, {"seq", 1}});
  state["messages"] = 1;
  state["bytes"] = 43;
  state["num_subjects"] = 1;
  state["first_seq"] = 1;
  state["last_seq"] = 1;
  state["first_ts"] = "2026-01-01T00:00:01.000000Z";
  state["last_ts"] = "2026-01-01T00:00:01.000000Z";
  const json info = server.info("KV_b");
  CHECK(info.at("type") == info_type);
  CHECK(info.at("config") == config);
  CHECK(info.at("state") == state);
  server.pass(3s);
  CHECK(server.info("KV_b").at("state").at("messages") == 0);
  CHECK(server.info("KV_b").at("state").at("first_seq") == 2);
}

TEST_CASE("what a stream is not told is as nats-server decides it") {
  Server server;
  const json config = server.create({{"name", "KV_d"}, {"subjects", {"$KV.d.>"}}}).at("config");
  CHECK(config.at("max_msgs_per_subject") == -1);
  CHECK(config.at("discard") == "old");
  CHECK(config.at("storage") == "file");
  CHECK(config.at("duplicate_window") == 120'000'000'000);
  CHECK(config.at("num_replicas") == 1);
  const json short_lived = server.create(with(bucket("e"), "duplicate_window", 0));
  CHECK(short_lived.at("config").at("duplicate_window") == 3'000'000'000);
}

TEST_CASE("streams that cannot be are refused") {
  Server server;
  static_cast<void>(server.create(bucket("b")));
  const auto refused = [&](const json& config) { return server.create(config).at("error"); };
  CHECK(refused(with(bucket("b"), "name", "KV_c")) ==
        error(400, 10065, "subjects overlap with an existing stream"));
  CHECK(refused(with(bucket("c"), "num_replicas", 3)) ==
        error(500, 10074, "replicas > 1 not supported in non-clustered mode"));
  CHECK(refused(with(bucket("c"), "duplicate_window", 9'000'000'000)) ==
        error(500, 10052, "duplicates window can not be larger then max age"));
  CHECK(refused(with(bucket("c"), "max_age", "long")) == error(400, 10025, "invalid JSON"));
  CHECK(server.ask("$JS.API.STREAM.CREATE.KV_c", "{bad").at("error") == error(400, 10025, "invalid JSON"));
  CHECK(server.ask("$JS.API.STREAM.CREATE.KV_c", bucket("x").dump()).at("error") ==
        error(400, 10056, "stream name in subject does not match request"));
  Server three{3};
  CHECK_FALSE(three.create(with(bucket("c"), "num_replicas", 3)).contains("error"));
}

TEST_CASE("a claim is won, lost and read back") {
  Server server;
  static_cast<void>(server.create(bucket("b")));
  CHECK(server.ask("$KV.b.s.t.1", "me", 0) == json{{"stream", "KV_b"}, {"seq", 1}});
  CHECK(server.ask("$KV.b.s.t.1", "you", 0) ==
        json{{"error", error(400, 10071, "wrong last sequence: 1")}, {"stream", "KV_b"}, {"seq", 0}});
  const json found = server.get("KV_b", {{"last_by_subj", "$KV.b.s.t.1"}});
  CHECK(found == json{{"type", "io.nats.jetstream.api.v1.stream_msg_get_response"},
                      {"message",
                       {{"subject", "$KV.b.s.t.1"},
                        {"seq", 1},
                        {"data", "bWU="},
                        {"hdrs", "TkFUUy8xLjANCk5hdHMtRXhwZWN0ZWQtTGFzdC1TdWJqZWN0LVNlcXVlbmNlOiAwDQoNCg=="},
                        {"time", "2026-01-01T00:00:00.000000Z"}}}});
  CHECK(server.get("KV_b", {{"seq", 1}}) == found);
  CHECK(server.ask("$KV.b.s.t.2", "plain") == json{{"stream", "KV_b"}, {"seq", 2}});
  CHECK_FALSE(server.get("KV_b", {{"seq", 2}}).at("message").contains("hdrs"));
  CHECK(server.get("KV_b", {{"last_by_subj", "$KV.b.s.t.*"}}).at("message").at("seq") == 2);
  CHECK(server.get("KV_b", {{"last_by_subj", "$KV.b.s.*.1"}}).at("message").at("seq") == 1);
}

TEST_CASE("reading what is not there says so") {
  Server server;
  static_cast<void>(server.create(bucket("b")));
  CHECK(server.get("KV_b", {{"last_by_subj", "$KV.b.s.t.9"}}).at("error") ==
        error(404, 10037, "no message found"));
  CHECK(server.get("KV_b", {{"seq", 3}}).at("error") == error(404, 10037, "no message found"));
  CHECK(server.get("KV_q", {{"seq", 3}}).at("error") == error(404, 10059, "stream not found"));
  CHECK(server.get("KV_b", json::object()).at("error") == error(400, 10003, "bad request"));
  CHECK(server.get("KV_b", {{"seq", 3}, {"last_by_subj", "a"}}).at("error") ==
        error(400, 10003, "bad request"));
  CHECK(server.get("KV_b", {{"seq", "x"}}).at("error") == error(400, 10025, "invalid JSON"));
  CHECK(server.ask("$JS.API.STREAM.MSG.GET.KV_b", "{bad").at("error") == error(400, 10025, "invalid JSON"));
}

TEST_CASE("JetStream hears its requests and the subjects of its streams, and answers what it knows") {
  Server server;
  CHECK(server.hears("$JS.API.STREAM.NOPE.x"));
  CHECK(server.ask("$JS.API.STREAM.NOPE.x") == json{});
  CHECK(server.ask("$JS.API.STREAM.INFO.a.b") == json{});
  CHECK_FALSE(server.hears("$KV.b.x"));
  static_cast<void>(server.create(bucket("b")));
  CHECK(server.hears("$KV.b.x"));
  CHECK_FALSE(server.hears("other"));
  CHECK(BrokerJetStream::only_reads("$JS.API.STREAM.INFO.x"));
  CHECK(BrokerJetStream::only_reads("$JS.API.STREAM.MSG.GET.x"));
  CHECK_FALSE(BrokerJetStream::only_reads("$JS.API.STREAM.CREATE.x"));
  CHECK_FALSE(BrokerJetStream::only_reads("$KV.b.x"));
}
