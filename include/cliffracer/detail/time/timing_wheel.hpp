#pragma once

#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/wheel_chunks.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace cliffracer::detail {

/// Items by due point, first come first served among equals unless shuffled: a hierarchical timing wheel that
/// keeps the exact order.
///
/// Due points are read as numbers of eleven digits in base 64. An item lies on the level of the highest digit
/// that differs between its due point and the instant that the wheel has come to, in the slot of that digit.
/// When the wheel comes to a slot, its items move to lower levels, or, if they are few, are sorted. So an
/// item is written about three times into memory that lies together, however many there are, and only its own
/// place is touched in it: `item->*Place`, null while it does not wait.
///
/// Items that come in when their due point has passed already follow those that are due at that time.
template <class Item, WheelNode<Item>* Item::*Place>
class TimingWheel {
 public:
  using Node = WheelNode<Item>;

  TimingWheel() = default;
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  /// Room for so many items at once: push() relies on it.
  void reserve(std::size_t items) {
    const std::size_t nodes = items + most_removed(items);
    // Each slot's last chunk may be almost empty; some are in use while nodes move.
    chunks_.reserve(nodes / Chunk::most + std::min(nodes, levels * slots) + 4);
  }

  void push(Item* item, TimePoint due) noexcept {
    ++size_;
    put({due, item});
  }

  void remove(Item* item) noexcept {
    Node* const node = std::exchange(item->*Place, nullptr);
    node->item = nullptr;
    --size_;
    ++removed_;
    Slot& slot = slot_at(position_of(node->due));
    if (slot.earliest == node->due) slot.is_exact = false;
    // Their nodes are left behind until the wheel comes to them, but not without bound.
    if (removed_ > most_removed(size_)) sweep();
  }

  /// `never` when empty.
  [[nodiscard]] TimePoint earliest() noexcept {
    skip_removed();
    if (open_.first) return open_.first->nodes[open_begin_].due;
    while (levels_ != 0) {
      const Position lowest = lowest_slot();
      if (find_earliest(slot_at(lowest))) return slot_at(lowest).earliest;
      empty_out(detach(lowest), 0, [](const Node&) {});
    }
    return never;
  }

  /// The earliest item, when it is due; else null. `now` never goes back.
  Item* pop(TimePoint now) noexcept {
    skip_removed();
    if (!open_.first && !open_next(now)) return nullptr;
    Item* const item = std::exchange(open_.first->nodes[open_begin_].item, nullptr);
    item->*Place = nullptr;
    --size_;
    ++removed_;
    return item;
  }

  /// Comes to `now`, when nothing is due by then: what is spread over finer slots is found faster.
  void pass(TimePoint now) noexcept {
    skip_removed();
    if (!open_.first) static_cast<void>(open_next(now));
  }

  /// From now on the order among equals is a random one that `seed` decides; 0: first come, first served.
  void shuffle_equals(std::uint64_t seed) noexcept { random_ = seed; }

 private:
  using Chunks = WheelChunks<Item, Place>;
  using Chunk = typename Chunks::Chunk;
  using Slot = typename Chunks::Slot;

  static constexpr std::size_t slots = 64;
  static constexpr std::size_t bits = 6;
  static constexpr std::size_t levels = 11;

  struct Position {
    std::size_t level;
    std::size_t index;
  };

  [[nodiscard]] static constexpr std::uint64_t number(TimePoint instant) noexcept {
    return static_cast<std::uint64_t>(instant.time_since_epoch().count());
  }

  [[nodiscard]] static constexpr std::size_t most_removed(std::size_t size) noexcept {
    return size / 4 + slots;
  }

  [[nodiscard]] Slot& slot_at(Position at) noexcept { return slots_[at.level * slots + at.index]; }

  [[nodiscard]] Position lowest_slot() const noexcept {
    const auto level = static_cast<std::size_t>(std::countr_zero(levels_));
    return {level, static_cast<std::size_t>(std::countr_zero(occupied_[level]))};
  }

  [[nodiscard]] Slot detach(Position at) noexcept {
    occupied_[at.level] &= ~(std::uint64_t{1} << at.index);
    if (occupied_[at.level] == 0) levels_ &= ~(std::uint64_t{1} << at.level);
    return std::exchange(slot_at(at), Slot{});
  }

  [[nodiscard]] Position position_of(TimePoint due) const noexcept {
    const std::uint64_t place = number(std::max(due, reached_));
    const std::uint64_t difference = place ^ number(reached_);
    const std::size_t level =
        difference == 0 ? 0 : (static_cast<std::size_t>(std::bit_width(difference)) - 1) / bits;
    return {level, (place >> (level * bits)) % slots};
  }

  void put(const Node& node) noexcept {
    const Position at = position_of(node.due);
    levels_ |= std::uint64_t{1} << at.level;
    occupied_[at.level] |= std::uint64_t{1} << at.index;
    chunks_.append(slot_at(at), node);
  }

  template <class Take>
  void empty_out(const Slot& slot, std::size_t begin, Take take) noexcept {
    removed_ -= chunks_.empty_out(slot, begin, take);
  }

