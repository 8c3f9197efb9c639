#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/scope.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// What a timer that several replicas share has to remember. Only on the strand.
struct ClusterTimer {
  explicit ClusterTimer(WhenUnavailable unavailable) noexcept : when_unavailable{unavailable} {}

  /// Of the run that may begin or is in progress: the fencing token.
  [[nodiscard]] std::uint64_t token() const noexcept { return is_granted ? tick : held.value_or(tick); }

  const WhenUnavailable when_unavailable;
  std::uint64_t tick = 0;               // the newest that was asked for
  std::optional<std::uint64_t> held{};  // the newest that was claimed here
  bool is_asking = false;
  bool is_granted = false;  // `tick` may be run, and until the end of that run
  TimePoint asked{};
  std::chrono::nanoseconds claim_time{0};  // how long the newest answer took
};

}  // namespace cliffracer::detail
