#include "support/captured_log.hpp"
#include "support/catch.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::listener;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::RpcError;
using cliffracer::timer;
using support::eventually;
using support::NatsClient;
using support::NatsServer;
using support::Running;

namespace {

struct Limit {
  int limit = 5;
};
void from_json(const nlohmann::json& json, Limit& limit) { limit.limit = json.value("limit", 5); }

class Orders : public NatsService {
 public:
  explicit Orders(const std::string& url, std::string name = "orders")
      : NatsService{{.name = std::move(name), .nats_url = url, .version = "2.1.0", .description = "test"}} {
    add(timer<&Orders::heartbeat>{.interval = 20ms, .eager = true}, rpc<&Orders::echo>{},
        rpc<&Orders::count>{}, rpc<&Orders::fails>{}, rpc<&Orders::throws_number>{}, rpc<&Orders::plain>{},
        rpc<&Orders::nothing>{}, rpc<&Orders::publishes>{}, rpc<&Orders::name_of>{.name = "who"},
        listener<&Orders::on_alert>{.subject = "system.alerts.*"},
        listener<&Orders::on_job>{.subject = "jobs.>", .queue_group = "workers"});
  }

  std::mutex mutex;
  std::vector<std::string> alerts;
  std::atomic<int> jobs{0};
  std::atomic<int> nothings{0};

 private:
  asio::awaitable<void> heartbeat() {
    publish_event("orders.heartbeat", {{"beat", ++beats_}});
    co_return;
  }
  asio::awaitable<nlohmann::json> echo(nlohmann::json arguments) { co_return arguments; }
  asio::awaitable<int> count(Limit limit) {
    asio::steady_timer delay{co_await asio::this_coro::executor, 1ms};
    co_await delay.async_wait(asio::use_awaitable);
    co_return limit.limit;
  }
  asio::awaitable<void> fails() {
    throw std::runtime_error{"out of stock\nFORGED"};
    co_return;
  }
  void throws_number() { throw 42; }
  nlohmann::json plain(const nlohmann::json& arguments) const {
    std::this_thread::sleep_for(20ms);
    return {{"got", arguments.size()}};
  }
  void nothing() noexcept { ++nothings; }
  asio::awaitable<void> publishes() {
    asio::steady_timer delay{co_await asio::this_coro::executor, 1ms};
    co_await delay.async_wait(asio::use_awaitable);
    publish_event("orders.published", {{"x", 1}});
  }
  std::string name_of() const { return config().name; }
  asio::awaitable<void> on_alert(std::string_view subject, nlohmann::json data) {
    asio::steady_timer delay{co_await asio::this_coro::executor, 1ms};
    co_await delay.async_wait(asio::use_awaitable);
    const std::lock_guard lock{mutex};
    alerts.push_back(std::string{subject} + " " + data.dump());
  }
  void on_job(std::string_view, const nlohmann::json&) { ++jobs; }

  int beats_ = 0;
};

bool is_connected(const NatsService& service) {
  return service.get_service_info().broker.state == "connected";
}

/// What a foreign client gets for a request.
nlohmann::json ask(NatsClient& client, const std::string& subject, const std::string& payload) {
  const std::string inbox = "_INBOX.test." + std::to_string(std::rand());
  client.subscribe(inbox);
  client.publish(subject, payload, inbox);
  const auto reply = client.next();
  REQUIRE(reply.has_value());
  return nlohmann::json::parse(reply->payload);
}

}  // namespace

TEST_CASE("a second client sees heartbeats and events of a service") {
  NatsServer server;
  NatsClient client{server.port()};
  client.subscribe("orders.heartbeat");
  Orders service{server.url()};
  Running running{service};
  for (int beat = 1; beat <= 3; ++beat) {
    const auto message = client.next();
    REQUIRE(message.has_value());
    CHECK(nlohmann::json::parse(message->payload)["beat"] == beat);
  }
}