  /// Comes to the next slot that holds something due and opens it. False: nothing is due.
  bool open_next(TimePoint now) noexcept {
    while (levels_ != 0) {
      const Position lowest = lowest_slot();
      const std::size_t shift = lowest.level * bits;
      // The digits above the level are those of the instant that the wheel has come to.
      const std::uint64_t above =
          shift + bits < 64 ? number(reached_) >> (shift + bits) << (shift + bits) : 0;
      const std::uint64_t start = above | (std::uint64_t{lowest.index} << shift);
      if (start > number(now)) break;
      const bool is_past = number(now) - start >= (std::uint64_t{1} << shift) - 1;
      const Slot slot = detach(lowest);
      const bool is_small = slot.first == slot.last || lowest.level == 0;
      const TimePoint slot_start{std::chrono::nanoseconds{static_cast<std::int64_t>(start)}};
      reached_ = std::max(reached_, is_small && !is_past ? now : slot_start);
      if (!is_small) {
        empty_out(slot, 0, [this](const Node& node) { put(node); });
        continue;
      }
      if (lowest.level == 0) {
        open_ = slot;
      } else if (is_past) {
        open_ = slot;
        sort_open();
      } else {
        empty_out(slot, 0, [&](const Node& node) {
          if (node.due <= now) {
            chunks_.append(open_, node);
          } else {
            put(node);
          }
        });
        sort_open();
      }
      if (random_ != 0) shuffle_open();
      skip_removed();
      if (open_.first) return true;
    }
    reached_ = std::max(reached_, now);
    return false;
  }

  /// One chunk at most: few enough to move each to its place.
  void sort_open() noexcept {
    if (!open_.first || open_.first->size == 1) return;
    auto* const nodes = open_.first->nodes.data();
    for (std::size_t i = 1; i < open_.first->size; ++i) {
      const Node node = nodes[i];
      std::size_t at = i;
      for (; at > 0 && node.due < nodes[at - 1].due; --at) nodes[at] = nodes[at - 1];
      nodes[at] = node;
    }
    for (std::size_t i = 0; i < open_.first->size; ++i) {
      if (nodes[i].item) nodes[i].item->*Place = &nodes[i];
    }
  }

  [[nodiscard]] static Node& node_at(Slot& slot, std::size_t index) noexcept {
    Chunk* chunk = slot.first;
    for (; index >= Chunk::most; index -= Chunk::most) chunk = chunk->next;
    return chunk->nodes[index];
  }

  void shuffle_open() noexcept {
    std::size_t index = 0;
    for (Chunk* chunk = open_.first; chunk; chunk = chunk->next) {
      for (std::size_t i = 0; i < chunk->size; ++i, ++index) {
        Node& node = chunk->nodes[i];
        Node& other = node_at(open_, next_random() % (index + 1));
        if (node.due != other.due) continue;
        std::swap(node, other);
        if (node.item) node.item->*Place = &node;
        if (other.item) other.item->*Place = &other;
      }
    }
  }

  [[nodiscard]] std::uint64_t next_random() noexcept {
    const std::uint64_t number = next_splitmix64(random_);
    if (random_ == 0) random_ = 1;
    return number;
  }

  /// Comes to a node of the open slot that was not removed; there may be none left.
  void skip_removed() noexcept {
    while (open_.first) {
      for (; open_begin_ < open_.first->size; ++open_begin_, --removed_) {
        if (open_.first->nodes[open_begin_].item) return;
      }
      chunks_.give_back(std::exchange(open_.first, open_.first->next));
      open_begin_ = 0;
    }
    open_ = Slot{};
  }

  /// False: all of the slot's items were removed.
  [[nodiscard]] static bool find_earliest(Slot& slot) noexcept {
    if (slot.is_exact) return true;
    slot.earliest = never;
    for (const Chunk* chunk = slot.first; chunk; chunk = chunk->next) {
      for (std::size_t i = 0; i < chunk->size; ++i) {
        if (!chunk->nodes[i].item) continue;
        slot.earliest = std::min(slot.earliest, chunk->nodes[i].due);
        slot.is_exact = true;
      }
    }
    return slot.is_exact;
  }

  void sweep() noexcept {
    Slot kept;
    const auto keep = [&](const Node& node) { chunks_.append(kept, node); };
    empty_out(open_, std::exchange(open_begin_, 0), keep);
    open_ = std::exchange(kept, Slot{});
    for (std::size_t level = 0; level < levels; ++level) {
      for (std::uint64_t left = occupied_[level]; left != 0; left &= left - 1) {
        const Position at{level, static_cast<std::size_t>(std::countr_zero(left))};
        empty_out(detach(at), 0, [this](const Node& node) { put(node); });
      }
    }
  }

  std::array<Slot, levels * slots> slots_{};
  std::array<std::uint64_t, levels> occupied_{};  // a bit for each slot
  std::uint64_t levels_ = 0;                      // a bit for each level
  Slot open_;                                     // due, in order
  std::size_t open_begin_ = 0;                    // in its first chunk
  TimePoint reached_{};
  std::size_t size_ = 0;
  std::size_t removed_ = 0;  // nodes without item
  Chunks chunks_;
  std::uint64_t random_ = 0;
};

}  // namespace cliffracer::detail
