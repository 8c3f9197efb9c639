#include <cliffracer/detail/link/inbox.hpp>

#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace cliffracer::detail;

namespace {

InboxMessage event(std::size_t bytes = 1) {
  InboxMessage out;
  out.subscription = 1;
  out.bytes = bytes;
  return out;
}

InboxMessage reply(std::uint64_t id) {
  InboxMessage out;
  out.request_id = id;
  return out;
}

std::string pushed(Inbox& inbox, InboxMessage message) {
  const auto [stored, wake] = inbox.push(std::move(message));
  return std::string{stored ? "stored" : "dropped"} + (wake ? ", wake" : "");
}

}  // namespace

TEST_CASE("the event loop is told once per burst") {
  Inbox inbox{10, 1000};
  CHECK(pushed(inbox, event()) == "stored, wake");
  CHECK(pushed(inbox, event()) == "stored");
  CHECK(pushed(inbox, event()) == "stored");
  // Some are left: the loop comes back by itself.
  CHECK(inbox.take(2).size() == 2);
  CHECK_FALSE(inbox.empty());
  CHECK(pushed(inbox, event()) == "stored");
  CHECK(inbox.take(5).size() == 2);
  CHECK(inbox.empty());
  CHECK(pushed(inbox, event()) == "stored, wake");
}

TEST_CASE("a wake that failed is tried again by the next message") {
  Inbox inbox{10, 1000};
  CHECK(pushed(inbox, event()) == "stored, wake");
  inbox.wake_failed();
  CHECK(pushed(inbox, event()) == "stored, wake");
}

TEST_CASE("an inbox is bounded in messages and in bytes") {
  Inbox few{2, 1000};
  CHECK(pushed(few, event()).starts_with("stored"));
  CHECK(pushed(few, event()).starts_with("stored"));
  CHECK(pushed(few, event()) == "dropped");
  Inbox small{10, 100};
  CHECK(pushed(small, event(60)).starts_with("stored"));
  CHECK(pushed(small, event(41)) == "dropped");
  CHECK(pushed(small, event(40)).starts_with("stored"));
  CHECK(small.take(1).size() == 1);
  CHECK(pushed(small, event(60)).starts_with("stored"));
}

TEST_CASE("a message that is dropped by an empty inbox wakes the event loop, once") {
  Inbox inbox{10, 100};
  CHECK(pushed(inbox, event(101)) == "dropped, wake");
  CHECK(pushed(inbox, event(101)) == "dropped");
  CHECK(inbox.take(1).empty());
  CHECK(pushed(inbox, event(101)) == "dropped, wake");
}

TEST_CASE("a full inbox still has room for replies") {
  Inbox inbox{2, 100};
  static_cast<void>(inbox.push(event()));
  static_cast<void>(inbox.push(event()));
  CHECK(pushed(inbox, event()) == "dropped");
  CHECK(pushed(inbox, reply(1)) == "stored");
  CHECK(pushed(inbox, reply(2)) == "stored");
  CHECK(pushed(inbox, reply(3)) == "dropped");
}

TEST_CASE("what is discarded is counted") {
  Inbox inbox{10, 100};
  static_cast<void>(inbox.push(event(60)));
  static_cast<void>(inbox.push(event(40)));
  CHECK(inbox.discard() == 2);
  CHECK(inbox.empty());
  CHECK(pushed(inbox, event(100)).starts_with("stored"));
}
