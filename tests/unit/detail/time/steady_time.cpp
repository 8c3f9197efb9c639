#include "support/catch.hpp"

#include <cliffracer/detail/time/steady_time.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <memory>

using namespace std::chrono_literals;
using cliffracer::detail::SteadyTime;
using cliffracer::detail::Strand;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerQueue;

namespace {

asio::awaitable<void> sleep(const Strand& strand, TimerQueue& queue, TimerQueue::Sleeper& sleeper,
                            TimePoint due, bool& is_awake) {
  co_await queue.sleep_until(strand, sleeper, due);
  is_awake = true;
}

}  // namespace

TEST_CASE("what is due already wakes without the kernel's timer") {
  asio::io_context context;
  const Strand strand{context.get_executor()};
  SteadyTime time{context};
  auto& queue = time.queue();
  TimerQueue::Sleeper sleeper;
  bool is_awake = false;
  asio::co_spawn(strand, sleep(strand, queue, sleeper, queue.now(), is_awake), asio::detached);
  context.run();
  CHECK(is_awake);
}

TEST_CASE("waking the last sleeper lets io_context::run() return") {
  asio::io_context context;
  const Strand strand{context.get_executor()};
  SteadyTime time{context};
  auto& queue = time.queue();
  TimerQueue::Sleeper sleeper;
  bool is_awake = false;
  asio::co_spawn(strand, sleep(strand, queue, sleeper, queue.now() + 1h, is_awake), asio::detached);
  context.poll();
  CHECK_FALSE(is_awake);
  queue.wake(sleeper);
  context.run();
  CHECK(is_awake);
}

TEST_CASE("nothing stays armed when a late sleeper comes between the last two") {
  asio::io_context context;
  const Strand strand{context.get_executor()};
  SteadyTime time{context};
  auto& queue = time.queue();
  TimerQueue::Sleeper far;
  TimerQueue::Sleeper late;
  bool far_awake = false;
  bool late_awake = false;
  asio::co_spawn(strand, sleep(strand, queue, far, queue.now() + 1h, far_awake), asio::detached);
  asio::co_spawn(strand, sleep(strand, queue, late, queue.now() - 1s, late_awake), asio::detached);
  // Until both sleep, and the round for the late one is on its way.
  while (!late.place) context.run_one();
  queue.wake(far);
  CHECK(context.run_for(5s) > 0);
  CHECK(far_awake);
  CHECK(late_awake);
  // Out of work, not out of time.
  CHECK(context.stopped());
}

TEST_CASE("what sleeps when the time ends is destroyed") {
  bool is_awake = false;
  TimerQueue::Sleeper sleeper;
  {
    asio::io_context context;
    const Strand strand{context.get_executor()};
    SteadyTime time{context};
    auto& queue = time.queue();
    asio::co_spawn(strand, sleep(strand, queue, sleeper, queue.now() + 1h, is_awake), asio::detached);
    context.poll();
    time.shut_down();
    // The rest of the wait lies in memory of the time's.
    context.poll();
  }
  CHECK_FALSE(is_awake);
}