TEST_CASE("a second client calls the methods of a service on the original's subjects") {
  NatsServer server;
  Orders service{server.url()};
  Running running{service};
  REQUIRE(eventually([&] { return is_connected(service); }));
  NatsClient client{server.port()};

  auto reply = ask(client, "orders.rpc.echo", R"({"a":1,"correlation_id":"abc"})");
  CHECK(reply["result"] == nlohmann::json{{"a", 1}});
  CHECK(reply["correlation_id"] == "abc");
  CHECK(reply["timestamp"].get<std::string>().substr(0, 2) == "20");
  CHECK_FALSE(reply.contains("error"));

  CHECK(ask(client, "orders.rpc.count", R"({"limit":7})")["result"] == 7);
  CHECK(ask(client, "orders.rpc.count", "")["result"] == 5);
  CHECK(ask(client, "orders.rpc.plain", R"({"a":1,"b":2})")["result"]["got"] == 2);
  CHECK(ask(client, "orders.rpc.nothing", "{}")["result"].is_null());
  CHECK(ask(client, "orders.rpc.who", "{}")["result"] == "orders");

  reply = ask(client, "orders.rpc.fails", "{}");
  CHECK(reply["error"] == "out of stock\nFORGED");
  CHECK_FALSE(reply.contains("result"));
  CHECK_FALSE(reply.contains("traceback"));
  CHECK(ask(client, "orders.rpc.throws_number", "{}")["error"] == "unknown exception");
  CHECK(ask(client, "orders.rpc.absent", "{}")["error"] == "Unknown method: absent");
  CHECK(ask(client, "orders.rpc.count", R"({"limit":"many"})")["error"].get<std::string>().find(
            "bad argument") == 0);
  CHECK(ask(client, "orders.rpc.echo", "{not json")["error"].is_string());
  CHECK(ask(client, "orders.rpc.echo", "[1]")["error"] == "payload is not a JSON object");
  CHECK(ask(client, "orders.rpc.echo",
            R"({"a":)" + std::string(1000, '[') + std::string(1000, ']') + "}")["error"]
            .is_string());
  // After all of this the service goes on.
  CHECK(ask(client, "orders.rpc.who", "{}")["result"] == "orders");

  client.publish("orders.async.nothing", "{}");
  CHECK(eventually([&] { return service.nothings == 2; }));
}

TEST_CASE("what a handler publishes carries the correlation id of its request") {
  NatsServer server;
  Orders service{server.url()};
  Running running{service};
  REQUIRE(eventually([&] { return is_connected(service); }));
  NatsClient client{server.port()};
  client.subscribe("orders.published");
  client.publish_with_header("orders.async.publishes", "correlation_id", "id-7", "{}");
  const auto event = client.next();
  REQUIRE(event.has_value());
  CHECK(event->payload == R"({"x":1})");
  CHECK(event->headers.find("correlation_id: id-7") != std::string::npos);
}

TEST_CASE("listeners get the events of their subjects in order, and a queue group shares them") {
  NatsServer server;
  Orders first{server.url()};
  Orders second{server.url(), "orders2"};
  Running running{first};
  Running other{second};
  REQUIRE(eventually([&] { return is_connected(first) && is_connected(second); }));
  NatsClient client{server.port()};
  for (int i = 0; i < 20; ++i) client.publish("system.alerts.disk", R"({"n":)" + std::to_string(i) + "}");
  client.publish("system.alerts.disk.sda", "{}");
  for (int i = 0; i < 20; ++i) client.publish("jobs.a.b", "{}");
  client.publish("jobs.c", "not json");
  const auto alerts_of = [](Orders& service) {
    const std::lock_guard lock{service.mutex};
    return service.alerts.size();
  };
  CHECK(eventually([&] { return alerts_of(first) == 20 && alerts_of(second) == 20; }));
  CHECK(eventually([&] { return first.jobs + second.jobs == 20; }));
  CHECK(first.alerts.front() == R"(system.alerts.disk {"n":0})");
  CHECK(first.alerts.back() == R"(system.alerts.disk {"n":19})");
}

