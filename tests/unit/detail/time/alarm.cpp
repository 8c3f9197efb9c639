#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/time/alarm.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>

using namespace std::chrono_literals;
using cliffracer::detail::Alarm;
using cliffracer::detail::never;
using cliffracer::detail::sleep_until;
using cliffracer::detail::TimePoint;

namespace {

struct Fixture {
  asio::io_context context{1};
  support::VirtualTime time{context};
  cliffracer::detail::Strand strand{context.get_executor()};
  std::optional<Alarm> alarm{std::in_place, time.queue(), strand};
  asio::cancellation_signal cancel;
  int ended = 0;
  std::exception_ptr thrown;

  asio::awaitable<void> waiting(TimePoint due) {
    co_await alarm->wait_until(due);
    ++ended;
  }
  asio::awaitable<void> sleeping(TimePoint due) {
    co_await sleep_until(time.queue(), strand, due);
    ++ended;
  }
  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(strand, std::move(task),
                   asio::bind_cancellation_slot(
                       cancel.slot(), [this](std::exception_ptr error) { thrown = std::move(error); }));
    time.settle();
  }
};

}  // namespace

TEST_CASE("an alarm wakes at its instant") {
  Fixture f;
  f.spawn(f.waiting(f.time.now() + 10s));
  f.time.advance(9s);
  CHECK(f.ended == 0);
  f.time.advance(1s);
  CHECK(f.ended == 1);
}

TEST_CASE("an alarm that is rung wakes at once, and can be used again") {
  Fixture f;
  f.alarm->ring();
  f.spawn(f.waiting(never));
  CHECK(f.ended == 0);
  f.alarm->ring();
  f.alarm->ring();
  f.time.settle();
  CHECK(f.ended == 1);
  f.spawn(f.waiting(f.time.now() + 1s));
  f.time.advance(1s);
  CHECK(f.ended == 2);
}

TEST_CASE("a cancellation ends the wait, and comes too late after it") {
  Fixture f;
  f.spawn(f.waiting(never));
  f.cancel.emit(asio::cancellation_type::terminal);
  f.time.settle();
  CHECK(f.ended == 1);
  CHECK_FALSE(f.thrown);
  f.cancel.emit(asio::cancellation_type::terminal);
}

TEST_CASE("a sleep that is cancelled says so") {
  Fixture f;
  f.spawn(f.sleeping(f.time.now() + 10s));
  f.time.advance(5s);
  f.cancel.emit(asio::cancellation_type::terminal);
  f.time.settle();
  CHECK(f.ended == 0);
  REQUIRE(f.thrown);
  try {
    std::rethrow_exception(f.thrown);
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
  // Nothing is left that could wake.
  f.time.advance(10s);
}

TEST_CASE("an alarm that dies before its instant leaves nothing behind") {
  Fixture f;
  f.spawn(f.waiting(f.time.now() + 10s));
  f.alarm.reset();
  f.time.advance(20s);
  CHECK(f.ended == 0);
}
