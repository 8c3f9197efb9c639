#pragma once

#include "support/virtual_time.hpp"

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <vector>

namespace support {

using Starts = std::vector<std::chrono::nanoseconds>;

/// The service of a test of timers: its methods write down when they ran. A test adds methods of its own in a
/// class derived from this one.
struct NotedRuns {
  explicit NotedRuns(TimerWorld& w) : world{w} {}

  asio::awaitable<void> tick() {
    note();
    co_return;
  }
  /// Until it is cancelled.
  asio::awaitable<void> hangs() {
    note();
    co_await never();
  }
  /// Cannot be cancelled.
  asio::awaitable<void> sleeps() {
    note();
    cliffracer::detail::TimerQueue::Sleeper sleeper;
    co_await world.time.queue().sleep_until(world.strand, sleeper, world.time.now() + sleeps_for);
    ++ended;
  }

  void note() { starts.push_back(world.time.now() - begin); }

  /// Throws when it is cancelled.
  static asio::awaitable<void> never() {
    asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
    co_await timer.async_wait(asio::use_awaitable);
  }

  TimerWorld& world;
  TimePoint begin = world.time.now();
  Starts starts;
  std::chrono::nanoseconds sleeps_for{};
  int ended = 0;  // of those that slept
};

}  // namespace support
