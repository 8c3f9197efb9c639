#pragma once

#include <cliffracer/detail/timer/due_heap.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/suspended.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <mutex>
#include <utility>

namespace cliffracer::detail {

/// Where a TimerQueue has the time from, and who wakes it: the steady clock, or virtual time.
class TimeSource {
 public:
  virtual ~TimeSource() = default;

  /// Any thread.
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  /// Has TimerQueue::fire() called at `due` or soon after; replaces what was arranged before. `never`: not at
  /// all. Called with the queue locked.
  virtual void wake_at(TimePoint due) = 0;
};

/// The sleeping timer loops of one io_context, in order of their due points, behind one armed wake-up.
/// Thread-safe.
class TimerQueue {
 public:
  /// One loop's place in the queue. Owned by the timer, must outlive its sleep.
  struct Sleeper {
    TimePoint due{};
    std::size_t heap_index = DueHeap<Sleeper>::absent;
    Sleeper* next_due = nullptr;  // while a batch is being woken
    Suspended coroutine;
  };

  explicit TimerQueue(TimeSource& source) : source_{source} {}

  [[nodiscard]] TimePoint now() const noexcept { return source_.now(); }

  /// Waits until `due` or wake(sleeper), whichever comes first. A due point in the past waits for the next
  /// round, so that other work of the event loop gets its turn. The caller runs on `strand`, which must
  /// outlive the sleep.
  asio::awaitable<void> sleep_until(const Strand& strand, Sleeper& sleeper, TimePoint due) {
    sleeper.due = due;
    return sleeper.coroutine.suspend(strand, [this, &sleeper] { insert(sleeper); });
  }

  /// Ends a sleep early; nothing happens when the sleeper does not sleep.
  void wake(Sleeper& sleeper) {
    {
      const std::lock_guard lock{mutex_};
      if (sleeper.heap_index == DueHeap<Sleeper>::absent) return;
      heap_.remove(&sleeper);
      // An armed wake-up without a sleeper would keep io_context::run() from returning.
      if (heap_.empty()) arm(never);
    }
    sleeper.coroutine.post();
  }

  /// Resumes everything that is due, in order. Called by the time source. Asio out of memory here ends the
  /// process.
  void fire() noexcept {
    Sleeper* first = nullptr;
    {
      const std::lock_guard lock{mutex_};
      armed_for_ = never;
      const TimePoint now = source_.now();
      Sleeper** end = &first;
      while (heap_.earliest() <= now && heap_.earliest() != never) {
        Sleeper* const sleeper = heap_.pop();
        sleeper->next_due = nullptr;
        *end = sleeper;
        end = &sleeper->next_due;
      }
      // While the batch runs, new sleepers come in: one wake-up is armed for all of them at the end.
      ++firing_;
    }
    while (first) {
      // The sleeper may be asleep again, or gone, when dispatch() returns.
      Sleeper* const sleeper = std::exchange(first, first->next_due);
      sleeper->coroutine.dispatch();
    }
    const std::lock_guard lock{mutex_};
    if (--firing_ > 0) return;
    // Always told: this round may not be the one that was armed last.
    armed_for_ = heap_.earliest();
    source_.wake_at(armed_for_);
  }

  /// Destroys the sleeping coroutines, because their io_context ends.
  void destroy_sleepers() noexcept {
    for (;;) {
      Sleeper* sleeper = nullptr;
      {
        const std::lock_guard lock{mutex_};
        if (heap_.empty()) return;
        sleeper = heap_.pop();
      }
      sleeper->coroutine.destroy();
    }
  }

 private:
  void insert(Sleeper& sleeper) {
    const std::lock_guard lock{mutex_};
    heap_.push(&sleeper, sleeper.due);
    if (firing_ == 0 && sleeper.due < armed_for_) arm(sleeper.due);
  }

  void arm(TimePoint due) {
    if (due == armed_for_) return;
    armed_for_ = due;
    source_.wake_at(due);
  }

  TimeSource& source_;
  std::mutex mutex_;
  DueHeap<Sleeper> heap_;
  TimePoint armed_for_ = never;
  int firing_ = 0;
};

}  // namespace cliffracer::detail
