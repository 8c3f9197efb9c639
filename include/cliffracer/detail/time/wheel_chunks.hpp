#pragma once

#include <cliffracer/detail/time/time_point.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// Where an item waits in a TimingWheel.
template <class Item>
struct WheelNode {
  TimePoint due;
  Item* item;  // null: it was removed
};

/// The memory of a TimingWheel: chunks of nodes, four cache lines each, that its slots take and give back.
template <class Item, WheelNode<Item>* Item::*Place>
class WheelChunks {
 public:
  using Node = WheelNode<Item>;

  struct Chunk {
    static constexpr std::size_t most = 15;

    Chunk* next;
    std::size_t size;
    std::array<Node, most> nodes;
  };
  static_assert(sizeof(Chunk) == 256);

  /// A list of nodes: all of its chunks but the last are full.
  struct Slot {
    Chunk* first = nullptr;
    Chunk* last = nullptr;
    TimePoint earliest = never;  // not later than any node in it
    bool is_exact = true;        // whether a node is as early as `earliest`
  };

  /// Has so many chunks at least: append() relies on it.
  void reserve(std::size_t chunks) {
    if (chunks <= count_) return;
    const std::size_t more = std::max(chunks - count_, count_ / 4);
    memory_.reserve(memory_.size() + 1);
    memory_.push_back(std::make_unique_for_overwrite<Chunk[]>(more));
    count_ += more;
    for (std::size_t i = 0; i < more; ++i) give_back(&memory_.back()[i]);
  }

  void append(Slot& slot, const Node& node) noexcept {
    if (!slot.last || slot.last->size == Chunk::most) {
      Chunk* const chunk = std::exchange(free_, free_->next);
      chunk->next = nullptr;
      chunk->size = 0;
      (slot.last ? slot.last->next : slot.first) = chunk;
      slot.last = chunk;
    }
    Node& place = slot.last->nodes[slot.last->size++];
    place = node;
    node.item->*Place = &place;
    if (node.due < slot.earliest) {
      slot.earliest = node.due;
      slot.is_exact = true;
    }
  }

  void give_back(Chunk* chunk) noexcept {
    chunk->next = free_;
    free_ = chunk;
  }

  /// Calls `take` with each node of a slot that was not removed, from the first chunk's `begin`, and gives
  /// the chunks back. Returns how many were removed.
  template <class Take>
  std::size_t empty_out(const Slot& slot, std::size_t begin, Take take) noexcept {
    std::size_t removed = 0;
    for (Chunk* chunk = slot.first; chunk; begin = 0) {
      for (std::size_t i = begin; i < chunk->size; ++i) {
        if (chunk->nodes[i].item) {
          take(chunk->nodes[i]);
        } else {
          ++removed;
        }
      }
      give_back(std::exchange(chunk, chunk->next));
    }
    return removed;
  }

 private:
  Chunk* free_ = nullptr;
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<Chunk[]>> memory_;
};

}  // namespace cliffracer::detail
