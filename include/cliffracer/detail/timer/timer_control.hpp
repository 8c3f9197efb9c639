#pragma once

#include <cliffracer/detail/coroutine/suspended.hpp>
#include <cliffracer/detail/timer/timer_loop.hpp>

#include <asio/dispatch.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace cliffracer::detail {

/// Takes what any thread asks of a service's timers to where they run. What is asked of timers that do not
/// run is done at once, and holds when they start.
class TimerControl : public std::enable_shared_from_this<TimerControl> {
 public:
  /// Null: the timers do not run.
  using Action = std::function<void(TimerLoop*)>;

  /// Any thread. On the strand, or while the timers do not run, the action is done when this returns, and may
  /// throw from here. Else it must not throw.
  void submit(Action action) {
    std::optional<Strand> strand;
    {
      const std::lock_guard lock{mutex_};
      if (!loop_) return action(nullptr);
      strand = strand_;
      waiting_.push_back(std::move(action));
    }
    asio::dispatch(*strand, [self = shared_from_this()] { self->deliver(); });
  }

  /// On the strand, before the timers start.
  void attach(TimerLoop& loop, const Strand& strand) {
    const std::lock_guard lock{mutex_};
    loop_ = &loop;
    strand_ = strand;
  }

  /// On the strand, after the timers have stopped.
  void detach() {
    const std::lock_guard lock{mutex_};
    loop_ = nullptr;
    for (const Action& action : std::exchange(waiting_, {})) action(nullptr);
  }

 private:
  void deliver() {
    for (;;) {
      std::unique_lock lock{mutex_};
      if (waiting_.empty() || !loop_) return;
      const Action action = std::move(waiting_.front());
      waiting_.pop_front();
      TimerLoop* const loop = loop_;
      // It stays until detach(), which happens here, too.
      lock.unlock();
      action(loop);
    }
  }

  std::mutex mutex_;
  TimerLoop* loop_ = nullptr;
  std::optional<Strand> strand_;
  std::deque<Action> waiting_;
};

}  // namespace cliffracer::detail
