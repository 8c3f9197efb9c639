#include <cliffracer/detail/link/event_loop_port.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <new>
#include <utility>

#include "support/catch.hpp"

using namespace cliffracer::detail;

namespace {

InboxMessage event() {
  InboxMessage out;
  out.subscription = 1;
  return out;
}

/// An executor of an event loop that has no memory while `fails` is set.
class Forgetful {
 public:
  Forgetful(asio::io_context& context, const bool& fails) : context_{&context}, fails_{&fails} {}

  template <class Function>
  void execute(Function&& function) const {
    if (*fails_) throw std::bad_alloc{};
    asio::post(*context_, std::forward<Function>(function));
  }
  template <class Property>
  [[nodiscard]] Forgetful require(const Property&) const noexcept {
    return *this;
  }
  [[nodiscard]] Forgetful require(asio::execution::blocking_t::never_t) const noexcept { return *this; }
  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept {
    return *context_;
  }
  [[nodiscard]] static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  friend bool operator==(const Forgetful& left, const Forgetful& right) noexcept {
    return left.context_ == right.context_;
  }

 private:
  asio::io_context* context_;
  const bool* fails_;
};

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

TEST_CASE("an event loop that could not be woken is woken by the next message") {
  asio::io_context io;
  EventLoopPort port{10, 1000};
  bool fails = true;
  int woken = 0;
  bool told = false;
  port.open(
      Forgetful{io, fails}, [&] { ++woken; }, [&] { told = true; });
  CHECK(port.push(event()));
  port.finished();  // nobody is told, and nothing is thrown
  fails = false;
  CHECK(port.push(event()));
  io.run();
  CHECK(woken == 1);
  CHECK_FALSE(told);
  CHECK(port.take(10).first.size() == 2);
}
