#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include <cliffracer/detail/link/link.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include "support/catch.hpp"
#include "support/link_fixture.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;
using cliffracer::RpcError;
using cliffracer::ServiceConfig;
using support::error_of;
using support::LinkFixture;
using support::NatsClient;
using support::NatsServer;

TEST_CASE("an event reaches an independent client, and its events reach a handler") {
  NatsServer server;
  NatsClient other{server.port()};
  other.subscribe("metrics.*");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  const auto messages = fixture.collect("alerts.>");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());

  fixture.link->publish("metrics.collected", R"({"data":1})");
  const auto seen = other.next();
  REQUIRE(seen);
  CHECK(seen->subject == "metrics.collected");
  CHECK(seen->payload == R"({"data":1})");
  CHECK(seen->headers.empty());

  other.publish("alerts.disk.full", R"({"percent":99})");
  REQUIRE(fixture.until([&] { return !messages->empty(); }));
  CHECK(messages->front().subject == "alerts.disk.full");
  CHECK(messages->front().payload.at("percent") == 99);
  CHECK(messages->front().reply.empty());
  CHECK(messages->front().payload_error.empty());

  const LinkStatus status = fixture.link->status();
  CHECK(status.state == LinkState::connected);
  CHECK(status.server == server.url());
  CHECK(status.connects == 1);
  CHECK(status.reconnects == 0);
  CHECK(status.publish_errors == 0);
}

TEST_CASE("correlation ids travel as a header that cannot forge another one") {
  NatsServer server;
  NatsClient other{server.port()};
  other.subscribe("a.b");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  const auto messages = fixture.collect("c.d");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());

  fixture.link->publish("a.b", "{}", "answers.here", {.correlation_id = "id-1\r\nForged: yes"});
  const auto seen = other.next();
  REQUIRE(seen);
  CHECK(seen->reply == "answers.here");
  CHECK(seen->headers.find("correlation_id: id-1Forged: yes\r\n") != std::string::npos);
  CHECK(std::count(seen->headers.begin(), seen->headers.end(), '\n') == 3);

  other.publish_with_header("c.d", "correlation_id", "id-2", "{}", "back.here");
  REQUIRE(fixture.until([&] { return !messages->empty(); }));
  CHECK(messages->front().headers.correlation_id == "id-2");
  CHECK(messages->front().reply == "back.here");
}

TEST_CASE("traces and service errors travel as headers, and what is no traceparent is ignored") {
  NatsServer server;
  NatsClient other{server.port()};
  other.subscribe("a.b");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  const auto messages = fixture.collect("c.d");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());

  const std::string usual = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  MessageHeaders headers;
  headers.trace = parse_traceparent(usual).value();
  headers.service_error = "no\r\nForged: yes";
  headers.service_error_code = 500;
  fixture.link->publish("a.b", "{}", "", headers);
  const auto seen = other.next();
  REQUIRE(seen);
  for (const std::string& line : {"traceparent: " + usual, std::string{"Nats-Service-Error: noForged: yes"},
                                  std::string{"Nats-Service-Error-Code: 500"}})
    CHECK(seen->headers.find("\r\n" + line + "\r\n") != std::string::npos);
  CHECK(seen->headers.size() == wire_bytes(headers) - 2);  // without the end of line that is left out

  other.publish_with_header("c.d", "traceparent", usual, "{}");
  other.publish_with_header("c.d", "traceparent", "00-" + std::string(52, '0'), "{}");
  REQUIRE(fixture.until([&] { return messages->size() == 2; }));
  CHECK(messages->front().headers.trace == headers.trace);
  CHECK(messages->back().headers.empty());
}

TEST_CASE("a reply that is an error by its header alone is a remote error") {
  NatsServer server;
  NatsClient other{server.port()};
  other.subscribe("x.rpc.*");
  LinkFixture fixture{{.name = "y", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  std::thread answering{[&] {
    const auto asked = other.next();
    if (asked) other.publish_with_header(asked->reply, "Nats-Service-Error", "out of stock", "");
  }};
  try {
    fixture.request("x.rpc.take");
    FAIL("no error");
  } catch (const RpcError& error) {
    CHECK(error.reason() == RpcError::Reason::remote);
    CHECK(std::string_view{error.what()}.find("out of stock") != std::string_view::npos);
  }
  answering.join();
}

TEST_CASE("a request gets its reply, and each of many its own") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  auto& link = *fixture.link;
  link.subscribe("x.rpc.*", "x",
                 [&](Inbound request) { link.publish(request.reply, to_text(request.payload)); });
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  CHECK(fixture.request("x.rpc.echo", R"({"n":1})").at("n") == 1);

  int right = 0;
  for (int n = 0; n < 1000; ++n)
    asio::co_spawn(fixture.io, link.request("x.rpc.echo", "{\"n\":" + std::to_string(n) + "}", {}, 5s),
                   [&right, n](std::exception_ptr error, const nlohmann::json& reply) {
                     if (!error && reply.at("n") == n) ++right;
                   });
  CHECK(fixture.until([&] { return right == 1000; }));
}

TEST_CASE("a request that nobody serves fails at once and names service and method") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  const auto start = std::chrono::steady_clock::now();
  try {
    fixture.request("billing.rpc.charge");
    FAIL("no exception");
  } catch (const RpcError& error) {
    CHECK(error.reason() == RpcError::Reason::no_responders);
    CHECK(error.service() == "billing");
    CHECK(error.method() == "charge");
  }
  CHECK(std::chrono::steady_clock::now() - start < 2s);
}

