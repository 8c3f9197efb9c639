#include "support/catch.hpp"

#include <cliffracer/service_info.hpp>
#include <cliffracer/stats_fields.hpp>
#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

using cliffracer::StatsPresence, cliffracer::StatsUnit, cliffracer::visit_fields;

namespace {

struct AnyValue {
  template <class Value>
  operator Value() const {
    std::abort();  // only asked whether it could
  }
};

template <class Struct, std::size_t... Index>
constexpr bool has_members(std::index_sequence<Index...>) {
  return requires { Struct{(static_cast<void>(Index), AnyValue{})...}; };
}

/// How many members the aggregate has.
template <class Struct, std::size_t Count = 1>
constexpr std::size_t member_count() {
  if constexpr (has_members<Struct>(std::make_index_sequence<Count + 1>{}))
    return member_count<Struct, Count + 1>();
  else
    return Count;
}

template <class Struct>
constexpr std::size_t field_count() {
  std::size_t count = 0;
  visit_fields<Struct>([&](const auto&) { ++count; });
  return count;
}

template <class Struct>
std::set<std::string> json_names(bool of_cluster_timers) {
  std::set<std::string> names;
  visit_fields<Struct>([&](const auto& field) {
    if (field.presence == StatsPresence::always ||
        (of_cluster_timers && field.presence == StatsPresence::cluster_timers))
      names.insert(std::string{field.name});
  });
  return names;
}

std::set<std::string> keys_of(const nlohmann::json& json) {
  std::set<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.insert(key);
  return keys;
}

template <class Struct>
void check_fields() {
  CHECK(field_count<Struct>() == member_count<Struct>());
  std::set<std::string_view> names;
  visit_fields<Struct>([&](const auto& field) {
    INFO(field.name);
    CHECK(names.insert(field.name).second);
    CHECK(field.help.ends_with("."));
    CHECK((field.metric.label.empty() || !field.metric.name.empty()));
    CHECK((field.metric.value.empty() || !field.metric.label.empty()));
  });
  CHECK(keys_of(nlohmann::json(Struct{})) ==
        json_names<Struct>(!std::is_same_v<Struct, cliffracer::TimerStats>));
}

template <class Member>
constexpr bool is_quantity = std::is_arithmetic_v<Member> && !std::is_same_v<Member, bool>;

}  // namespace

TEST_CASE("each member of a statistics struct is one field, and a key of its JSON") {
  check_fields<cliffracer::DurationPercentiles>();
  check_fields<cliffracer::SkippedCounts>();
  check_fields<cliffracer::ClaimCounts>();
  check_fields<cliffracer::TimerStats>();
  check_fields<cliffracer::ServiceTimerStats>();
  check_fields<cliffracer::BrokerInfo>();
  check_fields<cliffracer::EndpointInfo>();
  check_fields<cliffracer::ServiceInfo>();
}

TEST_CASE("the JSON of a cluster timer has the fields that only such timers have") {
  cliffracer::TimerStats stats;
  stats.scope = cliffracer::Scope::cluster;
  CHECK(keys_of(stats) == json_names<cliffracer::TimerStats>(true));
}

TEST_CASE("a field's unit suits its type") {
  visit_fields<cliffracer::TimerStats>([](const auto& field) {
    INFO(field.name);
    using Member = std::remove_cvref_t<decltype(std::declval<cliffracer::TimerStats&>().*field.member)>;
    if constexpr (is_quantity<Member>) CHECK(field.unit != StatsUnit::none);
    if constexpr (std::is_same_v<Member, std::string> || std::is_same_v<Member, bool>)
      CHECK(field.unit == StatsUnit::none);
    if constexpr (std::is_same_v<Member, std::chrono::nanoseconds>) CHECK(field.unit == StatsUnit::seconds);
  });
}

TEST_CASE("a field reads and writes the member that it is named after") {
  cliffracer::SkippedCounts skipped;
  visit_fields<cliffracer::SkippedCounts>([&](const auto& field) {
    if (field.name == "paused") skipped.*field.member = 4;
  });
  CHECK(skipped.paused == 4);
}

TEST_CASE("only structs with a list of fields are statistics structs") {
  STATIC_REQUIRE(cliffracer::stats_struct<cliffracer::TimerStats>);
  STATIC_REQUIRE_FALSE(cliffracer::stats_struct<std::string>);
  STATIC_REQUIRE_FALSE(cliffracer::stats_struct<cliffracer::DurationBuckets>);
}
