#pragma once

#include <cliffracer/detail/time/time_point.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// A 4-ary min-heap of items by due point, first come first served among equals unless shuffled. An item
/// knows its place
/// (`item->heap_index`), so that it can be removed from the middle.
template <class Item>
class DueHeap {
 public:
  static constexpr std::size_t absent = static_cast<std::size_t>(-1);

  [[nodiscard]] bool empty() const noexcept { return nodes_.empty(); }
  [[nodiscard]] TimePoint earliest() const noexcept { return nodes_.empty() ? never : nodes_.front().due; }

  void push(Item* item, TimePoint due) {
    const std::uint64_t number = next_number_++;
    nodes_.push_back({due, seed_ == 0 ? number : scrambled(number), item});
    sift_up(nodes_.size() - 1);
  }

  /// From now on the order among equals is a random one that `seed` decides; 0: first come, first served.
  void shuffle_equals(std::uint64_t seed) noexcept { seed_ = seed; }

  Item* pop() noexcept {
    Item* item = nodes_.front().item;
    remove(item);
    return item;
  }

  void remove(Item* item) noexcept {
    const std::size_t index = std::exchange(item->heap_index, absent);
    const Node last = nodes_.back();
    nodes_.pop_back();
    if (index == nodes_.size()) return;
    place(index, last);
    sift_down(index);
    sift_up(last.item->heap_index);
  }

 private:
  struct Node {
    TimePoint due;
    std::uint64_t number;
    Item* item;

    bool before(const Node& other) const noexcept {
      return due < other.due || (due == other.due && number < other.number);
    }
  };

  /// Numbers next to each other come out far apart, and each only once.
  [[nodiscard]] std::uint64_t scrambled(std::uint64_t number) const noexcept {
    number += seed_ * 0x9e3779b97f4a7c15U;
    number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
    number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
    return number ^ (number >> 31U);
  }

  void place(std::size_t index, const Node& node) noexcept {
    nodes_[index] = node;
    node.item->heap_index = index;
  }

  void sift_up(std::size_t index) noexcept {
    const Node node = nodes_[index];
    for (; index > 0 && node.before(nodes_[(index - 1) / 4]); index = (index - 1) / 4) {
      place(index, nodes_[(index - 1) / 4]);
    }
    place(index, node);
  }

  void sift_down(std::size_t index) noexcept {
    const Node node = nodes_[index];
    for (;;) {
      const std::size_t first = index * 4 + 1;
      if (first >= nodes_.size()) break;
      const auto begin = nodes_.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end = nodes_.begin() + static_cast<std::ptrdiff_t>(std::min(first + 4, nodes_.size()));
      const auto least = std::min_element(
          begin, end, [](const Node& left, const Node& right) { return left.before(right); });
      if (!least->before(node)) break;
      place(index, *least);
      index = static_cast<std::size_t>(least - nodes_.begin());
    }
    place(index, node);
  }

  std::vector<Node> nodes_;
  std::uint64_t next_number_ = 0;
  std::uint64_t seed_ = 0;
};

}  // namespace cliffracer::detail
