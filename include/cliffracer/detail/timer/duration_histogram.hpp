#pragma once

#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace cliffracer::detail {

/// The shortest and the longest of the durations seen.
class DurationRange {
 public:
  /// There is one writer.
  void widen_to(std::uint64_t value) noexcept {
    if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
    if (value < min_.load(std::memory_order_relaxed)) min_.store(value, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t min() const noexcept {
    return std::min(min_.load(std::memory_order_relaxed), max());
  }

 private:
  std::atomic<std::uint64_t> max_{0};
  std::atomic<std::uint64_t> min_{std::numeric_limits<std::uint64_t>::max()};
};

/// Durations counted in three buckets per power of two, from 64 ns to 2^47 ns (39 h): 496 bytes, no
/// allocation, and a percentile that is off by at most 12 %. Shorter values count as 64 ns, longer ones as
/// the maximum seen. No percentile lies outside the values seen, whose range is kept apart: it may lie where
/// it is in reach of the cache.
class DurationHistogram {
 public:
  /// Only the timer's loop: there is one writer.
  [[gnu::always_inline]] void record(std::chrono::nanoseconds duration, DurationRange& range) noexcept {
    const std::uint64_t value = number(duration);
    range.widen_to(value);
    auto& bucket = buckets_[index_of(value)];
    const std::uint32_t count = bucket.load(std::memory_order_relaxed);
    bucket.store(count + 1, std::memory_order_relaxed);
    if (count + 1 == std::numeric_limits<std::uint32_t>::max()) halve();
  }

  /// Any thread.
  [[nodiscard]] DurationPercentiles percentiles(const DurationRange& range) const noexcept {
    std::array<std::uint32_t, bucket_count> counts{};
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < bucket_count; ++i)
      total += counts[i] = buckets_[i].load(std::memory_order_relaxed);
    const std::uint64_t max = range.max();
    const std::uint64_t min = range.min();
    const auto at = [&](std::uint64_t percent) {
      const std::uint64_t rank = (total * percent + 99) / 100;
      std::uint64_t seen = 0;
      std::size_t i = 0;
      while (i + 1 < bucket_count && (seen += counts[i]) < rank) ++i;
      return std::chrono::nanoseconds{static_cast<std::int64_t>(std::clamp(middle_of(i), min, max))};
    };
    if (total == 0) return {};
    return {.p50 = at(50),
            .p90 = at(90),
            .p99 = at(99),
            .max = std::chrono::nanoseconds{static_cast<std::int64_t>(max)}};
  }

  /// Any thread. `sum` is that of the durations.
  [[nodiscard]] DurationBuckets buckets(std::chrono::nanoseconds sum) const noexcept {
    DurationBuckets out;
    out.sum = sum;
    std::size_t bound = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
      // The bounds are powers of two, and so the ends of some of ours.
      while (bound < DurationBuckets::bounds.size() && i == first_above(DurationBuckets::bounds[bound]))
        out.counts[bound++] = out.count;
      out.count += buckets_[i].load(std::memory_order_relaxed);
    }
    return out;
  }

 private:
  static constexpr int lowest_bit = 6;    // 2^6 = 64 ns
  static constexpr int highest_bit = 47;  // 2^47 ns = 39 h
  static constexpr std::size_t bucket_count =
      3 * (highest_bit - lowest_bit) + 1;  // the last: all that is longer

  // A power of two in 128 parts is cut at about its third roots of two; the values between two cuts are told
  // as the one from which both are equally far in proportion.
  static constexpr std::array<std::uint64_t, 2> cuts{161, 203};
  static constexpr std::array<std::uint64_t, 3> middles{143, 180, 226};

  static constexpr std::uint64_t number(std::chrono::nanoseconds duration) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  }

  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    if (value < (1ULL << lowest_bit)) return 0;
    if (value >= (1ULL << highest_bit)) return bucket_count - 1;
    const int bit = static_cast<int>(std::bit_width(value)) - 1;
    const std::uint64_t part = (value << 1) >> (bit - lowest_bit);
    const std::size_t third = (part >= cuts[0] ? 1U : 0U) + (part >= cuts[1] ? 1U : 0U);
    return static_cast<std::size_t>(bit - lowest_bit) * 3 + third;
  }

  static constexpr std::size_t first_above(std::chrono::nanoseconds bound) noexcept {
    return index_of(number(bound));
  }

  static constexpr std::uint64_t middle_of(std::size_t index) noexcept {
    if (index == bucket_count - 1) return std::numeric_limits<std::uint64_t>::max();
    return (middles[index % 3] << (index / 3 + lowest_bit)) / 128;
  }

  [[gnu::noinline]] void halve() noexcept {
    for (auto& bucket : buckets_) {
      bucket.store(bucket.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
    }
  }

  static_assert(std::atomic<std::uint32_t>::is_always_lock_free &&
                std::atomic<std::uint64_t>::is_always_lock_free);

  std::array<std::atomic<std::uint32_t>, bucket_count> buckets_{};
};

}  // namespace cliffracer::detail
