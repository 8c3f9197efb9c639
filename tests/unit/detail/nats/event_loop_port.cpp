#include <cliffracer/detail/nats/event_loop_port.hpp>

#include <asio/io_context.hpp>

#include "support/catch.hpp"

using namespace cliffracer::detail;

namespace {

InboxMessage event() {
  InboxMessage out;
  out.subscription = 1;
  return out;
}

}  // namespace

TEST_CASE("a burst of messages wakes the event loop once") {
  asio::io_context io;
  EventLoopPort port{10, 1000};
  int woken = 0;
  port.open(
      io.get_executor(), [&] { ++woken; }, [] {});
  for (int n = 0; n < 3; ++n) CHECK(port.push(event()));
  io.run();
  CHECK(woken == 1);
  const auto [some, more] = port.take(2);
  CHECK(some.size() == 2);
  CHECK(more);
  const auto [rest, none] = port.take(2);
  CHECK(rest.size() == 1);
  CHECK_FALSE(none);
  CHECK(port.push(event()));
  io.restart();
  io.run();
  CHECK(woken == 2);
}

TEST_CASE("a port that is not open takes nothing and posts nothing") {
  asio::io_context io;
  EventLoopPort port{10, 1000};
  CHECK_FALSE(port.push(event()));
  int posted = 0;
  port.open(
      io.get_executor(), [&] { ++posted; }, [&] { ++posted; });
  CHECK(port.push(event()));
  io.run();
  CHECK(posted == 1);
  CHECK(port.close() == 1);
  CHECK_FALSE(port.push(event()));
  port.finished();
  io.restart();
  io.run();
  CHECK(posted == 1);
}

TEST_CASE("a full port drops") {
  asio::io_context io;
  EventLoopPort port{1, 1000};
  port.open(
      io.get_executor(), [] {}, [] {});
  CHECK(port.push(event()));
  CHECK_FALSE(port.push(event()));
}

TEST_CASE("the end is told on the event loop") {
  asio::io_context io;
  EventLoopPort port{1, 1000};
  bool told = false;
  port.open(
      io.get_executor(), [] {}, [&] { told = true; });
  port.finished();
  CHECK_FALSE(told);
  io.run();
  CHECK(told);
}
