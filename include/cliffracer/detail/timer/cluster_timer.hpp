#pragma once

#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/scope.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// What a timer that several replicas share has to remember. Only on the strand.
struct ClusterTimer {
  explicit ClusterTimer(const TimerOptions& options) noexcept
      : when_unavailable{options.when_unavailable}, catch_up{options.catch_up} {}

  const WhenUnavailable when_unavailable;
  const std::chrono::nanoseconds catch_up;  // >= 0
  std::uint64_t wanted = 0;                 // the token that was asked for last
  std::optional<ClaimOutcome> answer{};     // to that; none: it is on its way
  std::optional<std::uint64_t> held{};      // the newest token that was claimed here
  std::uint64_t token = 0;                  // of the run that may begin or is in progress
  TimePoint asked{};
  std::chrono::nanoseconds claim_time{0};  // how long the newest answer took
};

}  // namespace cliffracer::detail
