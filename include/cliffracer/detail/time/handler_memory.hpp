#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace cliffracer::detail {

/// Memory for what Asio allocates for one handler: with a strand two blocks, and for a wait that is replaced
/// one for each that has not ended yet. Kept between operations, so that a repeated one allocates only once.
/// A fifth block at the same time comes from the heap.
class HandlerMemory {
 public:
  HandlerMemory() = default;
  HandlerMemory(const HandlerMemory&) = delete;
  HandlerMemory& operator=(const HandlerMemory&) = delete;
  ~HandlerMemory() {
    for (const Block& block : blocks_) ::operator delete(block.memory);
  }

  [[nodiscard]] void* allocate(std::size_t bytes) {
    for (Block& block : blocks_) {
      if (block.in_use) continue;
      if (bytes > block.size) {
        ::operator delete(std::exchange(block.memory, nullptr));
        block.size = 0;
        block.memory = ::operator new(bytes);
        block.size = bytes;
      }
      block.in_use = true;
      return block.memory;
    }
    return ::operator new(bytes);
  }

  void deallocate(void* memory) noexcept {
    for (Block& block : blocks_) {
      if (block.memory != memory) continue;
      block.in_use = false;
      return;
    }
    ::operator delete(memory);
  }

 private:
  struct Block {
    void* memory = nullptr;
    std::size_t size = 0;
    bool in_use = false;
  };
  std::array<Block, 4> blocks_;
};

/// The allocator that hands HandlerMemory to Asio.
template <class T>
class HandlerAllocator {
 public:
  using value_type = T;

  explicit HandlerAllocator(HandlerMemory& memory) noexcept : memory_{&memory} {}
  template <class U>
  HandlerAllocator(const HandlerAllocator<U>& other) noexcept : memory_{other.memory_} {}  // NOLINT: rebind

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(memory_->allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { memory_->deallocate(memory); }

  friend bool operator==(HandlerAllocator left, HandlerAllocator right) noexcept {
    return left.memory_ == right.memory_;
  }

 private:
  template <class>
  friend class HandlerAllocator;
  HandlerMemory* memory_;
};

}  // namespace cliffracer::detail
