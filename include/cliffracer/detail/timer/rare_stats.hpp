#pragma once

#include <cliffracer/detail/text/shared_text.hpp>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace cliffracer::detail {

/// What HoldHistory says when no single one held the event loop.
inline constexpr std::string_view many_short_runs = "many short runs";

/// The part of a timer's statistics that most timers never have anything in: made when it is needed first.
/// Guarded by the StatsCell's sequence lock.
struct RareStats {
  std::atomic<std::uint64_t> drifted{0}, failing{0}, paused{0};  // points passed over, by reason
  std::atomic<std::uint64_t> timeouts{0}, blockings{0}, clock_steps{0};
  std::atomic<std::uint64_t> is_overdue{0}, is_paused{0};
  std::atomic<std::int64_t> longest_blocking{0}, pause_end{0};
  SharedText pause_reason, blocked_by;
};

/// The part that only cluster timers have.
struct ClusterStats {
  std::atomic<std::uint64_t> won{0}, lost{0}, failed{0}, unclear{0}, running_elsewhere{0};
  std::atomic<std::uint64_t> elsewhere{0}, claim_failed{0};  // points passed over, by reason
  std::atomic<std::uint64_t> token{0}, catch_ups{0};
  SharedText last_owner, last_claim_error;
};

}  // namespace cliffracer::detail
