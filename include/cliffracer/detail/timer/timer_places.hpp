#pragma once

#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <cstddef>
#include <exception>
#include <utility>

namespace cliffracer::detail {

/// Where the entries of a TimerLoop are: in the queue; among those that are due, which become the batch; in a
/// run; or, paused, parked. Only on the strand.
class TimerPlaces {
 public:
  /// The task group has a guest as long as anything is held here.
  TimerPlaces(TimerQueue& queue, TaskGroup& tasks, const TimerRuns& runs)
      : queue_{queue}, tasks_{tasks}, runs_{runs} {}
  TimerPlaces(const TimerPlaces&) = delete;
  TimerPlaces& operator=(const TimerPlaces&) = delete;
  ~TimerPlaces() { queue_.release(reserved_); }

  /// Room in the queue. Throws std::bad_alloc.
  void reserve(std::size_t timers, bool has_tolerance) {
    queue_.reserve(timers, has_tolerance);
    reserved_ = timers;
  }

  // ---- The batch

  [[nodiscard]] bool is_batch_empty() const noexcept { return batch_.empty(); }
  void append_to_batch(const TimerQueue::List& due) noexcept { batch_.append(due); }
  [[nodiscard]] TimerEntry& front() const noexcept { return static_cast<TimerEntry&>(*batch_.front()); }

  TimerEntry& pop() noexcept {
    auto& entry = static_cast<TimerEntry&>(*batch_.pop_front());
    // With many timers a tick would wait for memory several times: what the next but one needs comes
    // meanwhile.
    if (const auto* const next = batch_.front(); next && next->next)
      static_cast<const TimerEntry*>(next->next)->prefetch();
    return entry;
  }

  // ---- Into and out of the queue

  /// Paused, and not asked for a run.
  [[nodiscard]] static bool is_resting(const TimerEntry& entry) noexcept {
    return entry.is_paused && !entry.is_triggered;
  }

  /// An entry without a place gets one: with the next flush() the queue, unless it rests.
  void put_back(TimerEntry& entry) noexcept {
    // Asked here, because an observer that was told of the run may have changed it.
    entry.due = entry.schedule.due();
    entry.tolerance = entry.schedule.window();
    if (is_resting(entry) && !runs_.is_stopping()) {
      entry.is_parked = true;
    } else {
      waiting_again_.push_back(&entry);
    }
  }

  /// Into the queue with what has been put back; while the timers stop, out of here. `now` is what the caller
  /// last saw.
  void flush(TimePoint now) {
    TimerQueue::List timers = std::exchange(waiting_again_, {});
    if (runs_.is_stopping()) {
      while (!timers.empty()) leave(static_cast<TimerEntry&>(*timers.pop_front()));
    } else {
      insert(timers, now);
    }
  }

  /// Into the queue at once.
  void insert(TimerEntry& entry, TimePoint now) {
    TimerQueue::List one;
    one.push_back(&entry);
    insert(one, now);
  }

  /// Out of the queue, or from where it is parked. False: it is due already, or runs.
  bool take_out(TimerEntry& entry) noexcept {
    return std::exchange(entry.is_parked, false) || queue_.remove(entry);
  }

  /// It does not come back.
  void leave(TimerEntry& entry) noexcept {
    entry.stats.loop_ended();
    release();
  }

  // ---- Timers that have not left, and handlers on their way

  void hold() noexcept { ++held_; }
  void release() noexcept {
    if (--held_ == 0) tasks_.leave();
  }

 private:
  void insert(const TimerQueue::List& timers, TimePoint now) {
    try {
      queue_.insert(timers, now);
    } catch (...) {
      runs_.log().end_without_memory(std::current_exception());
    }
  }

  TimerQueue& queue_;
  TaskGroup& tasks_;
  const TimerRuns& runs_;
  TimerQueue::List batch_;          // due
  TimerQueue::List waiting_again_;  // until flush()
  std::size_t reserved_ = 0;
  std::size_t held_ = 0;
};

}  // namespace cliffracer::detail
