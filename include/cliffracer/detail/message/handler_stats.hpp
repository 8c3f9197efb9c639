#pragma once

#include <cliffracer/detail/text/shared_text.hpp>
#include <cliffracer/detail/work/seqlock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// The numbers of one message handler. Written on the service's strand, read on any thread without a lock.
class HandlerStats {
 public:
  struct Snapshot {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::string last_error{};
    std::chrono::nanoseconds processing_time{0};
  };

  // Only on the strand.

  /// A request has been answered with a result.
  void succeeded(std::chrono::nanoseconds took) noexcept { write(took, nullptr); }
  /// A request has been answered with an error, or not been taken at all.
  void failed(std::chrono::nanoseconds took, std::string_view error) noexcept { write(took, &error); }

  /// It held the event loop for `length`. True: that is worth a line of the log, as for the first time, and
  /// then whenever it is at least twice as long as in the line before.
  [[nodiscard]] bool held(std::chrono::nanoseconds length) noexcept {
    if (length / 2 < longest_told_) return false;
    longest_told_ = length;
    return true;
  }

  // Any thread.

  [[nodiscard]] Snapshot snapshot() const {
    Snapshot out;
    SharedText::Copy error{};
    lock_.read([&] {
      out.requests = requests_.load(std::memory_order_acquire);
      out.errors = errors_.load(std::memory_order_acquire);
      out.processing_time = std::chrono::nanoseconds{
          static_cast<std::int64_t>(processing_time_.load(std::memory_order_acquire))};
      error = last_error_.copy();
    });
    out.last_error = error.text();
    return out;
  }

 private:
  using Count = std::atomic<std::uint64_t>;
  static_assert(Count::is_always_lock_free);

  static void add(Count& count, std::uint64_t by) noexcept {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_release);
  }

  void write(std::chrono::nanoseconds took, const std::string_view* error) noexcept {
    const Seqlock::Writing writing{lock_};
    add(requests_, 1);
    add(processing_time_, static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
    if (error) {
      add(errors_, 1);
      last_error_.set(*error);
    }
  }

  Seqlock lock_;
  Count requests_{0}, errors_{0}, processing_time_{0};
  SharedText last_error_;
  std::chrono::nanoseconds longest_told_{0};  // only on the strand
};

}  // namespace cliffracer::detail
