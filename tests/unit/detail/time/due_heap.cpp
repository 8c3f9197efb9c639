#include "support/catch.hpp"

#include <cliffracer/detail/time/due_heap.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::detail::TimePoint;

namespace {

struct Item {
  int id = 0;
  std::size_t heap_index = cliffracer::detail::DueHeap<Item>::absent;
};
using Heap = cliffracer::detail::DueHeap<Item>;

}  // namespace

TEST_CASE("an empty heap is never due") {
  const Heap heap;
  CHECK(heap.empty());
  CHECK(heap.earliest() == TimePoint::max());
}

TEST_CASE("items come out by due point, equal ones in the order they came in") {
  Heap heap;
  std::deque<Item> items;
  std::mt19937 random{7};
  std::vector<std::pair<TimePoint, int>> expected;
  for (int id = 0; id < 1000; ++id) {
    const TimePoint due{std::chrono::seconds{random() % 50}};
    heap.push(&items.emplace_back(Item{id}), due);
    expected.emplace_back(due, id);
  }
  std::stable_sort(expected.begin(), expected.end(), [](auto& a, auto& b) { return a.first < b.first; });
  bool in_order = true;
  for (const auto& [due, id] : expected) {
    in_order = in_order && heap.earliest() == due;
    Item* item = heap.pop();
    in_order = in_order && item->id == id && item->heap_index == Heap::absent;
  }
  CHECK(in_order);
  CHECK(heap.empty());
}

TEST_CASE("an item can be removed from anywhere") {
  std::mt19937 random{11};
  bool in_order = true;
  for (int round = 0; round < 200; ++round) {
    Heap heap;
    std::deque<Item> items;
    for (int id = 0; id < 40; ++id)
      heap.push(&items.emplace_back(Item{id}), TimePoint{std::chrono::seconds{random() % 20}});
    for (int removed = 0; removed < 20; ++removed) {
      Item& item = items[random() % items.size()];
      if (item.heap_index != Heap::absent) heap.remove(&item);
    }
    TimePoint last = TimePoint::min();
    while (!heap.empty()) {
      in_order = in_order && heap.earliest() >= last;
      last = heap.earliest();
      heap.pop();
    }
    for (const Item& item : items) in_order = in_order && item.heap_index == Heap::absent;
  }
  CHECK(in_order);
}
