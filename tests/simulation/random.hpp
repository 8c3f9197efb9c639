#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>

namespace simulation {

using Nanos = std::chrono::nanoseconds;

/// The chance in a world, decided by its seed: the same with every compiler and
/// library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U} {}

  std::uint64_t number() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = (state_ ^ (state_ >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  /// `least` to `most`, both included.
  std::int64_t between(std::int64_t least, std::int64_t most) {
    const auto count = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<std::int64_t>(number() % count);
  }
  Nanos between(Nanos least, Nanos most) { return Nanos{between(least.count(), most.count())}; }

  bool chance(int in_a_thousand) { return between(0, 999) < in_a_thousand; }

  template <class Value>
  Value one_of(std::initializer_list<Value> values) {
    return values.begin()[between(0, static_cast<std::int64_t>(values.size()) - 1)];
  }

  /// Short ones as likely as long ones, by their order of magnitude.
  Nanos of_any_size(Nanos least, Nanos most) {
    std::int64_t doublings = 0;
    while ((least.count() << (doublings + 1)) <= most.count()) ++doublings;
    const Nanos begin{least.count() << between(0, doublings)};
    return std::min(begin + between(Nanos{0}, begin), most);
  }

 private:
  std::uint64_t state_;
};

}  // namespace simulation
