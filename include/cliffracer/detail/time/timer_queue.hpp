#pragma once

#include <cliffracer/detail/time/due_heap.hpp>
#include <cliffracer/detail/time/suspended.hpp>
#include <cliffracer/detail/time/time_source.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>

namespace cliffracer::detail {

/// The sleeping coroutines of one io_context, in order of their due points, behind one armed wake-up.
/// Thread-safe.
class TimerQueue {
 public:
  /// One coroutine's place in the queue. Must outlive its sleep.
  struct Sleeper {
    TimePoint due{};
    std::size_t heap_index = DueHeap<Sleeper>::absent;
    Sleeper* next_due = nullptr;  // while a batch is being woken
    Suspended coroutine;
  };

  explicit TimerQueue(TimeSource& source) : source_{source} {}

  [[nodiscard]] TimePoint now() const noexcept { return source_.now(); }
  [[nodiscard]] TimeSource& source() const noexcept { return source_; }

  /// The next due point; `never` when nothing sleeps.
  [[nodiscard]] TimePoint earliest() const {
    const std::lock_guard lock{mutex_};
    return heap_.earliest();
  }

  /// Waits until `due` or wake(sleeper), whichever comes first. A due point in the past waits for the next
  /// round, so that other work of the event loop gets its turn. The caller runs on `strand`, which must
  /// outlive the sleep.
  asio::awaitable<void> sleep_until(const Strand& strand, Sleeper& sleeper, TimePoint due) {
    sleeper.due = due;
    return sleeper.coroutine.suspend(strand, [this, &sleeper] { insert(sleeper); });
  }

  /// Ends a sleep early; nothing happens when the sleeper does not sleep. Asio out of memory here ends the
  /// process, as in fire().
  void wake(Sleeper& sleeper) noexcept {
    if (remove(sleeper)) sleeper.coroutine.post();
  }

  /// Forgets the sleeper, whose coroutine never goes on, if it sleeps.
  void forget(Sleeper& sleeper) noexcept {
    if (remove(sleeper)) sleeper.coroutine.destroy();
  }

  /// Resumes what is due, in order, `most` at a time. Called by the time source. Asio out of memory here ends
  /// the process.
  void fire(std::size_t most = std::numeric_limits<std::size_t>::max()) noexcept {
    Sleeper* first = nullptr;
    {
      const std::lock_guard lock{mutex_};
      armed_for_ = never;
      const TimePoint now = source_.now();
      Sleeper** end = &first;
      for (; most > 0 && heap_.earliest() <= now && heap_.earliest() != never; --most) {
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

  /// Sleepers due at one instant wake in an order that depends on `seed`; 0: first come, first served.
  void shuffle_equals(std::uint64_t seed) {
    const std::lock_guard lock{mutex_};
    heap_.shuffle_equals(seed);
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

  bool remove(Sleeper& sleeper) noexcept {
    const std::lock_guard lock{mutex_};
    if (sleeper.heap_index == DueHeap<Sleeper>::absent) return false;
    heap_.remove(&sleeper);
    // An armed wake-up without a sleeper would keep io_context::run() from returning.
    if (heap_.empty()) arm(never);
    return true;
  }

  void arm(TimePoint due) {
    if (due == armed_for_) return;
    armed_for_ = due;
    source_.wake_at(due);
  }

  TimeSource& source_;
  mutable std::mutex mutex_;
  DueHeap<Sleeper> heap_;
  TimePoint armed_for_ = never;
  int firing_ = 0;
};

}  // namespace cliffracer::detail
