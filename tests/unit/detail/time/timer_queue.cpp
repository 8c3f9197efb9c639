#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <set>
#include <utility>
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
  /// Timers that write down when they were served.
  struct Timers final : Queue::Group {
    explicit Timers(Fixture& fixture) : f{fixture} {}
    struct Timer : Queue::Waiter {
      int id = 0;
    };
    void add(int id, std::chrono::nanoseconds due, std::chrono::nanoseconds tolerance = 0s) {
      Timer& timer = timers.emplace_back();
      timer.id = id;
      timer.group = this;
      timer.tolerance = tolerance;
      timer.due = f.begin + due;
      f.time.queue().reserve(1, tolerance > 0s);
      Queue::List list;
      list.push_back(&timer);
      f.time.queue().insert(list, f.time.now());
    }
    void on_due() noexcept override {
      Queue::List due = f.time.queue().take(*this);
      while (!due.empty()) {
        f.woken.push_back(static_cast<Timer*>(due.pop_front())->id);
        at.push_back(f.time.now() - f.begin);
      }
    }
    Fixture& f;
    std::deque<Timer> timers;
    std::vector<std::chrono::nanoseconds> at;
  };
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

TEST_CASE("timers that tolerate it share the wake-up of the first one that cannot wait any longer") {
  Fixture f;
  Fixture::Timers timers{f};
  timers.add(1, 10s, 5s);
  timers.add(2, 12s, 1s);
  timers.add(3, 13s, 9s);
  timers.add(4, 14s, 9s);
  CHECK(f.time.armed_for() == f.begin + 13s);
  f.time.advance(100s);
  CHECK(f.woken == std::vector<int>{1, 2, 3, 4});
  CHECK(timers.at == std::vector<std::chrono::nanoseconds>{13s, 13s, 13s, 23s});
}

TEST_CASE("a timer that tolerates it is served as soon as something else wakes the queue") {
  Fixture f;
  Fixture::Timers timers{f};
  timers.add(1, 10s, 5s);
  timers.add(2, 11s);
  f.spawn(f.sleep(3, 30s));
  timers.add(4, 29s, 5s);
  f.time.advance(100s);
  CHECK(f.woken == std::vector<int>{1, 2, 4, 3});
  CHECK(timers.at == std::vector<std::chrono::nanoseconds>{11s, 11s, 30s});
}

TEST_CASE("no choice of instants needs fewer wake-ups than the queue's") {
  Fixture f;
  Fixture::Timers timers{f};
  std::mt19937 random{5};
  std::vector<std::pair<std::chrono::nanoseconds, std::chrono::nanoseconds>> windows;
  for (int id = 0; id < 500; ++id) {
    const std::chrono::milliseconds due{random() % 100'000 + 1};
    const std::chrono::milliseconds tolerance{random() % 3'000};
    windows.emplace_back(due + tolerance, due);
    timers.add(id, due, tolerance);
  }
  f.time.advance(200s);
  // The least number of points that meet every window: always the end of the first one that is not met yet.
  std::sort(windows.begin(), windows.end());
  std::set<std::chrono::nanoseconds> least;
  for (const auto& [latest, due] : windows) {
    if (least.empty() || *least.rbegin() < due) least.insert(latest);
  }
  CHECK(std::set<std::chrono::nanoseconds>(timers.at.begin(), timers.at.end()) == least);
  REQUIRE(f.woken.size() == 500);
  for (std::size_t i = 0; i < f.woken.size(); ++i) {
    const auto& timer = timers.timers[static_cast<std::size_t>(f.woken[i])];
    const TimePoint at = f.begin + timers.at[i];
    CHECK((timer.due <= at && at <= timer.due + timer.tolerance));
  }
}

TEST_CASE("a tolerance helps no timer that is late already") {
  Fixture f;
  Fixture::Timers timers{f};
  timers.add(1, -1s, 5s);
  CHECK(f.time.armed_for() == f.begin - 1s);
  f.time.advance(0s);
  CHECK(f.woken == std::vector<int>{1});
}

TEST_CASE("a round that serves some leaves the others due at once") {
  Fixture f;
  Fixture::Timers timers{f};
  for (int id = 0; id < 5; ++id) timers.add(id, 10s, 1s);
  timers.add(5, 10s);
  f.time.pass(10s);
  for (std::size_t round = 1; round <= 6; ++round) {
    CHECK(f.time.queue().next_wake() <= f.time.now());
    f.time.queue().fire(1);
    CHECK(f.woken.size() == round);
  }
  CHECK(f.woken == std::vector<int>{5, 0, 1, 2, 3, 4});
  CHECK(f.time.queue().next_wake() == TimePoint::max());
}

TEST_CASE("a timer that was removed is not served") {
  Fixture f;
  Fixture::Timers timers{f};
  timers.add(1, 10s, 5s);
  timers.add(2, 11s);
  CHECK(f.time.queue().remove(timers.timers[0]));
  CHECK_FALSE(f.time.queue().remove(timers.timers[0]));
  f.time.advance(100s);
  CHECK(f.woken == std::vector<int>{2});
  CHECK(f.time.armed_for() == TimePoint::max());
}