TEST_CASE("a request without a reply times out, and a late reply is ignored") {
  NatsServer server;
  NatsClient silent{server.port()};
  silent.subscribe("silent.rpc.*");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  try {
    fixture.request("silent.rpc.ask", "{}", 100ms);
    FAIL("no exception");
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::timed_out);
    CHECK(std::string{error.what()}.find("silent.rpc.ask: no reply within 0.1 s") == 0);
  }
  const auto seen = silent.next();
  REQUIRE(seen);
  silent.publish(seen->reply, "{}");
  silent.flush();
  // The next one is not answered by the late reply.
  CHECK(error_of([&] { fixture.request("silent.rpc.ask", "{}", 100ms); }) == asio::error::timed_out);
}

TEST_CASE("a reply that is no JSON or nested too deep is an error of its own") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url(), .max_json_depth = 3}};
  auto& link = *fixture.link;
  std::string answer;
  link.subscribe("x.rpc.*", "", [&](const Inbound& request) { link.publish(request.reply, answer); });
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  for (const char* bad : {"nonsense", "[[[[]]]]"}) {
    answer = bad;
    try {
      fixture.request("x.rpc.y");
      FAIL("no exception");
    } catch (const RpcError& error) {
      CHECK(error.reason() == RpcError::Reason::bad_reply);
      CHECK_FALSE(error.detail().empty());
    }
  }
  answer = "[[[]]]";
  CHECK(fixture.request("x.rpc.y").is_array());
}

TEST_CASE("a request is cancelled at once") {
  NatsServer server;
  NatsClient silent{server.port()};
  silent.subscribe("silent.rpc.*");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  asio::cancellation_signal signal;
  std::optional<std::exception_ptr> ended;
  asio::co_spawn(fixture.io, fixture.link->request("silent.rpc.ask", "{}", {}, 30s),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](std::exception_ptr error, const nlohmann::json&) { ended = error; }));
  fixture.run_for(50ms);
  REQUIRE_FALSE(ended);
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE(fixture.until([&] { return ended.has_value(); }, 1s));
  REQUIRE(*ended);
  CHECK(error_of([&] { std::rethrow_exception(*ended); }) == asio::error::operation_aborted);
}

TEST_CASE("replicas with one queue group share messages") {
  NatsServer server;
  NatsClient other{server.port()};
  LinkFixture first{{.name = "x", .nats_url = server.url()}};
  LinkFixture second{{.name = "x", .nats_url = server.url()}};
  const auto at_first = first.collect("work", "x");
  const auto at_second = second.collect("work", "x");
  REQUIRE(first.connect());
  REQUIRE(second.connect());
  REQUIRE(first.settled());
  REQUIRE(second.settled());
  for (int n = 0; n < 200; ++n) other.publish("work", "{}");
  CHECK(first.until([&] {
    second.run_for(5ms);
    return at_first->size() + at_second->size() >= 200;
  }));
  first.run_for(50ms);
  second.run_for(50ms);
  CHECK(at_first->size() + at_second->size() == 200);
  CHECK_FALSE(at_first->empty());
  CHECK_FALSE(at_second->empty());
}

TEST_CASE("malformed, too deep and too long payloads are refused one by one and the link goes on") {
  NatsServer server;
  NatsClient other{server.port()};
  LinkFixture fixture{{.name = "x", .nats_url = server.url(), .max_payload_bytes = 1000}};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  for (const std::string& payload : {std::string{"{broken"}, std::string(999, '['), std::string(1001, ' '),
                                     std::string{"\xff\xfe"}, std::string{}, std::string{R"({"fine":true})"}})
    other.publish("in", payload);
  REQUIRE(fixture.until([&] { return messages->size() == 6; }));
  for (std::size_t n = 0; n < 4; ++n) {
    CHECK_FALSE(messages->at(n).payload_error.empty());
    CHECK(messages->at(n).payload.is_null());
  }
  // Nothing at all is an empty object.
  CHECK(messages->at(4).payload == nlohmann::json::object());
  CHECK(messages->at(5).payload.at("fine") == true);
}

