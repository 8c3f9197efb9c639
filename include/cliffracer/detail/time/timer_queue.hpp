#pragma once

#include <cliffracer/detail/coroutine/suspended.hpp>
#include <cliffracer/detail/time/queue_waiter.hpp>
#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/time/timing_wheel.hpp>

#include <asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

namespace cliffracer::detail {

/// What waits for its due points on one io_context, behind one armed wake-up: timers, in groups that run
/// together, and sleeping coroutines. Thread-safe.
///
/// A waiter may be served up to its tolerance after its due point. The wake-up is armed for the instant at
/// which the first one cannot wait any longer, and serves all that are due by then: no choice of instants
/// needs fewer wake-ups.
class TimerQueue {
 public:
  using Waiter = QueueWaiter;
  using List = WaiterList;
  using Group = DueReceiver;

  /// One coroutine's place in the queue. Must outlive its sleep.
  struct Sleeper : Waiter {
    Suspended coroutine;
  };

  /// A time source serves so many in one round at most: then other work of the io_context gets its turn.
  static constexpr std::size_t most_at_once = 128;

  explicit TimerQueue(TimeSource& source) : source_{source} {}

  [[nodiscard]] TimePoint now() const noexcept { return source_.now(); }
  [[nodiscard]] TimeSource& source() const noexcept { return source_; }

  // ---- Timers

  /// Room for `timers` more, of which some have a tolerance: insert() relies on it.
  void reserve(std::size_t timers, bool has_tolerance) {
    const std::lock_guard lock{mutex_};
    strict_.reserve(timers_ + timers + sleepers_);
    if (has_tolerance && !tolerant_) {
      tolerant_ = std::make_unique<Tolerant>();
      tolerant_->by_due.shuffle_equals(seed_);
    }
    if (tolerant_) tolerant_->reserve(timers_ + timers);
    timers_ += timers;
  }

  void release(std::size_t timers) noexcept {
    const std::lock_guard lock{mutex_};
    timers_ -= timers;
  }

  /// Each waits until its due point; `now` is what the caller last saw. Throws what arming the wake-up does.
  void insert(List timers, TimePoint now) {
    if (timers.empty()) return;
    const std::lock_guard lock{mutex_};
    TimePoint wake = never;
    while (!timers.empty()) wake = std::min(wake, put(timers.pop_front(), now));
    arm_earlier(wake);
  }

  /// What has become due since, in order.
  [[nodiscard]] List take(Group& group) noexcept {
    const std::lock_guard lock{mutex_};
    group.is_told_ = false;
    return std::exchange(group.due_, List{});
  }

  /// False: it does not wait.
  bool remove(Waiter& waiter) noexcept {
    const std::lock_guard lock{mutex_};
    if (!waiter.place) return false;
    if (!waiter.group) --sleepers_;
    if (waiter.place_by_latest) {
      tolerant_->by_due.remove(&waiter);
      tolerant_->by_latest.remove(&waiter);
    } else {
      strict_.remove(&waiter);
    }
    // An armed wake-up without a waiter would keep io_context::run() from returning.
    if (is_empty()) arm(never);
    return true;
  }

  // ---- Coroutines

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

  // ---- For the time source

  /// Serves what is due, in order, `most` at a time; those that were late when they came, as they came. Asio
  /// out of memory here ends the process.
  void fire(std::size_t most = std::numeric_limits<std::size_t>::max()) noexcept {
    List sleepers;
    Group* groups = nullptr;
    {
      const std::lock_guard lock{mutex_};
      armed_for_ = never;
      round_ = source_.now();
      Group** end = &groups;
      for (; most > 0; --most) {
        Waiter* const waiter = pop(round_);
        if (!waiter) break;
        Group* const group = waiter->group;
        if (!group) {
          --sleepers_;
          sleepers.push_back(waiter);
          continue;
        }
        group->due_.push_back(waiter);
        if (std::exchange(group->is_told_, true)) continue;
        group->next_ = nullptr;
        *end = group;
        end = &group->next_;
      }
      if (tolerant_ && most > 0) tolerant_->by_latest.pass(round_);
      // While the round runs, new waiters come in: one wake-up is armed for all of them at the end.
      ++firing_;
    }
    // Each may wait again, or be gone, when its call returns.
    while (!sleepers.empty()) static_cast<Sleeper*>(sleepers.pop_front())->coroutine.dispatch();
    while (groups) std::exchange(groups, groups->next_)->on_due();
    const std::lock_guard lock{mutex_};
    // Always told: this round may not be the one that was armed last.
    if (--firing_ == 0) arm(earliest_wake());
  }

