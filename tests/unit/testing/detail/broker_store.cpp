#include "support/catch.hpp"

#include <cliffracer/testing/detail/broker_store.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using cliffracer::detail::BrokerStore;
using cliffracer::detail::BrokerStream;
using cliffracer::detail::patterns_overlap;
using cliffracer::detail::StreamLimits;

TEST_CASE("patterns overlap when one subject matches both") {
  struct Row {
    std::string_view left;
    std::string_view right;
    bool overlap;
  };
  for (const auto& [left, right, overlap] :
       {Row{"a", "a", true}, Row{"a", "b", false}, Row{"a", "a.b", false}, Row{"a.*", "*.b", true},
        Row{"a.*", "a.b.c", false}, Row{"a.>", "a.b.c", true}, Row{"a.>", "a", false}, Row{">", "x.y", true},
        Row{"a.*.c", "a.b.*", true}, Row{"a.*.c", "a.b.d", false}, Row{"*", ">", true},
        Row{"$KV.a.>", "$KV.b.>", false}, Row{"$KV.*.x", "$KV.b.>", true}}) {
    INFO(left << " and " << right);
    CHECK(patterns_overlap(left, right) == overlap);
    CHECK(patterns_overlap(right, left) == overlap);
  }
}

TEST_CASE("a store knows its streams by name and by subject") {
  BrokerStore store;
  const auto add = [&](const std::string& name, std::vector<std::string> subjects) {
    store.create(name, {std::move(subjects), BrokerStream{StreamLimits{}}});
  };
  CHECK(store.find("KV_a") == nullptr);
  CHECK(store.keeper_of("$KV.a.x") == nullptr);
  add("KV_a", {"$KV.a.>"});
  add("two", {"x.*", "y"});
  CHECK(store.find("KV_a")->subjects == std::vector<std::string>{"$KV.a.>"});
  CHECK(*store.keeper_of("$KV.a.x.y") == "KV_a");
  CHECK(*store.keeper_of("y") == "two");
  CHECK(store.keeper_of("$KV.a") == nullptr);
  CHECK(store.keeper_of("x.y.z") == nullptr);
  CHECK(store.overlaps({"z", "x.y"}));
  CHECK(store.overlaps({">"}));
  CHECK_FALSE(store.overlaps({"z", "y.>"}));
}
