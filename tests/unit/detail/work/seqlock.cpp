#include "support/catch.hpp"

#include <cliffracer/detail/work/seqlock.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

using cliffracer::detail::Seqlock;

namespace {

/// Two numbers that a write leaves equal.
struct Pair {
  Seqlock lock;
  std::atomic<std::uint64_t> first{0}, second{0};

  void write(std::uint64_t number) {
    const Seqlock::Writing writing{lock};
    first.store(number, std::memory_order_release);
    second.store(number, std::memory_order_release);
  }
};

}  // namespace

TEST_CASE("fields that nobody writes are read once") {
  Pair pair;
  pair.write(7);
  int calls = 0;
  std::uint64_t seen = 0;
  pair.lock.read([&] {
    ++calls;
    seen = pair.second.load(std::memory_order_acquire);
  });
  CHECK(calls == 1);
  CHECK(seen == 7);
}

TEST_CASE("a write in between has the fields read again") {
  Pair pair;
  int calls = 0;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  pair.lock.read([&] {
    first = pair.first.load(std::memory_order_acquire);
    if (++calls == 1) pair.write(7);
    second = pair.second.load(std::memory_order_acquire);
  });
  CHECK(calls == 2);
  CHECK(first == 7);
  CHECK(second == 7);
}

TEST_CASE("a write in progress keeps a reader until it ends") {
  Pair pair;
  std::optional<Seqlock::Writing> writing{std::in_place, pair.lock};
  int calls = 0;
  pair.lock.read([&] {
    if (++calls == 3) writing.reset();
  });
  CHECK(calls == 4);
}

TEST_CASE("readers on other threads see what one write has left") {
  Pair pair;
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> wrong{0};
  std::thread reader{[&] {
    do {
      std::uint64_t first = 0;
      std::uint64_t second = 0;
      pair.lock.read([&] {
        first = pair.first.load(std::memory_order_acquire);
        second = pair.second.load(std::memory_order_acquire);
      });
      wrong += first == second ? 0 : 1;
    } while (!is_over);
  }};
  for (std::uint64_t n = 1; n <= 200'000; ++n) pair.write(n);
  is_over = true;
  reader.join();
  CHECK(wrong == 0);
}
