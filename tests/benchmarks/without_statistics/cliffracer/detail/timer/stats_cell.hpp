#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/timer_stats.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace cliffracer::detail {

/// Stands in the place of the library's own, and records nothing: what a tick costs with it and without it is
/// what the statistics cost.
class StatsCell {
 public:
  struct Parts {
    bool deferral = false;
    bool worker_wait = false;
  };

  explicit StatsCell(Parts) {}

  void loop_started(TimePoint) noexcept {}
  void loop_ended() noexcept {}
  void skipped(std::uint64_t, TimePoint) noexcept {}
  void run_started(const Schedule::Decision&) noexcept {}
  void worker_found(std::chrono::nanoseconds) noexcept {}
  void run_ended(Outcome, std::chrono::nanoseconds, std::uint64_t, TimePoint,
                 std::string_view = {}) noexcept {}

  [[nodiscard]] std::uint64_t execution_count() const noexcept { return 0; }
  [[nodiscard]] bool is_executing() const noexcept { return false; }
  TimePoint snapshot(TimerStats&) const { return never; }
};

}  // namespace cliffracer::detail
