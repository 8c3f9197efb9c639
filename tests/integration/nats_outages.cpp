#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include <cliffracer/detail/link/link.hpp>
#include "support/catch.hpp"
#include "support/link_fixture.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/tcp.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;
using cliffracer::ServiceConfig;
using support::error_of;
using support::LinkFixture;
using support::NatsClient;
using support::NatsServer;

namespace {

ServiceConfig impatient(std::string url) {
  return {.name = "x", .nats_url = std::move(url), .connect_timeout = 500ms, .reconnect_time_wait = 50ms};
}

/// Every message that was accepted is somewhere.
void check_balance(const LinkStatus& status, std::uint64_t accepted) {
  CHECK(status.published + status.expired + status.lost + status.outbox_messages == accepted);
  CHECK(status.unconfirmed <= status.published);
}

/// Answers the next PING. False when none comes.
bool answer_ping(const support::Socket& broker) {
  std::string received;
  while (received.find("PING\r\n") == std::string::npos) {
    const auto more = broker.receive(5s);
    if (!more || more->empty()) return false;
    received += *more;
  }
  return broker.send("PONG\r\n");
}

}  // namespace

TEST_CASE("a link opens without a broker and delivers what waited once there is one") {
  NatsServer server;
  server.kill();
  LinkFixture fixture{impatient(server.url())};
  const auto messages = fixture.collect("in");
  fixture.link->open();
  fixture.run_for(200ms);
  LinkStatus status = fixture.link->status();
  CHECK(status.state == LinkState::connecting);
  CHECK(status.server.empty());
  CHECK_FALSE(status.last_error.empty());
  for (int n = 0; n < 10; ++n) fixture.link->publish("in", std::to_string(n));
  CHECK(fixture.link->status().outbox_messages == 10);

  server.restart();
  REQUIRE(fixture.until([&] { return messages->size() == 10; }));
  for (int n = 0; n < 10; ++n) CHECK(messages->at(static_cast<std::size_t>(n)).payload == n);
  status = fixture.link->status();
  CHECK(status.state == LinkState::connected);
  CHECK(status.connects == 1);
  CHECK(status.outbox_messages == 0);
  check_balance(status, 10);
  fixture.close(1s);
  CHECK(fixture.log.count("warning: service x: cannot connect to NATS at " + server.url() +
                          ": No server available for connection") == 1);
  // Once, and without the place in the source of nats.c.
  CHECK(fixture.log.count("No server available for connection: ") == 0);
  CHECK(fixture.log.count(".c:") == 0);
  CHECK(fixture.log.count("info: service x: connected to NATS at " + server.url()) == 1);
  CHECK(fixture.log.count("info: service x: closed the connection to NATS") == 1);
}

TEST_CASE("a broker that is killed and starts again finds its subscriptions and gets what waited") {
  NatsServer server;
  LinkFixture fixture{impatient(server.url())};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  const auto before = fixture.link->status().published;

  server.kill();
  REQUIRE(fixture.until_state(LinkState::reconnecting));
  for (int n = 0; n < 10; ++n) fixture.link->publish("in", std::to_string(n));
  server.restart();
  REQUIRE(fixture.until([&] { return messages->size() == 10; }));
  NatsClient other{server.port()};
  other.publish("in", "\"from another\"");
  REQUIRE(fixture.until([&] { return messages->size() == 11; }));

  const LinkStatus status = fixture.link->status();
  CHECK(status.connects == 2);
  CHECK(status.reconnects == 1);
  check_balance(status, before + 10);
  fixture.close(1s);
  CHECK(fixture.log.count("warning: service x: lost the connection to NATS") == 1);
  CHECK(fixture.log.count("info: service x: reconnected to NATS at " + server.url()) == 1);
}

