#pragma once

#include <cliffracer/detail/time/time_point.hpp>

#include <chrono>

namespace cliffracer::detail {

/// Where a TimerQueue has the time from, and who wakes it: the steady clock, or virtual time.
class TimeSource {
 public:
  virtual ~TimeSource() = default;

  // Any thread.

  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  /// For people: never what something waits for.
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall_clock() const noexcept {
    return std::chrono::system_clock::now();
  }

  /// Has TimerQueue::fire() called at `due` or soon after; replaces what was arranged before. `never`: not at
  /// all. Called with the queue locked.
  virtual void wake_at(TimePoint due) = 0;

  // On the event loop.

  /// Somebody who wants to know that the wall clock was set.
  class ClockWatcher {
   public:
    virtual void clock_was_set() noexcept = 0;

   protected:
    ~ClockWatcher() = default;
  };

  /// False: nobody is told, one has to look at the wall clock again and again. True: `watcher` is told, until
  /// forget() is called for it.
  virtual bool tell_of_clock(ClockWatcher& /*watcher*/) { return false; }
  virtual void forget(ClockWatcher& /*watcher*/) noexcept {}

  // On the event loop: a call leaves for a worker thread, and comes back. Virtual time stands still
  // meanwhile.

  virtual void worker_called() noexcept {}
  virtual void worker_returned() noexcept {}
};

/// A call that is away on a worker, for as long as this object lives.
class WorkerCall {
 public:
  explicit WorkerCall(TimeSource& source) noexcept : source_{source} { source_.worker_called(); }
  WorkerCall(const WorkerCall&) = delete;
  WorkerCall& operator=(const WorkerCall&) = delete;
  ~WorkerCall() { source_.worker_returned(); }

 private:
  TimeSource& source_;
};

}  // namespace cliffracer::detail
