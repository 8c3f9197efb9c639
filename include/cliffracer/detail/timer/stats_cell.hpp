#pragma once

#include <cliffracer/detail/error_text.hpp>
#include <cliffracer/detail/timer/duration_histogram.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace cliffracer::detail {

/// The statistics of one timer. The timer's loop is the only writer and never waits; a reader on any thread
/// sees one instant between two writes and tries again when a write (some 10 stores) came in between.
///
/// A sequence lock without fences, which ThreadSanitizer could not follow: each field is stored with release
/// and loaded with acquire, so that a reader who sees a field of a newer write also sees its odd sequence
/// number.
class StatsCell {
 public:
  /// What not every timer has.
  struct Parts {
    bool deferral = false;     // it has a tolerance
    bool worker_wait = false;  // it runs on the worker pool
  };

  explicit StatsCell(Parts parts)
      : deferral_{parts.deferral ? std::make_unique<Durations>() : nullptr},
        worker_wait_{parts.worker_wait ? std::make_unique<Durations>() : nullptr} {}

  // Only the timer's loop.

  void loop_started(TimePoint due) noexcept {
    write([&] {
      set(is_running_, 1);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  void loop_ended() noexcept {
    write([&] { set(is_running_, 0); });
  }

  /// Due points passed over without a run; the next one is `due`.
  void skipped(std::uint64_t count, TimePoint due) noexcept {
    write([&] {
      add(skipped_, count);
      set(next_due_, due.time_since_epoch().count());
    });
  }

  void run_started(const Schedule::Decision& decision) noexcept {
    write([&] {
      if (decision.skipped > 0) add(skipped_, decision.skipped);
      if (decision.drifted) add(drifts_, 1);
      set(is_executing_, 1);
      set(last_lateness_, decision.lateness.count());
      if (deferral_) set(last_deferral_, decision.deferral.count());
    });
    lateness_.record(decision.lateness, lateness_range_);
    if (deferral_) deferral_->histogram.record(decision.deferral, deferral_->range);
  }

  /// Only of a timer on the worker pool.
  void worker_found(std::chrono::nanoseconds waited) noexcept {
    worker_wait_->histogram.record(waited, worker_wait_->range);
  }

  /// The run took `length`. Due points passed over meanwhile; the next one is `due`. `error` is the text of a
  /// failure.
  void run_ended(Outcome outcome, std::chrono::nanoseconds length, std::uint64_t skipped_since, TimePoint due,
                 std::string_view error = {}) noexcept {
    write([&] {
      set(is_executing_, 0);
      if (skipped_since > 0) add(skipped_, skipped_since);
      set(next_due_, due.time_since_epoch().count());
      set(last_execution_time_, length.count());
      add(total_execution_time_, static_cast<std::uint64_t>(std::max<std::int64_t>(length.count(), 0)));
      switch (outcome) {
        case Outcome::succeeded:
          add(succeeded_, 1);
          if (get(consecutive_errors_) > 0) set(consecutive_errors_, 0);
          break;
        case Outcome::failed:
          add(failed_, 1);
          add(consecutive_errors_, 1);
          last_error_.set(error);
          break;
        case Outcome::cancelled:
          add(cancelled_, 1);
          break;
      }
    });
    execution_time_.record(length, execution_time_range_);
  }

  // Any thread.

  /// Runs started so far; on the timer's loop exact without a snapshot.
  [[nodiscard]] std::uint64_t execution_count() const noexcept {
    return get(succeeded_) + get(failed_) + get(cancelled_) + get(is_executing_);
  }

  [[nodiscard]] bool is_executing() const noexcept { return get(is_executing_) != 0; }

  /// Fills the measured members of `stats`. Returns the next due point, `never` when there is none.
  TimePoint snapshot(TimerStats& stats) const {
    TimePoint due = never;
    std::uint64_t before = 0;
    ErrorText::Copy error{};
    do {
      before = sequence_.load(std::memory_order_acquire);
      stats.success_count = get(succeeded_);
      stats.error_count = get(failed_);
      stats.cancelled_count = get(cancelled_);
      stats.is_executing = get(is_executing_) != 0;
      stats.is_running = get(is_running_) != 0;
      stats.skipped_count = get(skipped_);
      stats.drift_count = get(drifts_);
      stats.consecutive_errors = get(consecutive_errors_);
      stats.last_execution_time = get(last_execution_time_);
      stats.total_execution_time =
          std::chrono::nanoseconds{static_cast<std::int64_t>(get(total_execution_time_))};
      stats.last_lateness = get(last_lateness_);
      stats.last_deferral = get(last_deferral_);
      due = TimePoint{get(next_due_)};
      error = last_error_.copy();
    } while (before % 2 != 0 || sequence_.load(std::memory_order_relaxed) != before);

    const std::uint64_t finished = stats.success_count + stats.error_count + stats.cancelled_count;
    stats.execution_count = finished + (stats.is_executing ? 1 : 0);
    if (stats.execution_count > 0) {
      stats.error_rate =
          100.0 * static_cast<double>(stats.error_count) / static_cast<double>(stats.execution_count);
    }
    if (finished > 0) stats.average_execution_time = stats.total_execution_time / finished;
    stats.last_error = error.text();
    stats.execution_time = execution_time_.percentiles(execution_time_range_);
    stats.lateness = lateness_.percentiles(lateness_range_);
    if (deferral_) stats.deferral = deferral_->histogram.percentiles(deferral_->range);
    if (worker_wait_) stats.worker_wait = worker_wait_->histogram.percentiles(worker_wait_->range);
    return stats.is_running && !stats.is_executing ? due : never;
  }

 private:
  using Count = std::atomic<std::uint64_t>;
  using Nanoseconds = std::atomic<std::int64_t>;
  struct Durations {
    DurationRange range;
    DurationHistogram histogram;
  };
  static_assert(Count::is_always_lock_free && Nanoseconds::is_always_lock_free);

  template <class Write>
  void write(Write&& fields) noexcept {
    const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    fields();
    sequence_.store(sequence + 2, std::memory_order_release);
  }

  static std::uint64_t get(const Count& count) noexcept { return count.load(std::memory_order_acquire); }
  static std::chrono::nanoseconds get(const Nanoseconds& field) noexcept {
    return std::chrono::nanoseconds{field.load(std::memory_order_acquire)};
  }
  static void set(Count& count, std::uint64_t value) noexcept {
    count.store(value, std::memory_order_release);
  }
  static void set(Nanoseconds& field, std::int64_t value) noexcept {
    field.store(value, std::memory_order_release);
  }
  static void add(Count& count, std::uint64_t by) noexcept {
    set(count, count.load(std::memory_order_relaxed) + by);
  }

  // What a tick writes lies together.
  Count sequence_{0};  // odd while a write is in progress
  Count is_executing_{0}, succeeded_{0}, consecutive_errors_{0}, total_execution_time_{0};
  Nanoseconds last_execution_time_{0}, last_lateness_{0}, next_due_{0};
  DurationRange execution_time_range_, lateness_range_;
  std::unique_ptr<Durations> deferral_, worker_wait_;
  Nanoseconds last_deferral_{0};
  Count is_running_{0}, failed_{0}, cancelled_{0}, skipped_{0}, drifts_{0};
  ErrorText last_error_;
  DurationHistogram execution_time_, lateness_;
};

}  // namespace cliffracer::detail