TEST_CASE("messages published while the broker dies are delivered at most once and all accounted for") {
  constexpr int count = 4000;
  NatsServer server;
  LinkFixture fixture{impatient(server.url())};
  std::vector<int> seen(count);
  fixture.link->subscribe("in", "", [&](const Inbound& message) {
    if (message.payload.is_number()) ++seen.at(message.payload.get<std::size_t>());
  });
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  const auto before = fixture.link->status().published;
  for (int n = 0; n < count; ++n) {
    fixture.link->publish("in", std::to_string(n));
    if (n % 100 == 0) fixture.run_for(1ms);
    if (n == count / 2) server.kill();
  }
  server.restart();
  REQUIRE(fixture.until([&] { return seen.back() == 1; }));
  int missing = 0;
  for (const int times : seen) {
    CHECK(times <= 1);
    missing += times == 0 ? 1 : 0;
  }
  const LinkStatus status = fixture.link->status();
  check_balance(status, before + count);
  CHECK(status.lost == 0);
  // Lost on the way to the broker, or on the way back from it.
  INFO("missing " << missing << ", unconfirmed " << status.unconfirmed);
  CHECK(missing <= count / 2);
}

TEST_CASE("the outbox is bounded while the broker is away") {
  NatsServer server;
  server.kill();
  ServiceConfig config = impatient(server.url());
  config.outbox_max_messages = 5;
  LinkFixture fixture{config};
  const auto messages = fixture.collect("in");
  fixture.link->open();
  for (int n = 0; n < 5; ++n) fixture.link->publish("in", std::to_string(n));
  CHECK(error_of([&] { fixture.link->publish("in", "5"); }) == std::errc::no_buffer_space);
  CHECK(fixture.link->status().publish_errors == 1);
  CHECK(fixture.link->status().lost == 0);
  server.restart();
  REQUIRE(fixture.until([&] { return messages->size() == 5; }));
  check_balance(fixture.link->status(), 5);
}

TEST_CASE("a request whose caller has given up is never sent") {
  NatsServer server;
  server.kill();
  LinkFixture fixture{impatient(server.url())};
  const auto messages = fixture.collect("x.rpc.ask");
  fixture.link->open();
  CHECK(error_of([&] { fixture.request("x.rpc.ask", "{}", 50ms); }) == asio::error::timed_out);
  server.restart();
  REQUIRE(fixture.until_state(LinkState::connected));
  REQUIRE(fixture.settled());
  CHECK(messages->empty());
  CHECK(fixture.link->status().expired == 1);
}

TEST_CASE("a request made while the broker is away is answered when it comes back in time") {
  NatsServer server;
  server.kill();
  LinkFixture fixture{impatient(server.url())};
  auto& link = *fixture.link;
  link.subscribe("x.rpc.ask", "", [&](const Inbound& request) { link.publish(request.reply, "1"); });
  link.open();
  std::optional<nlohmann::json> reply;
  asio::co_spawn(fixture.io, link.request("x.rpc.ask", "{}", {}, 10s),
                 [&](std::exception_ptr error, nlohmann::json value) {
                   if (!error) reply = std::move(value);
                 });
  fixture.run_for(100ms);
  server.restart();
  CHECK(fixture.until([&] { return reply.has_value(); }));
}

TEST_CASE("a broker that hangs costs nothing: what was published arrives when it goes on") {
  NatsServer server;
  LinkFixture fixture{impatient(server.url())};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  server.stop();
  auto longest = 0ns;
  for (int n = 0; n < 1000; ++n) {
    const auto start = std::chrono::steady_clock::now();
    fixture.link->publish("in", std::to_string(n));
    longest = std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - start);
    if (n % 100 == 0) fixture.run_for(100ms);
  }
  CHECK(longest < 500ms);
  CHECK(fixture.link->status().outbox_messages > 0);
  server.cont();
  REQUIRE(fixture.until([&] { return messages->size() == 1000; }));
  CHECK(fixture.link->status().unconfirmed == 0);
  CHECK(fixture.link->status().connects == 1);
}

TEST_CASE("a broker that hangs for long is given up, and found again") {
  NatsServer server;
  LinkFixture fixture{impatient(server.url())};
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  server.stop();
  fixture.link->publish("in", "{}");
  // Pings go unanswered.
  REQUIRE(fixture.until_state(LinkState::reconnecting));
  CHECK(fixture.link->status().unconfirmed == 1);
  server.cont();
  REQUIRE(fixture.until_state(LinkState::connected));
  CHECK(fixture.settled());
}

