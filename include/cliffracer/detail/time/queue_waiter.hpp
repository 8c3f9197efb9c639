#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/wheel_chunks.hpp>

#include <chrono>
#include <utility>

namespace cliffracer::detail {

class DueReceiver;

/// A place in the queue. Stays where it is while it waits or is in a list.
struct QueueWaiter {
  TimePoint due{};
  std::chrono::nanoseconds tolerance{0};
  DueReceiver* group = nullptr;  // null: a coroutine that sleeps
  QueueWaiter* next = nullptr;   // in a WaiterList
  WheelNode<QueueWaiter>* place = nullptr;
  WheelNode<QueueWaiter>* place_by_latest = nullptr;  // only in the wheels of those with a tolerance
};

/// First in, first out.
class WaiterList {
 public:
  [[nodiscard]] bool empty() const noexcept { return !first_; }
  [[nodiscard]] QueueWaiter* front() const noexcept { return first_; }
  void push_back(QueueWaiter* waiter) noexcept {
    waiter->next = nullptr;
    (first_ ? last_->next : first_) = waiter;
    last_ = waiter;
  }
  void append(const WaiterList& other) noexcept {
    if (other.empty()) return;
    (first_ ? last_->next : first_) = other.first_;
    last_ = other.last_;
  }
  QueueWaiter* pop_front() noexcept { return std::exchange(first_, first_->next); }

 private:
  QueueWaiter* first_ = nullptr;
  QueueWaiter* last_ = nullptr;
};

/// Timers that are told together of their due points.
class DueReceiver {
 public:
  DueReceiver() = default;
  DueReceiver(const DueReceiver&) = delete;
  DueReceiver& operator=(const DueReceiver&) = delete;

 protected:
  ~DueReceiver() = default;

 private:
  friend class TimerQueue;
  /// Some are due: take() them. Not called again before that. On any thread that runs the io_context.
  virtual void on_due() noexcept = 0;

  WaiterList due_;
  DueReceiver* next_ = nullptr;
  bool is_told_ = false;
};

}  // namespace cliffracer::detail
