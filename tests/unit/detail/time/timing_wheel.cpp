#include "support/catch.hpp"

#include <cliffracer/detail/time/timing_wheel.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::detail::never;
using cliffracer::detail::TimePoint;

namespace {

struct Item {
  int id = 0;
  cliffracer::detail::WheelNode<Item>* place = nullptr;
};
struct Wheel : cliffracer::detail::TimingWheel<Item, &Item::place> {
  Wheel() { reserve(10'000); }
};

constexpr TimePoint at(std::chrono::nanoseconds since_start) { return TimePoint{1000h + since_start}; }

std::vector<int> pop_all(Wheel& wheel, TimePoint now) {
  std::vector<int> ids;
  while (const Item* item = wheel.pop(now)) ids.push_back(item->id);
  return ids;
}

/// What a wheel must do, in a sorted list.
class Model {
 public:
  void push(int id, TimePoint due) { waiting_.insert({{std::max(due, popped_), number_++}, {id, due}}); }
  void remove(int id) {
    waiting_.erase(std::find_if(waiting_.begin(), waiting_.end(),
                                [&](const auto& entry) { return entry.second.first == id; }));
  }
  [[nodiscard]] TimePoint earliest() const {
    return waiting_.empty() ? never : waiting_.begin()->second.second;
  }
  int pop() {
    const auto first = waiting_.begin();
    const int id = first->second.first;
    popped_ = first->first.first;
    waiting_.erase(first);
    return id;
  }

 private:
  std::map<std::pair<TimePoint, int>, std::pair<int, TimePoint>> waiting_;
  TimePoint popped_{};
  int number_ = 0;
};

}  // namespace

TEST_CASE("an empty wheel is never due") {
  Wheel wheel;
  CHECK(wheel.empty());
  CHECK(wheel.earliest() == never);
  CHECK(wheel.pop(at(1h)) == nullptr);
}

TEST_CASE("items leave a wheel by due point, equal ones in the order they came in") {
  Wheel wheel;
  std::deque<Item> items;
  std::mt19937 random{7};
  std::vector<std::pair<TimePoint, int>> expected;
  for (int id = 0; id < 1000; ++id) {
    const TimePoint due = at(std::chrono::seconds{random() % 50});
    wheel.push(&items.emplace_back(Item{id}), due);
    expected.emplace_back(due, id);
  }
  std::sort(expected.begin(), expected.end());
  TimePoint last{};
  for (const auto& [due, id] : expected) {
    CHECK(wheel.earliest() == due);
    if (due > std::exchange(last, due)) CHECK(wheel.pop(due - 1ns) == nullptr);
    const Item* const item = wheel.pop(due);
    REQUIRE(item != nullptr);
    CHECK(item->id == id);
    CHECK(item->place == nullptr);
  }
  CHECK(wheel.empty());
}

TEST_CASE("a wheel does what a sorted list does, whatever the distances") {
  std::mt19937_64 random{11};
  for (const std::uint64_t highest_bit : {4U, 7U, 13U, 20U, 31U, 44U, 61U}) {
    Wheel wheel;
    Model model;
    std::deque<Item> items(300);
    for (std::size_t i = 0; i < items.size(); ++i) items[i].id = static_cast<int>(i);
    TimePoint now = at(0ns);
    for (int step = 0; step < 20'000; ++step) {
      Item& item = items[random() % items.size()];
      const std::chrono::nanoseconds distance{
          static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % highest_bit + 1)))};
      if (item.place == nullptr) {
        wheel.push(&item, now + distance);
        model.push(item.id, now + distance);
      } else if (random() % 4 == 0) {
        wheel.remove(&item);
        model.remove(item.id);
        CHECK(item.place == nullptr);
      }
      REQUIRE(wheel.earliest() == model.earliest());
      if (random() % 3 != 0) continue;
      if (now < at(0ns) + 200 * 365 * 24h) now += distance / 16;
      while (model.earliest() <= now) {
        const Item* const popped = wheel.pop(now);
        REQUIRE(popped != nullptr);
        REQUIRE(popped->id == model.pop());
      }
      REQUIRE(wheel.pop(now) == nullptr);
    }
  }
}

TEST_CASE("an item can wait for ever, and one for an instant at the end of the clock") {
  Wheel wheel;
  Item for_ever{1};
  Item last{2};
  wheel.push(&for_ever, never);
  CHECK(wheel.earliest() == never);
  wheel.push(&last, never - 1ns);
  CHECK(wheel.earliest() == never - 1ns);
  CHECK(pop_all(wheel, at(0ns)).empty());
  CHECK(pop_all(wheel, never - 1ns) == std::vector<int>{2});
  CHECK_FALSE(wheel.empty());
}

TEST_CASE("an item that is late already follows those that are due") {
  Wheel wheel;
  std::deque<Item> items;
  for (int id = 0; id < 3; ++id) wheel.push(&items.emplace_back(Item{id}), at(10ms));
  CHECK(wheel.pop(at(20ms))->id == 0);
  wheel.push(&items.emplace_back(Item{3}), at(1ms));
  wheel.push(&items.emplace_back(Item{4}), TimePoint::min());
  CHECK(pop_all(wheel, at(20ms)) == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("removed items leave no trace, in whichever order they go") {
  Wheel wheel;
  std::deque<Item> items;
  for (int id = 0; id < 10'000; ++id)
    wheel.push(&items.emplace_back(Item{id}), at(std::chrono::microseconds{id % 100}));
  CHECK(wheel.pop(at(0ns))->id == 0);
  std::mt19937 random{3};
  std::vector<int> order;
  for (int id = 1; id < 10'000; ++id) order.push_back(id);
  std::shuffle(order.begin(), order.end(), random);
  for (const int id : order) wheel.remove(&items[static_cast<std::size_t>(id)]);
  CHECK(wheel.empty());
  CHECK(wheel.earliest() == never);
  CHECK(wheel.pop(at(1s)) == nullptr);
  wheel.push(&items[5], at(2s));
  CHECK(pop_all(wheel, at(2s)) == std::vector<int>{5});
}

TEST_CASE("a seed decides the order of equals, and of nothing else") {
  const auto order = [](std::uint64_t seed) {
    Wheel wheel;
    wheel.shuffle_equals(seed);
    std::deque<Item> items;
    for (int id = 0; id < 200; ++id)
      wheel.push(&items.emplace_back(Item{id}), at(id < 100 ? 10ms : std::chrono::milliseconds{20 + id % 5}));
    return pop_all(wheel, at(1s));
  };
  const auto plain = order(0);
  CHECK(order(5) == order(5));
  CHECK(order(5) != order(6));
  CHECK(order(5) != plain);
  const auto shuffled = order(5);
  CHECK(std::set<int>(shuffled.begin(), shuffled.end()).size() == 200);
  CHECK(std::all_of(shuffled.begin(), shuffled.begin() + 100, [](int id) { return id < 100; }));
  CHECK(std::is_sorted(shuffled.begin() + 100, shuffled.end(),
                       [](int left, int right) { return left % 5 < right % 5; }));
}
