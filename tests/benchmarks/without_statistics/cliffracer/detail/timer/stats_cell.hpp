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

  StatsCell(std::chrono::nanoseconds, Parts) {}

  void loop_started(TimePoint) noexcept {}
  void loop_ended() noexcept {}
  void skipped(std::uint64_t, TimePoint) noexcept {}
  void run_started(const Schedule::Decision&) noexcept {}
  void late(LatenessCause, std::string_view) noexcept {}
  void timed_out() noexcept {}
  bool blocked(std::chrono::nanoseconds) noexcept { return false; }
  void clock_stepped(TimePoint) noexcept {}
  void paused(std::string_view) noexcept {}
  void resumed() noexcept {}
  void passed_over(std::uint64_t, TimePoint) noexcept {}
  void interval_set(std::chrono::nanoseconds, std::uint64_t, TimePoint) noexcept {}
  void due_again(TimePoint) noexcept {}
  void worker_found(std::chrono::nanoseconds) noexcept {}
  void run_ended(Outcome, TimePoint, std::chrono::nanoseconds, std::uint64_t, TimePoint,
                 std::string_view = {}) noexcept {}

  [[nodiscard]] std::uint64_t execution_count() const noexcept { return 0; }
  [[nodiscard]] bool is_executing() const noexcept { return false; }
  [[nodiscard]] bool is_running() const noexcept { return true; }
  [[nodiscard]] TimePoint next_due() const noexcept { return never; }
  [[nodiscard]] std::chrono::nanoseconds last_execution_time() const noexcept { return {}; }

  struct Instants {
    TimePoint due = never;
    TimePoint last_success = never;
  };
  Instants snapshot(TimerStats&) const { return {}; }
};

}  // namespace cliffracer::detail
