#include <cliffracer/detail/nats/nats_callbacks.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "support/catch.hpp"

namespace {

using cliffracer::ServiceConfig;
using cliffracer::detail::LinkCore;
using cliffracer::detail::nats_callbacks::Subscription;
using cliffracer::detail::nats_callbacks::SubscriptionRegistry;
using cliffracer::detail::nats_callbacks::WantedMessages;

std::shared_ptr<LinkCore> core() {
  return std::make_shared<LinkCore>(ServiceConfig{.name = "s"}, "_INBOX.x");
}

std::uintptr_t number_of(const WantedMessages& messages) {
  return reinterpret_cast<std::uintptr_t>(messages.closure());
}

}  // namespace

TEST_CASE("a callback finds its subscription by number until the subscription ends") {
  SubscriptionRegistry registry;
  const auto number = registry.add({core(), 7});
  const auto other = registry.add({core(), 8});
  CHECK(number != other);
  const std::optional<Subscription> found = registry.find(number);
  REQUIRE(found);
  CHECK(found->id == 7);
  registry.remove(number);
  CHECK_FALSE(registry.find(number));
  CHECK(registry.find(other));
}

TEST_CASE("a late callback does not find the subscription that came next") {
  SubscriptionRegistry registry;
  const auto ended = registry.add({core(), 7});
  registry.remove(ended);
  static_cast<void>(registry.add({core(), 8}));
  CHECK_FALSE(registry.find(ended));
}

TEST_CASE("a callback that runs while its subscription ends keeps the link, and nothing does afterwards") {
  const std::shared_ptr<LinkCore> link = core();
  auto messages = std::make_unique<WantedMessages>(Subscription{link, 7});
  {
    const auto running = SubscriptionRegistry::of_process().find(number_of(*messages));
    REQUIRE(running);
    messages.reset();
    CHECK(running->core == link);
  }
  CHECK(link.use_count() == 1);
}

TEST_CASE("wanted messages that were moved are removed once, with their last owner") {
  const std::shared_ptr<LinkCore> link = core();
  auto first = std::make_unique<WantedMessages>(Subscription{link, 7});
  const auto number = number_of(*first);
  {
    const WantedMessages second{std::move(*first)};
    first.reset();
    CHECK(SubscriptionRegistry::of_process().find(number));
  }
  CHECK_FALSE(SubscriptionRegistry::of_process().find(number));
}
