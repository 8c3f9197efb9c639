#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/wheel_chunks.hpp>

#include <chrono>
#include <utility>

namespace cliffracer::detail {

class TimerGroup;

/// A place in the queue. Stays where it is while it waits or is in a list.
struct TimerWaiter {
  TimePoint due{};
  std::chrono::nanoseconds tolerance{0};
  TimerGroup* group = nullptr;  // null: a coroutine that sleeps
  TimerWaiter* next = nullptr;  // in a TimerList
  WheelNode<TimerWaiter>* place = nullptr;
  WheelNode<TimerWaiter>* place_by_latest = nullptr;  // only in the wheels of those with a tolerance
};

/// First in, first out.
class TimerList {
 public:
  [[nodiscard]] bool empty() const noexcept { return !first_; }
  [[nodiscard]] TimerWaiter* front() const noexcept { return first_; }
  void push_back(TimerWaiter* waiter) noexcept {
    waiter->next = nullptr;
    (first_ ? last_->next : first_) = waiter;
    last_ = waiter;
  }
  void append(const TimerList& other) noexcept {
    if (other.empty()) return;
    (first_ ? last_->next : first_) = other.first_;
    last_ = other.last_;
  }
  TimerWaiter* pop_front() noexcept { return std::exchange(first_, first_->next); }

 private:
  TimerWaiter* first_ = nullptr;
  TimerWaiter* last_ = nullptr;
};

/// Timers that are told together of their due points.
class TimerGroup {
 public:
  TimerGroup() = default;
  TimerGroup(const TimerGroup&) = delete;
  TimerGroup& operator=(const TimerGroup&) = delete;

 protected:
  ~TimerGroup() = default;

 private:
  friend class TimerQueue;
  /// Some are due: take() them. Not called again before that. On any thread that runs the io_context.
  virtual void on_due() noexcept = 0;

  TimerList due_;
  TimerGroup* next_ = nullptr;
  bool is_told_ = false;
};

}  // namespace cliffracer::detail
