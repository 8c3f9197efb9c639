#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <chrono>
#include <deque>
#include <vector>

using namespace std::chrono_literals;
using support::Queue;
using support::TimePoint;
using support::VirtualTime;

namespace {

struct Fixture {
  asio::io_context context{1};
  cliffracer::detail::Strand strand{context.get_executor()};
  VirtualTime time{context};
  TimePoint begin = time.now();
  std::vector<int> woken;
  std::deque<Queue::Sleeper> sleepers;

  asio::awaitable<void> sleep(int id, std::chrono::nanoseconds due) {
    auto& sleeper = sleepers.emplace_back();
    co_await time.queue().sleep_until(strand, sleeper, begin + due);
    woken.push_back(id);
  }
  asio::awaitable<void> sleep_again(int id, std::chrono::nanoseconds due, int times) {
    auto& sleeper = sleepers.emplace_back();
    for (int i = 0; i < times; ++i) {
      co_await time.queue().sleep_until(strand, sleeper, begin + due);
      woken.push_back(id);
    }
  }
  void spawn(asio::awaitable<void> task) { asio::co_spawn(strand, std::move(task), asio::detached); }
};

}  // namespace

TEST_CASE("sleepers wake in the order of their due points, equal ones in the order they came") {
  Fixture f;
  f.spawn(f.sleep(1, 20s));
  f.spawn(f.sleep(2, 10s));
  f.spawn(f.sleep(3, 20s));
  f.spawn(f.sleep(4, 10s));
  f.time.advance(15s);
  CHECK(f.woken == std::vector<int>{2, 4});
  f.time.advance(5s);
  CHECK(f.woken == std::vector<int>{2, 4, 1, 3});
}

TEST_CASE("one wake-up is armed for the earliest sleeper only") {
  Fixture f;
  f.spawn(f.sleep(1, 20s));
  f.time.settle();
  CHECK(f.time.armed_for() == f.begin + 20s);
  f.spawn(f.sleep(2, 30s));
  f.time.settle();
  CHECK(f.time.times_armed == 1);
  f.spawn(f.sleep(3, 10s));
  f.time.settle();
  CHECK(f.time.armed_for() == f.begin + 10s);
  CHECK(f.time.times_armed == 2);
  f.time.advance(30s);
}

TEST_CASE("a batch that falls asleep again arms one wake-up") {
  Fixture f;
  for (int id = 0; id < 10; ++id) f.spawn(f.sleep_again(id, 10s, 1));
  for (int id = 10; id < 20; ++id) f.spawn(f.sleep(id, 30s));
  f.time.settle();
  const int before = f.time.times_armed;
  f.time.advance(10s);
  CHECK(f.woken.size() == 10);
  CHECK(f.time.times_armed == before + 1);
  f.time.advance(20s);
}

TEST_CASE("a due point in the past waits for the next round") {
  Fixture f;
  f.spawn(f.sleep_again(1, -5s, 3));
  f.time.settle();
  CHECK(f.woken.empty());
  f.time.queue().fire();
  f.time.settle();
  CHECK(f.woken.size() == 1);
  f.time.queue().fire();
  f.time.settle();
  CHECK(f.woken.size() == 2);
  f.time.advance(0s);
  CHECK(f.woken.size() == 3);
}

TEST_CASE("a sleeper can be woken early, once, and nothing stays armed without sleepers") {
  Fixture f;
  f.spawn(f.sleep(1, 20s));
  f.time.settle();
  f.time.queue().wake(f.sleepers[0]);
  // Not inside the call that wakes it.
  CHECK(f.woken.empty());
  f.time.queue().wake(f.sleepers[0]);
  f.time.settle();
  CHECK(f.woken == std::vector<int>{1});
  CHECK(f.time.armed_for() == TimePoint::max());
  f.time.advance(100s);
  CHECK(f.woken.size() == 1);
}

TEST_CASE("waking one that does not sleep does nothing") {
  Fixture f;
  Queue::Sleeper sleeper;
  f.time.queue().wake(sleeper);
  f.time.settle();
  CHECK(f.woken.empty());
}

TEST_CASE("a spurious round wakes nobody and arms again") {
  Fixture f;
  f.spawn(f.sleep(1, 20s));
  f.time.settle();
  f.time.queue().fire();
  f.time.settle();
  CHECK(f.woken.empty());
  CHECK(f.time.armed_for() == f.begin + 20s);
  f.time.advance(20s);
  CHECK(f.woken.size() == 1);
}

TEST_CASE("sleeping coroutines can be destroyed with their io_context") {
  Fixture f;
  f.spawn(f.sleep(1, 20s));
  f.spawn(f.sleep(2, 10s));
  f.time.settle();
  f.time.queue().destroy_sleepers();
  f.time.advance(100s);
  CHECK(f.woken.empty());
}
