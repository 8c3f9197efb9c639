#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

namespace cliffracer::detail {

/// Memory for what Asio allocates for one handler: with a strand two blocks, and for a wait that is replaced
/// one for each that has not ended yet. Kept between operations, so that a repeated one allocates only once.
/// A fifth block at the same time comes from the heap. Thread-safe, because an operation may end on one
/// thread while the next begins on another.
class OperationMemory {
 public:
  OperationMemory() = default;
  OperationMemory(const OperationMemory&) = delete;
  OperationMemory& operator=(const OperationMemory&) = delete;
  ~OperationMemory() {
    for (const Block& block : blocks_) ::operator delete(block.memory.load(std::memory_order_relaxed));
  }

  [[nodiscard]] void* allocate(std::size_t bytes) {
    for (Block& block : blocks_) {
      if (block.in_use.exchange(true, std::memory_order_acquire)) continue;
      if (bytes > block.size) {
        ::operator delete(block.memory.exchange(nullptr, std::memory_order_relaxed));
        block.size = 0;
        try {
          block.memory.store(::operator new(bytes), std::memory_order_relaxed);
        } catch (...) {
          block.in_use.store(false, std::memory_order_release);
          throw;
        }
        block.size = bytes;
      }
      return block.memory.load(std::memory_order_relaxed);
    }
    return ::operator new(bytes);
  }

  void deallocate(void* memory) noexcept {
    for (Block& block : blocks_) {
      if (block.memory.load(std::memory_order_relaxed) != memory) continue;
      block.in_use.store(false, std::memory_order_release);
      return;
    }
    ::operator delete(memory);
  }

 private:
  struct Block {
    std::atomic<void*> memory{nullptr};
    std::size_t size = 0;  // whoever has it in use
    std::atomic<bool> in_use{false};
  };
  std::array<Block, 4> blocks_;
};

/// The allocator that hands OperationMemory to Asio.
template <class T>
class OperationAllocator {
 public:
  using value_type = T;

  explicit OperationAllocator(OperationMemory& memory) noexcept : memory_{&memory} {}
  template <class U>
  OperationAllocator(const OperationAllocator<U>& other) noexcept
      : memory_{other.memory_} {}  // NOLINT: rebind

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(memory_->allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { memory_->deallocate(memory); }

  friend bool operator==(OperationAllocator left, OperationAllocator right) noexcept {
    return left.memory_ == right.memory_;
  }

 private:
  template <class>
  friend class OperationAllocator;
  OperationMemory* memory_;
};

}  // namespace cliffracer::detail
