#pragma once

#include <cliffracer/detail/time/timer_queue.hpp>

#include <asio/awaitable.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>

#include <system_error>
#include <utility>

namespace cliffracer::detail {

/// A coroutine's wait for an instant that can be ended early. One waiter at a time. Only on the strand.
class Alarm {
 public:
  /// `queue` must outlive the alarm.
  Alarm(TimerQueue& queue, Strand strand) : queue_{queue}, strand_{std::move(strand)} {}
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() { queue_.forget(sleeper_); }

  /// Waits until `due` (`never`: without end), ring(), or a terminal cancellation. Why it ended is for the
  /// caller to look at; after a cancellation its next co_await throws, as always.
  asio::awaitable<void> wait_until(TimePoint due) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    asio::cancellation_slot slot = state.slot();
    if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { ring(); });
    co_await queue_.sleep_until(strand_, sleeper_, due);
    if (slot.is_connected()) slot.clear();
  }

  /// Ends the wait, if there is one.
  void ring() noexcept { queue_.wake(sleeper_); }

 private:
  TimerQueue& queue_;
  Strand strand_;
  TimerQueue::Sleeper sleeper_;
};

/// Waits until `due` on `strand`, which the caller is on. Throws std::system_error with
/// asio::error::operation_aborted when it is cancelled.
inline asio::awaitable<void> sleep_until(TimerQueue& queue, Strand strand, TimePoint due) {
  Alarm alarm{queue, std::move(strand)};
  co_await alarm.wait_until(due);
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    throw std::system_error{asio::error::operation_aborted, "sleep"};
}

}  // namespace cliffracer::detail
