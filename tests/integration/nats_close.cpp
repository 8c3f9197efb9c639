#include <chrono>
#include <memory>
#include <string>
#include <system_error>

#include <cliffracer/detail/link/link.hpp>
#include <cliffracer/detail/nats/nats_driver.hpp>
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

// What a loaded machine may add.
constexpr auto slack = 700ms;

}  // namespace

TEST_CASE("closing sends what the outbox holds") {
  NatsServer server;
  NatsClient other{server.port()};
  other.subscribe("out");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  for (int n = 0; n < 1000; ++n) fixture.link->publish("out", std::to_string(n));
  fixture.close(5s);
  for (int n = 0; n < 1000; ++n) {
    const auto seen = other.next();
    REQUIRE(seen);
    CHECK(seen->payload == std::to_string(n));
  }
  const LinkStatus status = fixture.link->status();
  CHECK(status.state == LinkState::closed);
  CHECK(status.published == 1000);
  CHECK(status.unconfirmed == 0);
  CHECK(status.lost == 0);
  CHECK(error_of([&] { fixture.link->publish("out", "{}"); }) == std::errc::not_connected);
}

TEST_CASE("closing ends requests that still wait") {
  NatsServer server;
  NatsClient silent{server.port()};
  silent.subscribe("silent.rpc.*");
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  std::optional<std::exception_ptr> ended;
  asio::co_spawn(fixture.io, fixture.link->request("silent.rpc.ask", "{}", {}, 30s),
                 [&](std::exception_ptr error, const nlohmann::json&) { ended = error; });
  fixture.run_for(50ms);
  fixture.close(1s);
  REQUIRE(fixture.until([&] { return ended.has_value(); }, 1s));
  CHECK(error_of([&] { std::rethrow_exception(*ended); }) == asio::error::operation_aborted);
}

TEST_CASE("a link that was never opened closes, refuses messages and stays closed") {
  LinkFixture fixture{{.name = "x"}};
  CHECK(fixture.link->status().state == LinkState::idle);
  CHECK(error_of([&] { fixture.link->publish("a", "{}"); }) == std::errc::not_connected);
  fixture.close(1s);
  CHECK(fixture.link->status().state == LinkState::closed);
  CHECK_THROWS_AS(fixture.link->open(), std::logic_error);
}

TEST_CASE("a link opens once, and closing twice is closing once") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  CHECK_THROWS_AS(fixture.link->open(), std::logic_error);
  int closed = 0;
  for (int n = 0; n < 2; ++n)
    asio::co_spawn(fixture.io, fixture.link->close(1s),
                   [&](std::exception_ptr error) { closed += error ? 0 : 1; });
  CHECK(fixture.until([&] { return closed == 2; }));
  fixture.close(1s);
  CHECK(fixture.log.count("info: service x: closed the connection to NATS") == 1);
}

TEST_CASE("closing does not wait for a broker that is not there, and counts what is lost") {
  LinkFixture fixture{{.name = "x", .nats_url = "nats://127.0.0.1:" + std::to_string(support::free_port())}};
  fixture.link->open();
  fixture.run_for(100ms);
  for (int n = 0; n < 3; ++n) fixture.link->publish("out", "{}");
  CHECK(fixture.close(10s) < slack);
  CHECK(fixture.link->status().lost == 3);
  CHECK(fixture.link->status().publish_errors == 3);
  CHECK(fixture.log.count("warning: service x: lost 3 messages for NATS: the connection is closed") == 1);
}

TEST_CASE("closing between two attempts does not wait for the next") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url(), .reconnect_time_wait = 60s}};
  REQUIRE(fixture.connect());
  server.kill();
  REQUIRE(fixture.until_state(LinkState::reconnecting));
  CHECK(fixture.close(10s) < slack);
}

TEST_CASE("closing is bounded by its grace when the broker hangs") {
  NatsServer server;
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  server.stop();
  const std::string large(100'000, 'x');
  for (int n = 0; n < 200; ++n) fixture.link->publish("out", large);
  fixture.run_for(50ms);
  CHECK(fixture.close(300ms) < 300ms + slack);
  const LinkStatus status = fixture.link->status();
  CHECK(status.state == LinkState::closed);
  // The broker has confirmed none of them, so each is lost or unconfirmed, once the thread has settled its
  // batch.
  CHECK(status.lost > 0);
  server.cont();
  fixture.run_for(500ms);
}

TEST_CASE("closing is bounded while a connection is being made to a server that says nothing") {
  support::Listener mute;
  LinkFixture fixture{{.name = "x",
                       .nats_url = "nats://127.0.0.1:" + std::to_string(mute.port()),
                       .connect_timeout = 2500ms}};
  fixture.link->open();
  const auto connection = mute.accept(5s);
  REQUIRE(connection);
  fixture.link->publish("out", "{}");
  const auto took = fixture.close(200ms);
  CHECK(took >= 200ms);
  CHECK(took < 200ms + slack);
  CHECK(fixture.link->status().state == LinkState::closed);
  CHECK(fixture.link->status().lost == 1);
  CHECK(
      fixture.log.count("warning: service x: NATS does not let go within the time to stop: left behind, lost "
                        "1 message") == 1);
  // The thread that was left behind ends by itself, when the attempt does.
  CHECK(fixture.until([&] { return fixture.log.count("closed the connection to NATS") == 1; }));
  CHECK(fixture.log.count("cannot connect") == 0);
}

TEST_CASE("no handler is called after closing") {
  NatsServer server;
  NatsClient other{server.port()};
  LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
  const auto messages = fixture.collect("in");
  REQUIRE(fixture.connect());
  REQUIRE(fixture.settled());
  for (int n = 0; n < 1000; ++n) other.publish("in", "{}");
  fixture.close(0s);
  const std::size_t at_the_end = messages->size();
  for (int n = 0; n < 1000; ++n) other.publish("in", "{}");
  fixture.run_for(100ms);
  CHECK(messages->size() == at_the_end);
}

TEST_CASE("a link that is dropped while open goes away with its event loop") {
  NatsServer server;
  NatsClient other{server.port()};
  for (int n = 0; n < 5; ++n) {
    CapturedLog log;
    asio::io_context io;
    cliffracer::detail::SteadyTime time{io};
    auto link = Link::create(cliffracer::detail::Strand{io.get_executor()}, time.queue(),
                             {.name = "x", .nats_url = server.url()}, log.of_service("x"),
                             cliffracer::detail::make_nats_driver);
    link->subscribe("in", "", [](const Inbound&) {});
    link->open();
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (link->status().received == 0 && std::chrono::steady_clock::now() < deadline) {
      other.publish("in", "{}");
      io.run_for(1ms);
      io.restart();
    }
    CHECK(link->status().received > 0);
    for (int k = 0; k < 100; ++k) other.publish("in", "{}");
    link.reset();
  }
}

TEST_CASE("links open and close many times without a trace") {
  NatsServer server;
  for (int n = 0; n < 20; ++n) {
    LinkFixture fixture{{.name = "x", .nats_url = server.url()}};
    const auto messages = fixture.collect("in");
    REQUIRE(fixture.connect());
    fixture.link->publish("in", "{}");
    REQUIRE(fixture.until([&] { return messages->size() == 1; }));
    CHECK(fixture.close(2s) < 2s);
  }
}
