#include <cliffracer/detail/link/pending_requests.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <chrono>

#include "support/catch.hpp"
#include "support/virtual_time.hpp"

using namespace cliffracer::detail;

namespace {

InboxMessage reply_to(std::uint64_t id, int value) {
  InboxMessage out;
  out.request_id = id;
  out.inbound.payload = value;
  return out;
}

struct Fixture {
  asio::io_context io{1};
  support::VirtualTime time{io};
  cliffracer::detail::Strand strand{io.get_executor()};
  PendingRequests pending;
  int woken = 0;

  asio::awaitable<void> wait(PendingRequests::Waiter& waiter, TimePoint deadline) {
    co_await waiter.wait_until(deadline);
    ++woken;
  }
  void start_waiting(PendingRequests::Waiter& waiter, TimePoint deadline = never) {
    asio::co_spawn(strand, wait(waiter, deadline), asio::detached);
    time.settle();
  }
};

}  // namespace

TEST_CASE("a reply reaches the request with its id and no other") {
  Fixture f;
  PendingRequests::Waiter first{f.pending, f.time.queue(), f.strand};
  PendingRequests::Waiter second{f.pending, f.time.queue(), f.strand};
  CHECK(first.id() != second.id());
  f.pending.resolve(reply_to(second.id(), 7));
  CHECK_FALSE(first.reply());
  REQUIRE(second.reply());
  CHECK(second.reply()->inbound.payload == 7);
}

TEST_CASE("the first of several replies counts") {
  Fixture f;
  PendingRequests::Waiter waiter{f.pending, f.time.queue(), f.strand};
  f.pending.resolve(reply_to(waiter.id(), 1));
  f.pending.resolve(reply_to(waiter.id(), 2));
  REQUIRE(waiter.reply());
  CHECK(waiter.reply()->inbound.payload == 1);
}

TEST_CASE("a request that ended is forgotten, marked as abandoned, and a late reply is ignored") {
  Fixture f;
  std::uint64_t id = 0;
  std::shared_ptr<std::atomic<bool>> abandoned;
  {
    PendingRequests::Waiter waiter{f.pending, f.time.queue(), f.strand};
    id = waiter.id();
    abandoned = waiter.abandoned();
    CHECK_FALSE(abandoned->load());
    CHECK(f.pending.size() == 1);
  }
  CHECK(f.pending.size() == 0);
  CHECK(abandoned->load());
  f.pending.resolve(reply_to(id, 1));
}

TEST_CASE("closing wakes every request") {
  Fixture f;
  PendingRequests::Waiter first{f.pending, f.time.queue(), f.strand};
  PendingRequests::Waiter second{f.pending, f.time.queue(), f.strand};
  f.start_waiting(first);
  f.start_waiting(second);
  f.pending.close();
  CHECK(first.closed());
  CHECK(second.closed());
  CHECK(f.woken == 0);
  f.time.settle();
  CHECK(f.woken == 2);
}

TEST_CASE("a reply wakes its request, and the deadline one that has none") {
  Fixture f;
  PendingRequests::Waiter first{f.pending, f.time.queue(), f.strand};
  PendingRequests::Waiter second{f.pending, f.time.queue(), f.strand};
  const TimePoint deadline = f.time.now() + std::chrono::seconds{5};
  f.start_waiting(first, deadline);
  f.start_waiting(second, deadline);
  f.pending.resolve(reply_to(first.id(), 1));
  f.time.settle();
  CHECK(f.woken == 1);
  f.time.advance(std::chrono::seconds{5});
  CHECK(f.woken == 2);
  CHECK_FALSE(second.reply());
}
