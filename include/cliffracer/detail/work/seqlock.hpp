#pragma once

#include <atomic>
#include <cstdint>

namespace cliffracer::detail {

/// Lets any number of threads read fields of one writer as they are at one instant. The writer never waits; a
/// reader tries again when a write came in between.
///
/// A sequence lock without fences, which ThreadSanitizer could not follow: the fields are atomic, and each is
/// stored with release and loaded with acquire, so that a reader who sees a field of a newer write also sees
/// its odd sequence number.
class Seqlock {
 public:
  /// A write is in progress as long as it lives. One at a time.
  class Writing {
   public:
    explicit Writing(Seqlock& lock) noexcept
        : sequence_{lock.sequence_}, before_{sequence_.load(std::memory_order_relaxed)} {
      sequence_.store(before_ + 1, std::memory_order_relaxed);
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() { sequence_.store(before_ + 2, std::memory_order_release); }

   private:
    std::atomic<std::uint64_t>& sequence_;
    const std::uint64_t before_;
  };

  /// Calls `copy_fields` until no write came in between: what it has copied then is of one instant. It must
  /// replace all that it copied before.
  template <class CopyFields>
  void read(const CopyFields& copy_fields) const {
    std::uint64_t before = 0;
    do {
      before = sequence_.load(std::memory_order_acquire);
      copy_fields();
    } while (before % 2 != 0 || sequence_.load(std::memory_order_relaxed) != before);
  }

 private:
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  std::atomic<std::uint64_t> sequence_{0};  // odd while a write is in progress
};

}  // namespace cliffracer::detail
