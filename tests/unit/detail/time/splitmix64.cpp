#include "support/catch.hpp"

#include <cliffracer/detail/time/splitmix64.hpp>

#include <cstdint>

using cliffracer::detail::next_splitmix64;
using cliffracer::detail::RandomSequence;

TEST_CASE("the numbers are those that splitmix64 has for a seed") {
  RandomSequence numbers{1234567};
  CHECK(numbers.next() == 6457827717110365317U);
  CHECK(numbers.next() == 3203168211198807973U);
  CHECK(numbers.next() == 9817491932198370423U);
  CHECK(RandomSequence{0}.next() == 16294208416658607535U);
}

TEST_CASE("a sequence gives the numbers of its state") {
  std::uint64_t state = 42;
  RandomSequence numbers{42};
  for (int n = 0; n < 100; ++n) CHECK(numbers.next() == next_splitmix64(state));
}

TEST_CASE("numbers below an end are smaller than it") {
  RandomSequence numbers{7};
  RandomSequence same{7};
  for (std::uint64_t end = 1; end < 1000; ++end) {
    const std::uint64_t number = numbers.below(end);
    CHECK(number < end);
    CHECK(number == same.next() % end);
  }
}

TEST_CASE("a probability decides how often the answer is true") {
  RandomSequence numbers{7};
  int hits = 0;
  for (int n = 0; n < 10'000; ++n) {
    CHECK_FALSE(numbers.is_true_with(0));
    CHECK(numbers.is_true_with(1));
    hits += numbers.is_true_with(0.25) ? 1 : 0;
  }
  CHECK(hits > 2300);
  CHECK(hits < 2700);
}