TEST_CASE("one service calls another") {
  NatsServer server;
  Orders service{server.url()};
  Running running{service};
  REQUIRE(eventually([&] { return is_connected(service); }));

  asio::io_context context;
  NatsService client{context, {.name = "caller", .nats_url = server.url(), .request_timeout = 300ms}};
  const auto play = [&]() -> asio::awaitable<void> {
    co_await client.start();
    nlohmann::json arguments{{"limit", 3}};
    // Not inside CHECK, which g++ would evaluate twice.
    nlohmann::json result = co_await client.call_rpc("orders", "count", std::move(arguments));
    CHECK(result == 3);
    result = co_await client.call_rpc("orders", "who");
    CHECK(result == "orders");
    try {
      co_await client.call_rpc("orders", "fails");
      CHECK(false);
    } catch (const RpcError& error) {
      CHECK(error.reason() == RpcError::Reason::remote);
      CHECK(error.detail() == "out of stock\nFORGED");
    }
    try {
      co_await client.call_rpc("nobody", "home");
      CHECK(false);
    } catch (const RpcError& error) {
      CHECK(error.reason() == RpcError::Reason::no_responders);
    }
    client.call_async("orders", "nothing");
    CHECK_THROWS_AS(client.call_async("orders", "a.b"), std::invalid_argument);
    CHECK_THROWS_AS(client.publish_event("a.*", {{"x", 1}}), std::invalid_argument);
    CHECK_THROWS_AS(client.publish_event("a.b", 5), std::invalid_argument);
    CHECK_THROWS_AS(client.publish_event("a.b", nullptr), std::invalid_argument);
    co_await client.stop();
  };
  asio::co_spawn(context, play(), [](std::exception_ptr thrown) { CHECK_FALSE(thrown); });
  context.run();
  CHECK(eventually([&] { return service.nothings == 1; }));
}

TEST_CASE("a call that nobody answers ends after request_timeout") {
  NatsServer server;
  NatsClient silent{server.port()};
  silent.subscribe("silent.rpc.*");
  asio::io_context context;
  NatsService client{context, {.name = "caller", .nats_url = server.url(), .request_timeout = 100ms}};
  bool timed_out = false;
  const auto play = [&]() -> asio::awaitable<void> {
    co_await client.start();
    try {
      co_await client.call_rpc("silent", "method");
    } catch (const std::system_error& error) {
      timed_out = error.code() == asio::error::timed_out;
    }
    co_await client.stop();
  };
  asio::co_spawn(context, play(), asio::detached);
  context.run();
  CHECK(timed_out);
}

TEST_CASE("publishing before the start and after the stop fails with an error") {
  NatsServer server;
  Orders service{server.url()};
  const auto is_refused = [&] {
    try {
      service.publish_event("a.b", {{"x", 1}});
    } catch (const std::system_error& error) {
      return error.code() == std::errc::not_connected;
    }
    return false;
  };
  CHECK(is_refused());
  {
    Running running{service};
    REQUIRE(eventually([&] { return is_connected(service); }));
    service.publish_event("a.b", {{"x", 1}});
  }
  CHECK(is_refused());
}

TEST_CASE("a service without a broker keeps events up to the bound and then says so") {
  class Publisher : public NatsService {
   public:
    Publisher()
        : NatsService{{.name = "publisher", .nats_url = support::no_broker, .outbox_max_messages = 10}} {}
  } service;
  Running running{service};
  REQUIRE(eventually([&] { return service.get_service_info().is_running; }));
  for (int i = 0; i < 10; ++i) service.publish_event("a.b", {{"i", i}});
  try {
    service.publish_event("a.b", {{"i", 10}});
    FAIL("not refused");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::no_buffer_space);
  }
  const auto broker = service.get_service_info().broker;
  CHECK(broker.outbox_messages == 10);
  CHECK(broker.publish_errors == 1);
}

TEST_CASE("service info tells methods, subjects and the state of the broker, and no secret") {
  const std::string config = "authorization { user: app, password: s3cret }\n";
  NatsServer server{config};
  const std::string url = "nats://app:s3cret@127.0.0.1:" + std::to_string(server.port());
  CapturedLog log;
  // One of that name may be left by an earlier test.
  spdlog::drop("orders");
  spdlog::register_logger(std::make_shared<spdlog::logger>("orders", log.logger()->sinks().front()));
  Orders service{url};
  {
    Running running{service};
    REQUIRE(eventually([&] { return is_connected(service); }));
    const auto info = service.get_service_info();
    CHECK(info.version == "2.1.0");
    CHECK(info.methods == std::vector<std::string>{"echo", "count", "fails", "throws_number", "plain",
                                                   "nothing", "publishes", "who"});
    CHECK(info.subjects ==
          std::vector<std::string>{"orders.rpc.*", "orders.async.*", "system.alerts.*", "jobs.>"});
    CHECK(nlohmann::json(info).dump().find("s3cret") == std::string::npos);
    CHECK(info.broker.url.find("127.0.0.1") != std::string::npos);
  }
  CHECK(log.count("connected") > 0);
  CHECK(log.count("s3cret") == 0);
  spdlog::drop("orders");
}
