#pragma once

// Replaces operator new and operator delete of the program that includes it, in one source only, which
// defines
//   support::before_allocation()   called before each; may throw std::bad_alloc

#include <cstddef>
#include <cstdlib>
#include <new>

namespace support {

void before_allocation();

namespace detail {

inline void* allocated(std::size_t size) {
  before_allocation();
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (!memory) throw std::bad_alloc{};
  return memory;
}

inline void* allocated(std::size_t size, std::align_val_t alignment) {
  before_allocation();
  const auto align = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align);
  if (!memory) throw std::bad_alloc{};
  return memory;
}

inline void* allocated_or_null(std::size_t size) noexcept {
  try {
    return allocated(size);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace detail
}  // namespace support

void* operator new(std::size_t size) { return support::detail::allocated(size); }
void* operator new[](std::size_t size) { return support::detail::allocated(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return support::detail::allocated_or_null(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return support::detail::allocated_or_null(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return support::detail::allocated(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return support::detail::allocated(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
