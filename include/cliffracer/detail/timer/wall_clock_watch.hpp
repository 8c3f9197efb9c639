#pragma once

#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/time/wall_clock.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

namespace cliffracer::detail {

/// Sees within a second that the wall clock was set, and when it is asked to look. Only on the strand.
class WallClockWatch final : private TimeSource::ClockWatcher {
 public:
  /// Told by how much the clock was set.
  using Stepped = std::function<void(std::chrono::nanoseconds)>;

  /// `queue` must outlive the watch.
  WallClockWatch(TimerQueue& queue, const Strand& strand, Stepped stepped)
      : queue_{queue}, alarm_{queue, strand}, stepped_{std::move(stepped)} {}
  WallClockWatch(const WallClockWatch&) = delete;
  WallClockWatch& operator=(const WallClockWatch&) = delete;
  ~WallClockWatch() { queue_.source().forget(*this); }

  /// From now on, in a task of `tasks`. Later calls do nothing. Throws std::bad_alloc.
  void start(TaskGroup& tasks) {
    if (clock_) return;
    clock_.emplace(queue_.source());
    is_told_ = queue_.source().tell_of_clock(*this);
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

  void clock_was_set() noexcept override {
    was_set_ = true;
    alarm_.ring();
  }

  asio::awaitable<void> watch() {
    const TimePoint begin = queue_.now();
    while (!is_stopped_) {
      if (is_told_ && !was_set_) {
        co_await alarm_.wait_until(never);
        continue;
      }
      // When it is told it looks when it would otherwise have looked, too.
      const TimePoint next = later(begin, (elapsed(begin, queue_.now()) / period + 1) * period);
      co_await alarm_.wait_until(next);
      if (queue_.now() < next) continue;
      was_set_ = false;
      look();
    }
  }

  TimerQueue& queue_;
  Alarm alarm_;
  Stepped stepped_;
  std::optional<WallClock> clock_;
  bool is_told_ = false;
  bool was_set_ = false;
  bool is_stopped_ = false;
};

}  // namespace cliffracer::detail
