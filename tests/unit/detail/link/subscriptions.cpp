#include <cliffracer/detail/link/subscriptions.hpp>

#include <memory>

#include "support/catch.hpp"

using namespace cliffracer::detail;

namespace {
std::shared_ptr<const InboundHandler> nobody() {
  return std::make_shared<const InboundHandler>([](const Inbound&) {});
}
}  // namespace

TEST_CASE("each connection is told of every wanted subscription once") {
  SubscriptionTable table;
  CHECK_FALSE(table.changed());
  table.add("a", "", nobody());
  table.add("b", "group", nobody());
  CHECK(table.changed());
  const auto first = table.take_new();
  REQUIRE(first.size() == 2);
  CHECK(first[0].subject == "a");
  CHECK(first[1].queue_group == "group");
  CHECK(first[0].id != 0);
  CHECK(first[0].id != first[1].id);
  CHECK_FALSE(table.changed());
  table.add("c", "", nobody());
  CHECK(table.take_new().size() == 1);
  table.restart();
  CHECK(table.changed());
  CHECK(table.take_new().size() == 3);
}

TEST_CASE("what is not wanted any more is ended once, and its handler is still found") {
  SubscriptionTable table;
  table.add("a", "", nobody());
  const auto made = table.take_new();
  table.clear_wanted();
  CHECK(table.changed());
  CHECK(table.take_unsubscribe());
  CHECK_FALSE(table.take_unsubscribe());
  CHECK(table.take_new().empty());
  CHECK(table.handler(made[0].id));
  // The next connection has nothing to end.
  table.clear_wanted();
  table.restart();
  CHECK_FALSE(table.changed());
}

TEST_CASE("handlers are given away at the end") {
  SubscriptionTable table;
  table.add("a", "", nobody());
  const auto id = table.take_new()[0].id;
  CHECK(table.release_handlers().size() == 1);
  CHECK_FALSE(table.handler(id));
  CHECK_FALSE(table.handler(0));
}