  /// When fire() is to be called next; `never` when nothing waits.
  [[nodiscard]] TimePoint next_wake() {
    const std::lock_guard lock{mutex_};
    return earliest_wake();
  }

  /// Waiters due at one instant are served in an order that depends on `seed`; 0: first come, first served.
  void shuffle_equals(std::uint64_t seed) {
    const std::lock_guard lock{mutex_};
    seed_ = seed;
    strict_.shuffle_equals(seed);
    if (tolerant_) tolerant_->by_due.shuffle_equals(seed);
  }

  /// Destroys the sleeping coroutines and forgets the timers, because their io_context ends.
  void destroy_sleepers() noexcept {
    for (;;) {
      Waiter* waiter = nullptr;
      {
        const std::lock_guard lock{mutex_};
        waiter = pop(never);
        if (waiter && !waiter->group) --sleepers_;
      }
      if (!waiter) return;
      if (!waiter->group) static_cast<Sleeper*>(waiter)->coroutine.destroy();
    }
  }

 private:
  using ByDue = TimingWheel<Waiter, &Waiter::place>;

  struct Tolerant {
    ByDue by_due;
    TimingWheel<Waiter, &Waiter::place_by_latest> by_latest;

    void reserve(std::size_t timers) {
      by_due.reserve(timers);
      by_latest.reserve(timers);
    }
  };

  void insert(Sleeper& sleeper) {
    const std::lock_guard lock{mutex_};
    strict_.reserve(timers_ + sleepers_ + 1);
    ++sleepers_;
    strict_.push(&sleeper, sleeper.due);
    try {
      arm_earlier(sleeper.due);
    } catch (...) {
      strict_.remove(&sleeper);
      --sleepers_;
      throw;
    }
  }

  /// Returns when it cannot wait any longer. A timer that is late already has no use for its tolerance.
  TimePoint put(Waiter* waiter, TimePoint now) noexcept {
    if (waiter->tolerance == std::chrono::nanoseconds::zero() || waiter->due <= now) {
      strict_.push(waiter, waiter->due);
      return waiter->due;
    }
    const TimePoint latest = later(waiter->due, waiter->tolerance);
    tolerant_->by_due.push(waiter, waiter->due);
    tolerant_->by_latest.push(waiter, latest);
    return latest;
  }

  [[nodiscard]] Waiter* pop(TimePoint now) noexcept {
    if (!tolerant_ || strict_.earliest() <= tolerant_->by_due.earliest()) {
      if (Waiter* const waiter = strict_.pop(now); waiter || !tolerant_) return waiter;
    }
    Waiter* const waiter = tolerant_->by_due.pop(now);
    if (waiter) tolerant_->by_latest.remove(waiter);
    return waiter;
  }

  [[nodiscard]] bool is_empty() const noexcept {
    return strict_.empty() && (!tolerant_ || tolerant_->by_due.empty());
  }

  [[nodiscard]] TimePoint earliest_wake() noexcept {
    if (!tolerant_) return strict_.earliest();
    const TimePoint due = tolerant_->by_due.earliest();
    // Left over from a round that served `most`.
    const bool is_cut_short = due <= round_;
    return std::min(strict_.earliest(), is_cut_short ? due : tolerant_->by_latest.earliest());
  }

  void arm_earlier(TimePoint wake) {
    if (firing_ == 0 && wake < armed_for_) arm(wake);
  }

  void arm(TimePoint wake) {
    armed_for_ = never;  // if it throws
    source_.wake_at(wake);
    armed_for_ = wake;
  }

  TimeSource& source_;
  std::mutex mutex_;
  ByDue strict_;
  std::unique_ptr<Tolerant> tolerant_;
  std::uint64_t seed_ = 0;
  TimePoint armed_for_ = never;
  TimePoint round_{};         // when the last round was
  std::size_t timers_ = 0;    // that there is room for
  std::size_t sleepers_ = 0;  // that wait
  int firing_ = 0;
};

}  // namespace cliffracer::detail
