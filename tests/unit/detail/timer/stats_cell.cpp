#include "support/catch.hpp"

#include <cliffracer/detail/timer/stats_cell.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::TimerStats;
using cliffracer::detail::Outcome;
using cliffracer::detail::Schedule;
using cliffracer::detail::StatsCell;
using cliffracer::detail::TimePoint;

namespace {

TimerStats snapshot(const StatsCell& cell) {
  TimerStats stats;
  static_cast<void>(cell.snapshot(stats));
  return stats;
}

void run(StatsCell& cell, Outcome outcome, std::chrono::nanoseconds length = 1ms,
         std::string_view error = {}) {
  cell.run_started(Schedule::Decision{.run = true}, TimePoint{});
  cell.run_ended(outcome, TimePoint{1s}, length, 0, {}, error);
}

}  // namespace

TEST_CASE("a timer that never ran has all numbers at zero") {
  const StatsCell cell{1s, {}};
  const auto stats = snapshot(cell);
  CHECK(stats.execution_count == 0);
  CHECK(stats.error_rate == 0.0);
  CHECK(stats.average_execution_time == 0ns);
  CHECK_FALSE(stats.is_running);
  CHECK(stats.last_error.empty());
}

TEST_CASE("a run counts as started at once and as what it came to at its end") {
  StatsCell cell{1s, {}};
  cell.run_started(Schedule::Decision{.run = true, .lateness = 3ms}, TimePoint{});
  auto stats = snapshot(cell);
  CHECK(stats.execution_count == 1);
  CHECK(stats.is_executing);
  CHECK(stats.success_count == 0);
  CHECK(stats.last_lateness == 3ms);
  cell.run_ended(Outcome::succeeded, TimePoint{1s}, 5ms, 0, {});
  stats = snapshot(cell);
  CHECK(stats.execution_count == 1);
  CHECK_FALSE(stats.is_executing);
  CHECK(stats.success_count == 1);
  CHECK(stats.last_execution_time == 5ms);
}

TEST_CASE("average is total time of finished runs over finished runs, whatever became of them") {
  StatsCell cell{1s, {}};
  run(cell, Outcome::succeeded, 10ms);
  run(cell, Outcome::failed, 30ms, "x");
  run(cell, Outcome::cancelled, 20ms);
  cell.run_started(Schedule::Decision{.run = true}, TimePoint{});
  const auto stats = snapshot(cell);
  CHECK(stats.execution_count == 4);
  CHECK(stats.total_execution_time == 60ms);
  CHECK(stats.average_execution_time == 20ms);
  CHECK(stats.error_rate == 25.0);
  CHECK(stats.cancelled_count == 1);
}

TEST_CASE("consecutive errors end with a success, the last error stays") {
  StatsCell cell{1s, {}};
  run(cell, Outcome::failed, 1ms, "one");
  run(cell, Outcome::failed, 1ms, "two");
  CHECK(snapshot(cell).consecutive_errors == 2);
  run(cell, Outcome::succeeded);
  CHECK(snapshot(cell).consecutive_errors == 0);
  CHECK(snapshot(cell).last_error == "two");
}

TEST_CASE("a long error text is cut, but not inside a character") {
  StatsCell cell{1s, {}};
  std::string text(254, 'x');
  text += "\xc3\xa9\xc3\xa9";
  run(cell, Outcome::failed, 1ms, text);
  CHECK(snapshot(cell).last_error == std::string(254, 'x'));
}

TEST_CASE("skipped points and drifts add up") {
  StatsCell cell{1s, {}};
  cell.loop_started(TimePoint{5s});
  cell.skipped(3, TimePoint{9s});
  cell.run_started(Schedule::Decision{.run = true, .drifted = true, .skipped = 4}, TimePoint{});
  const auto stats = snapshot(cell);
  CHECK(stats.skipped_count == 7);
  CHECK(stats.drift_count == 1);
}

TEST_CASE("skipped points are told by reason, and the reasons add up") {
  StatsCell cell{1s, {}};
  cell.skipped(3, TimePoint{9s});
  cell.run_started(Schedule::Decision{.run = true, .drifted = true, .skipped = 4, .failing = 1}, TimePoint{});
  cell.passed_over(10, TimePoint{9s});
  const auto stats = snapshot(cell);
  CHECK(stats.skipped_count == 17);
  CHECK(stats.skipped.missed == 3);
  CHECK(stats.skipped.drifted == 3);
  CHECK(stats.skipped.failing == 1);
  CHECK(stats.skipped.paused == 10);
}

TEST_CASE("a pause has a reason until it ends, and ends the count of errors in a row") {
  StatsCell cell{1s, {}};
  cell.loop_started(TimePoint{5s});
  run(cell, Outcome::failed, 1ms, "one");
  cell.due_again(TimePoint{5s});
  cell.paused("lunch", cliffracer::detail::never);
  CHECK(snapshot(cell).is_paused);
  CHECK(snapshot(cell).pause_reason == "lunch");
  CHECK(cell.next_due() == cliffracer::detail::never);
  cell.resumed();
  CHECK_FALSE(snapshot(cell).is_paused);
  CHECK(snapshot(cell).pause_reason.empty());
  CHECK(snapshot(cell).consecutive_errors == 0);
  CHECK(cell.next_due() == TimePoint{5s});
}