TEST_CASE("a handler that throws costs one message") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  int calls = 0;
  fixture.link->subscribe("in", "", [&](const Inbound&) {
    if (++calls == 1) throw std::runtime_error{"broken\nhandler"};
    if (calls == 2) throw 42;
  });
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  for (int n = 0; n < 3; ++n) fixture.link->publish("in", "{}");
  CHECK(fixture.until([&] { return calls == 3; }));
  fixture.close(1s);
  CHECK(fixture.log.count("error: service x: a message handler failed: broken\\nhandler") == 1);
  CHECK(fixture.log.count("error: service x: a message handler failed") == 2);
}

TEST_CASE("impossible subjects are refused before they reach the broker") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  CHECK_THROWS_AS(fixture.link->publish("a b", "{}"), std::invalid_argument);
  CHECK_THROWS_AS(fixture.link->publish("a\r\nPUB b 0\r\n", "{}"), std::invalid_argument);
  CHECK_THROWS_AS(fixture.link->publish("a", "{}", "b c"), std::invalid_argument);
  CHECK_THROWS_AS(fixture.link->subscribe("a.>.b", "", [](const Inbound&) {}), std::invalid_argument);
  CHECK_THROWS_AS(fixture.link->subscribe("a", "b c", [](const Inbound&) {}), std::invalid_argument);
  CHECK_THROWS_AS(fixture.request("a.*"), std::invalid_argument);
  CHECK(fixture.settled());
}

TEST_CASE("a payload above the broker's limit is refused at once") {
  NatsServer server{"max_payload: 1000"};
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  CHECK(error_of([&] { fixture.link->publish("a", std::string(1001, 'x')); }) == std::errc::message_size);
  CHECK(error_of([&] { fixture.link->publish("a", std::string(1000, 'x')); }) == std::error_code{});
  CHECK(fixture.settled());
  CHECK(fixture.link->status().publish_errors == 1);
}

TEST_CASE("unsubscribing ends events and keeps replies") {
  NatsServer server;
  NatsClient other{server.port()};
  other.subscribe("other.rpc.*");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  fixture.link->unsubscribe_all();
  fixture.run_for(100ms);
  other.publish("in", "{}");
  other.flush();
  std::optional<nlohmann::json> reply;
  asio::co_spawn(fixture.io, fixture.link->request("other.rpc.ask", "{}", {}, 5s),
                 [&](std::exception_ptr error, nlohmann::json value) {
                   if (!error) reply = std::move(value);
                 });
  fixture.run_for(50ms);
  const auto seen = other.next();
  REQUIRE(seen);
  other.publish(seen->reply, R"({"yes":1})");
  CHECK(fixture.until([&] { return reply.has_value(); }));
  CHECK(messages->empty());
}

TEST_CASE("a burst beyond the inbox bound is dropped, counted and told once, never stored") {
  NatsServer server;
  NatsClient other{server.port()};
  LinkFixture fixture{{.name = "x", .nats_url = server.url(), .inbox_max_messages = 10}};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  const auto before = fixture.link->status().received;
  for (int n = 0; n < 100; ++n) other.publish("in", "{}");
  other.flush();
  // The event loop stands still meanwhile.
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (fixture.link->status().received < before + 100 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(1ms);
  CHECK(fixture.link->status().inbox_dropped == 90);
  CHECK(fixture.until([&] { return messages->size() == 10; }));
  CHECK(fixture.log.count("warning: service x: the inbox is full: dropped 90 messages from NATS") == 1);
  CHECK(fixture.settled());
  fixture.close(1s);
  CHECK(fixture.log.count("the inbox is full") == 1);
}

TEST_CASE(
    "messages beyond the inbox bound in bytes are dropped, counted and told, one that is too long too") {
  NatsServer server;
  NatsClient other{server.port()};
  LinkFixture fixture{{.name = "x", .nats_url = server.url(), .inbox_max_bytes = 100}};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  other.publish("in", '"' + std::string(99, 'x') + '"');
  REQUIRE(fixture.until(
      [&] { return fixture.log.count("the inbox is full: dropped 1 message from NATS") == 1; }));
  CHECK(fixture.link->status().inbox_dropped == 1);
  // Those that come soon after wait for the next line, or for the end.
  for (int n = 0; n < 2; ++n) other.publish("in", '"' + std::string(99, 'x') + '"');
  REQUIRE(fixture.until([&] { return fixture.link->status().inbox_dropped == 3; }));
  other.publish("in", "{}");
  REQUIRE(fixture.until([&] { return messages->size() == 1; }));
  CHECK(fixture.log.count("the inbox is full") == 1);
  fixture.close(1s);
  CHECK(fixture.log.count("the inbox is full: dropped 2 messages from NATS") == 1);
}

TEST_CASE("a flood goes through in order") {
  constexpr int count = 50'000;
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  int next = 0;
  bool in_order = true;
  fixture.link->subscribe("in", "", [&](const Inbound& message) {
    in_order = in_order && message.payload == next;
    ++next;
  });
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  for (int n = 0; n < count; ++n) fixture.link->publish("in", std::to_string(n));
  CHECK(fixture.until([&] { return next == count; }));
  CHECK(in_order);
  CHECK(fixture.link->status().inbox_dropped == 0);
}
