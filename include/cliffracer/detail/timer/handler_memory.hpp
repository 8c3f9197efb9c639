#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace cliffracer::detail {

/// One block of memory for the one asynchronous operation that is under way: kept between operations, so that a
/// repeated operation allocates only once. Not for two operations at a time.
class HandlerMemory {
 public:
  [[nodiscard]] void* allocate(std::size_t bytes) {
    if (bytes > size_) {
      block_.reset();
      size_ = 0;
      block_ = std::make_unique<std::byte[]>(bytes);
      size_ = bytes;
    }
    return block_.get();
  }

 private:
  std::unique_ptr<std::byte[]> block_;
  std::size_t size_ = 0;
};

/// The allocator that hands HandlerMemory to Asio.
template <class T>
class HandlerAllocator {
 public:
  using value_type = T;

  explicit HandlerAllocator(HandlerMemory& memory) noexcept : memory_{&memory} {}
  template <class U>
  HandlerAllocator(const HandlerAllocator<U>& other) noexcept : memory_{other.memory_} {}  // NOLINT: rebind

  [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
  void deallocate(T*, std::size_t) noexcept {}

  friend bool operator==(HandlerAllocator left, HandlerAllocator right) noexcept {
    return left.memory_ == right.memory_;
  }

 private:
  template <class>
  friend class HandlerAllocator;
  HandlerMemory* memory_;
};

}  // namespace cliffracer::detail