TEST_CASE("a run is overdue from its timeout to its end") {
  StatsCell cell{1s, {}};
  cell.run_started(Schedule::Decision{.run = true}, TimePoint{});
  cell.timed_out();
  CHECK(snapshot(cell).is_overdue);
  cell.run_ended(Outcome::succeeded, TimePoint{1s}, 5s, 0, {});
  CHECK_FALSE(snapshot(cell).is_overdue);
  CHECK(snapshot(cell).timeout_count == 1);
}

TEST_CASE("the longest time for which the event loop was held is kept") {
  StatsCell cell{1s, {}};
  CHECK(cell.blocked(2s));
  CHECK(cell.blocked(5s));
  CHECK_FALSE(cell.blocked(3s));
  CHECK_FALSE(cell.blocked(9s));
  CHECK(cell.blocked(18s));
  CHECK(snapshot(cell).blocking_count == 5);
  CHECK(snapshot(cell).longest_blocking == 18s);
}

TEST_CASE("the newest success is remembered, and a failure does not change it") {
  StatsCell cell{1s, {}};
  TimerStats stats;
  CHECK(cell.snapshot(stats).last_success == cliffracer::detail::never);
  run(cell, Outcome::succeeded);
  CHECK(cell.snapshot(stats).last_success == TimePoint{1s});
  cell.run_started(Schedule::Decision{.run = true}, TimePoint{});
  cell.run_ended(Outcome::failed, TimePoint{2s}, 1ms, 0, {}, "x");
  CHECK(cell.snapshot(stats).last_success == TimePoint{1s});
}

TEST_CASE("buckets count what is no longer than their bounds, and sum up") {
  StatsCell cell{1s, {}};
  for (const std::chrono::nanoseconds lateness : {0ns, 5000ns, 5000ns, 20000000ns}) {
    cell.run_started(Schedule::Decision{.run = true, .lateness = lateness}, TimePoint{});
    cell.run_ended(Outcome::succeeded, TimePoint{1s}, 2s, 0, {});
  }
  const auto stats = snapshot(cell);
  const auto& late = stats.lateness_buckets;
  CHECK(late.count == 4);
  CHECK(late.sum == 20ms + 10us);
  CHECK(late.counts[0] == 1);  // 1.024 us
  CHECK(late.counts[1] == 1);  // 4.1 us
  CHECK(late.counts[2] == 3);  // 16.4 us
  CHECK(late.counts[7] == 3);  // 16.8 ms
  CHECK(late.counts[8] == 4);  // 67 ms
  CHECK(stats.execution_time_buckets.sum == 8s);
  CHECK(stats.execution_time_buckets.counts.back() == 4);
}

TEST_CASE("the next due point is known while the loop sleeps and only then") {
  StatsCell cell{1s, {}};
  TimerStats stats;
  CHECK(cell.snapshot(stats).due == cliffracer::detail::never);
  cell.loop_started(TimePoint{5s});
  CHECK(cell.snapshot(stats).due == TimePoint{5s});
  cell.run_started(Schedule::Decision{.run = true}, TimePoint{});
  CHECK(cell.snapshot(stats).due == cliffracer::detail::never);
  cell.run_ended(Outcome::succeeded, TimePoint{1s}, 1ms, 0, {});
  cell.skipped(0, TimePoint{6s});
  CHECK(cell.snapshot(stats).due == TimePoint{6s});
  cell.loop_ended(false);
  CHECK(cell.snapshot(stats).due == cliffracer::detail::never);
}

TEST_CASE("readers on other threads see consistent numbers while the timer runs") {
  StatsCell cell{1s, {}};
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> snapshots{0};
  std::atomic<std::uint64_t> wrong{0};
  const auto read = [&] {
    std::uint64_t last = 0;
    do {
      const auto stats = snapshot(cell);
      const auto finished = stats.success_count + stats.error_count + stats.cancelled_count;
      const bool consistent = stats.execution_count == finished + (stats.is_executing ? 1 : 0) &&
                              stats.execution_count >= last && stats.skipped_count == stats.execution_count &&
                              stats.consecutive_errors == stats.error_count - stats.success_count &&
                              stats.total_execution_time == finished * 1us &&
                              (stats.error_count == 0 || stats.last_error == std::string(200, 'e'));
      wrong += consistent ? 0 : 1;
      last = stats.execution_count;
      ++snapshots;
    } while (!done);
  };
  std::thread first{read};
  std::thread second{read};
  const std::string error(200, 'e');
  // At least until the readers have seen something.
  for (std::uint64_t i = 0; i < 30'000 || snapshots < 1000; ++i) {
    cell.run_started(Schedule::Decision{.run = true, .skipped = 1}, TimePoint{});
    cell.run_ended(Outcome::failed, TimePoint{1s}, 1us, 0, {}, error);
    cell.run_started(Schedule::Decision{.run = true, .skipped = 1}, TimePoint{});
    cell.run_ended(Outcome::succeeded, TimePoint{1s}, 1us, 0, {});
  }
  done = true;
  first.join();
  second.join();
  CHECK(snapshots >= 1000);
  CHECK(wrong == 0);
}
