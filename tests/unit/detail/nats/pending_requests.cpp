#include <cliffracer/detail/nats/pending_requests.hpp>

#include <asio/io_context.hpp>

#include "support/catch.hpp"

using namespace cliffracer::detail;

namespace {

InboxMessage reply_to(std::uint64_t id, int value) {
  InboxMessage out;
  out.request_id = id;
  out.inbound.payload = value;
  return out;
}

const PendingRequests::TimePoint never = PendingRequests::TimePoint::max();

}  // namespace

TEST_CASE("a reply reaches the request with its id and no other") {
  asio::io_context io;
  PendingRequests pending;
  PendingRequests::Waiter first{pending, io.get_executor(), never};
  PendingRequests::Waiter second{pending, io.get_executor(), never};
  CHECK(first.id() != second.id());
  pending.resolve(reply_to(second.id(), 7));
  CHECK_FALSE(first.reply());
  REQUIRE(second.reply());
  CHECK(second.reply()->inbound.payload == 7);
}

TEST_CASE("the first of several replies counts") {
  asio::io_context io;
  PendingRequests pending;
  PendingRequests::Waiter waiter{pending, io.get_executor(), never};
  pending.resolve(reply_to(waiter.id(), 1));
  pending.resolve(reply_to(waiter.id(), 2));
  REQUIRE(waiter.reply());
  CHECK(waiter.reply()->inbound.payload == 1);
}

TEST_CASE("a request that ended is forgotten, marked as abandoned, and a late reply is ignored") {
  asio::io_context io;
  PendingRequests pending;
  std::uint64_t id = 0;
  std::shared_ptr<std::atomic<bool>> abandoned;
  {
    PendingRequests::Waiter waiter{pending, io.get_executor(), never};
    id = waiter.id();
    abandoned = waiter.abandoned();
    CHECK_FALSE(abandoned->load());
    CHECK(pending.size() == 1);
  }
  CHECK(pending.size() == 0);
  CHECK(abandoned->load());
  pending.resolve(reply_to(id, 1));
}

TEST_CASE("closing wakes every request") {
  asio::io_context io;
  PendingRequests pending;
  PendingRequests::Waiter first{pending, io.get_executor(), never};
  PendingRequests::Waiter second{pending, io.get_executor(), never};
  int woken = 0;
  first.timer().async_wait([&](std::error_code) { ++woken; });
  second.timer().async_wait([&](std::error_code) { ++woken; });
  pending.close();
  CHECK(first.closed());
  CHECK(second.closed());
  io.run();
  CHECK(woken == 2);
}