TEST_CASE("attempts that are used up end the link, and say so to every caller") {
  NatsServer server;
  server.kill();
  ServiceConfig config = impatient(server.url());
  config.max_reconnect_attempts = 2;
  LinkFixture fixture{config};
  fixture.link->open();
  fixture.link->publish("in", "{}");
  std::optional<std::exception_ptr> ended;
  asio::co_spawn(fixture.io, fixture.link->request("a.rpc.b", "{}", {}, 30s),
                 [&](std::exception_ptr error, const nlohmann::json&) { ended = error; });
  REQUIRE(fixture.until([&] { return ended.has_value(); }));
  CHECK(error_of([&] { std::rethrow_exception(*ended); }) == asio::error::operation_aborted);
  CHECK(fixture.link->status().state == LinkState::closed);
  CHECK(error_of([&] { fixture.link->publish("in", "{}"); }) == std::errc::not_connected);
  fixture.close(1s);
  check_balance(fixture.link->status(), 2);
  CHECK(fixture.log.count("error: service x: gives up on NATS after 3 failed attempts in a row") == 1);
  CHECK(fixture.log.count("warning: service x: lost 2 messages for NATS: the connection is closed") == 1);
}

TEST_CASE("the second address is used when the first does not answer") {
  NatsServer server;
  ServiceConfig config =
      impatient("nats://127.0.0.1:" + std::to_string(support::free_port()) + "," + server.url());
  LinkFixture fixture{config};
  REQUIRE(fixture.connect());
  CHECK(fixture.link->status().server == server.url());
}

TEST_CASE("a cluster's other server is found when the first is gone") {
  const std::string route_port = std::to_string(support::free_port());
  NatsServer first{"cluster { name: c, listen: \"127.0.0.1:" + route_port + "\" }"};
  NatsServer second{"cluster { name: c, listen: \"127.0.0.1:" + std::to_string(support::free_port()) +
                    "\", routes: [\"nats://127.0.0.1:" + route_port + "\"] }"};
  LinkFixture fixture{impatient(first.url())};
  REQUIRE(fixture.connect());
  // Wait until the two have met.
  NatsClient at_first{first.port()};
  NatsClient at_second{second.port()};
  at_second.subscribe("met");
  REQUIRE(fixture.until([&] {
    at_first.publish("met", "{}");
    return at_second.next(50ms).has_value();
  }));
  fixture.run_for(200ms);
  first.kill();
  REQUIRE(fixture.until([&] { return fixture.link->status().server == second.url(); }));
  CHECK(fixture.settled());
}

TEST_CASE("a broker that sends nonsense instead of a greeting is retried") {
  support::Listener nonsense;
  LinkFixture fixture{impatient("nats://127.0.0.1:" + std::to_string(nonsense.port()))};
  fixture.link->open();
  for (int n = 0; n < 3; ++n) {
    const auto connection = nonsense.accept(5s);
    REQUIRE(connection);
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  }
  CHECK(fixture.link->status().state == LinkState::connecting);
  CHECK(fixture.close(5s) < 2s);
}

TEST_CASE("a message is unconfirmed when the broker cannot be asked whether it has it") {
  const support::Listener listener;
  LinkFixture fixture{impatient("nats://127.0.0.1:" + std::to_string(listener.port()))};
  fixture.link->open();
  const auto broker = listener.accept(5s);
  REQUIRE(broker);
  REQUIRE(broker.send(R"(INFO {"server_id":"x","version":"2.9.0","max_payload":1048576,"headers":true})"
                      "\r\n"));
  // At the handshake, and after it has subscribed.
  REQUIRE(answer_ping(broker));
  REQUIRE(fixture.until_state(LinkState::connected));
  REQUIRE(answer_ping(broker));
  fixture.run_for(100ms);
  REQUIRE(support::shut_sending_to(listener.port()));
  fixture.link->publish("in", "{}");
  REQUIRE(fixture.until_state(LinkState::reconnecting));
  CHECK(fixture.link->status().unconfirmed == 1);
  check_balance(fixture.link->status(), 1);
}
