#include "support/catch.hpp"

#include <cliffracer/detail/coroutine/operation_memory.hpp>

#include <cstddef>
#include <set>

using cliffracer::detail::OperationAllocator;
using cliffracer::detail::OperationMemory;

TEST_CASE("a freed block is handed out again") {
  OperationMemory memory;
  void* const first = memory.allocate(64);
  memory.deallocate(first);
  CHECK(memory.allocate(32) == first);
  memory.deallocate(first);
}

TEST_CASE("blocks in use at the same time do not share memory, and a fifth one comes from the heap") {
  OperationMemory memory;
  std::set<void*> blocks;
  for (int i = 0; i < 5; ++i) blocks.insert(memory.allocate(64));
  CHECK(blocks.size() == 5);
  for (void* const block : blocks) memory.deallocate(block);
}

TEST_CASE("a larger block replaces a smaller one") {
  OperationMemory memory;
  memory.deallocate(memory.allocate(8));
  auto* const bytes = static_cast<std::byte*>(memory.allocate(4096));
  bytes[4095] = std::byte{1};
  memory.deallocate(bytes);
  CHECK(memory.allocate(4096) == bytes);
  memory.deallocate(bytes);
}

TEST_CASE("allocators of one memory are equal whatever they allocate") {
  OperationMemory memory;
  OperationMemory other;
  CHECK(OperationAllocator<int>{memory} == OperationAllocator<int>{OperationAllocator<char>{memory}});
  CHECK_FALSE(OperationAllocator<int>{memory} == OperationAllocator<int>{other});
}
