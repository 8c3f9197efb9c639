#pragma once

#include <cliffracer/detail/time/time_point.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace cliffracer::detail {

/// What the replica that runs a tick says of itself, again and again while it does.
struct Announcement {
  std::string owner{};  ///< Its id.
  std::uint64_t tick = 0;
  std::uint64_t beat = 0;  ///< How often it has said so.
  bool has_ended = false;  ///< The run is over.

  bool operator==(const Announcement&) const = default;
};

/// What one replica knows of the others' runs of one timer, without a clock of its own. Whether a run goes on
/// is judged by how long ago, here, its announcement changed: nobody's wall clock is asked.
class OwnerWatch {
 public:
  /// It was announced. An older tick than one that is known says nothing new.
  void heard(const Announcement& announcement, TimePoint now) {
    if (announcement.tick < newest_.tick || announcement == newest_) return;
    newest_ = announcement;
    changed_ = now;
    saw(announcement.tick);
  }

  /// The tick is claimed, by whomever.
  void saw(std::uint64_t tick) noexcept { newest_claim_ = std::max(newest_claim_, tick); }

  /// 0: none.
  [[nodiscard]] std::uint64_t newest_claim() const noexcept { return newest_claim_; }

  /// Another replica runs the timer, and has been heard of for less than `patience`.
  [[nodiscard]] bool is_executing(TimePoint now, std::chrono::nanoseconds patience) const noexcept {
    return !newest_.owner.empty() && !newest_.has_ended && elapsed(changed_, now) < patience;
  }

 private:
  Announcement newest_;
  TimePoint changed_{};
  std::uint64_t newest_claim_ = 0;
};

}  // namespace cliffracer::detail
