#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace cliffracer {

/// What the value of a field is measured in.
enum class StatsUnit : std::uint8_t {
  none,       ///< Texts, flags, names, lists, and structs that hold values of several units.
  seconds,    ///< Durations: JSON and metrics have them in seconds.
  timestamp,  ///< Points of the wall clock: seconds since the epoch; may be empty.
  count,
  bytes,
  percent,
  token,  ///< TickContext::token; 0: none yet.
};

/// Where a field is left out.
enum class StatsPresence : std::uint8_t {
  always,          ///< Nowhere.
  cluster_timers,  ///< In JSON and metrics, of a timer that is no cluster timer.
  metrics_only,    ///< In JSON.
};

/// How PrometheusCollector exports a field. A name that ends in `_total` is a counter's.
struct StatsMetric {
  std::string_view name{};   ///< Without `cliffracer_timer_`; empty: not exported.
  std::string_view label{};  ///< Beside `service` and `timer`; empty: none.
  std::string_view
      value{};              ///< Of the label; empty: the names of the fields of the struct that the field is.
  std::string_view help{};  ///< Of the whole family; empty: the field's own.
};

/// One field of a statistics struct.
template <class Struct, class Value>
struct StatsField {
  std::string_view name;  ///< The member's, and the key in JSON.
  Value Struct::*member;
  StatsUnit unit;
  std::string_view help;  ///< One or more sentences.
  StatsMetric metric{};
  StatsPresence presence = StatsPresence::always;
};

template <class Struct, class Value>
StatsField(std::string_view, Value Struct::*, StatsUnit, std::string_view, StatsMetric = {},
           StatsPresence = StatsPresence::always) -> StatsField<Struct, Value>;

namespace detail {

struct AnyFieldVisitor {
  template <class Struct, class Value>
  constexpr void operator()(const StatsField<Struct, Value>&) const noexcept {}
};

}  // namespace detail

/// A struct whose fields visit_fields() knows: TimerStats, SkippedCounts, ClaimCounts, DurationPercentiles,
/// ServiceTimerStats, BrokerInfo, EndpointInfo and ServiceInfo.
template <class Struct>
concept stats_struct = requires(const detail::AnyFieldVisitor& visitor) {
  visit_fields(std::type_identity<Struct>{}, visitor);
};

/// Calls `visitor` with a StatsField for each field of `Struct`, in the order of the struct. The header that
/// defines the struct has the list: JSON, metrics and the live page are made from it.
///
///     const cliffracer::TimerStats& timer = stats.timers.at(0);
///     cliffracer::visit_fields<cliffracer::TimerStats>([&](const auto& field) {
///       if constexpr (std::is_same_v<decltype(timer.*field.member), const std::uint64_t&>)
///         std::cout << field.name << " = " << timer.*field.member << "  # " << field.help << '\n';
///     });
///
/// May be evaluated at compile time. Throws what `visitor` throws.
template <stats_struct Struct, class Visitor>
constexpr void visit_fields(Visitor&& visitor) {
  visit_fields(std::type_identity<Struct>{}, visitor);
}

}  // namespace cliffracer
