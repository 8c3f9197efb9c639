#pragma once

#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_log.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <utility>

namespace cliffracer::detail {

/// Where the timers of a TimerLoop wait: in the queue, or, if they are due, in the batch. Only on the strand.
class TimerPlaces {
 public:
  /// The task group has `guest` as long as anything is held here.
  TimerPlaces(TimerQueue& queue, TaskGroup& tasks, const TaskGroup::Guest& guest, const TimerLog& log)
      : queue_{queue}, tasks_{tasks}, guest_{guest}, log_{log} {}
  TimerPlaces(const TimerPlaces&) = delete;
  TimerPlaces& operator=(const TimerPlaces&) = delete;
  ~TimerPlaces() { queue_.release(reserved_); }

  /// Room for `timers` more in the queue. Throws std::bad_alloc.
  void reserve(std::size_t timers, bool has_tolerance) {
    queue_.reserve(timers, has_tolerance);
    reserved_ += timers;
  }
  /// One has left.
  void release_room() noexcept {
    queue_.release(1);
    --reserved_;
  }

  // ---- The batch

  [[nodiscard]] bool is_batch_empty() const noexcept { return batch_.empty(); }
  void append_to_batch(const TimerQueue::List& due) noexcept { batch_.append(due); }
  void append_to_batch(TimerEntry& timer) noexcept { batch_.push_back(&timer); }
  [[nodiscard]] TimerEntry& front() const noexcept { return static_cast<TimerEntry&>(*batch_.front()); }

  TimerEntry& pop() noexcept {
    auto& timer = static_cast<TimerEntry&>(*batch_.pop_front());
    // With many timers a tick would wait for memory several times: what the next but one needs comes
    // meanwhile.
    if (!batch_.empty() && batch_.front()->next) static_cast<TimerEntry&>(*batch_.front()->next).prefetch();
    return timer;
  }

  // ---- The queue

  /// The timer waits for its due point, from the next flush() on.
  void wait(TimerEntry& timer) noexcept {
    timer.state = TimerState::waiting;
    entering_.push_back(&timer);
  }

  /// Queues each timer that waits since then. The schedule is asked here, because it may have changed since;
  /// `now` is what the caller last saw.
  void flush(TimePoint now) {
    TimerQueue::List timers;
    while (!entering_.empty()) {
      auto& timer = static_cast<TimerEntry&>(*entering_.pop_front());
      if (timer.is_resting()) {
        if (timer.pause_end == never) {
          timer.state = TimerState::parked;
          continue;
        }
        timer.due = timer.pause_end;
        timer.tolerance = std::chrono::nanoseconds::zero();
      } else {
        timer.due = timer.schedule.due();
        timer.tolerance = timer.schedule.window();
      }
      timers.push_back(&timer);
    }
    insert(timers, now);
  }

  /// The timer's schedule has changed, or whether it rests. The schedule of one that is on its way, or not
  /// waiting, is asked when its turn comes.
  void wait_again(TimerEntry& timer, TimePoint now) {
    if (!take_out(timer)) return;
    wait(timer);
    flush(now);
  }

  /// False: it is on its way, or not waiting.
  [[nodiscard]] bool take_out(TimerEntry& timer) noexcept {
    return timer.state == TimerState::parked || (timer.state == TimerState::waiting && queue_.remove(timer));
  }

  /// One that waits for flush(); null: there is none.
  [[nodiscard]] TimerEntry* take_entering() noexcept {
    return entering_.empty() ? nullptr : static_cast<TimerEntry*>(entering_.pop_front());
  }

  // ---- The end of a run's time

  void insert(TimeLimit& limit, TimePoint now) {
    TimerQueue::List one;
    one.push_back(&limit);
    insert(one, now);
  }
  /// False: it is on its way.
  [[nodiscard]] bool remove(TimeLimit& limit) noexcept { return queue_.remove(limit); }

  // ---- Timers that have not left, and handlers on their way

  void hold() noexcept {
    if (held_++ == 0) tasks_.enter(guest_);
  }
  void release() noexcept {
    if (--held_ == 0) tasks_.leave();
  }

 private:
  void insert(const TimerQueue::List& waiters, TimePoint now) {
    try {
      queue_.insert(waiters, now);
    } catch (...) {
      log_.end_without_memory(std::current_exception());
    }
  }

  TimerQueue& queue_;
  TaskGroup& tasks_;
  const TaskGroup::Guest& guest_;
  const TimerLog& log_;
  TimerQueue::List batch_;     // due
  TimerQueue::List entering_;  // until flush()
  std::size_t reserved_ = 0;
  std::size_t held_ = 0;
};

}  // namespace cliffracer::detail
