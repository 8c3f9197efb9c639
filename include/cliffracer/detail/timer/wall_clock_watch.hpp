#pragma once

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/time/wall_clock.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

namespace cliffracer::detail {

/// Sees that the wall clock was set: every second, and when it is asked to look. Only on the strand.
class WallClockWatch {
 public:
  /// Told by how much the clock was set.
  using Stepped = std::function<void(std::chrono::nanoseconds)>;

  /// `queue` must outlive the watch.
  WallClockWatch(TimerQueue& queue, const Strand& strand, Stepped stepped)
      : queue_{queue}, alarm_{queue, strand}, stepped_{std::move(stepped)} {}

  /// From now on, in a task of `tasks`. Later calls do nothing. Throws std::bad_alloc.
  void start(TaskGroup& tasks) {
    if (clock_) return;
    clock_.emplace(queue_.source());
    tasks.spawn({}, watch());
  }

  void stop() noexcept {
    is_stopped_ = true;
    alarm_.ring();
  }

  /// After start(): from the timers' clock to the wall clock, as of the newest look.
  [[nodiscard]] std::chrono::nanoseconds offset() const noexcept { return clock_->offset(); }

  /// After start().
  void look() {
    if (const auto step = clock_->look(); step.count() != 0 && !is_stopped_) stepped_(step);
  }

 private:
  // How long after it was set aligned timers still go by the old wall clock at most.
  static constexpr std::chrono::nanoseconds period = std::chrono::seconds{1};

  asio::awaitable<void> watch() {
    while (!is_stopped_) {
      co_await alarm_.wait_until(later(queue_.now(), period));
      look();
    }
  }

  TimerQueue& queue_;
  Alarm alarm_;
  Stepped stepped_;
  std::optional<WallClock> clock_;
  bool is_stopped_ = false;
};

}  // namespace cliffracer::detail
