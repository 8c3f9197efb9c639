#pragma once

#include <cliffracer/detail/time/time_point.hpp>

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
    saw(announcement.tick, now);
  }

  /// The tick is claimed, by whomever.
  void saw(std::uint64_t tick, TimePoint now) noexcept {
    if (tick > newest_claim_.tick) newest_claim_ = {tick, now};
  }

  /// 0: none.
  [[nodiscard]] std::uint64_t newest_claim() const noexcept { return newest_claim_.tick; }

  /// No clock that differs by less than the interval from one that shows tick `current` has shown it.
  [[nodiscard]] static bool is_ahead(std::uint64_t tick, std::uint64_t current) noexcept {
    return tick > current + 1;
  }

  /// The wall clock shows tick `current`. What is known of ticks ahead of it was learnt before it was set
  /// back, and is forgotten, because it would keep the timer from running until the clock is there again.
  /// True: so it was.
  bool follow_clock(std::uint64_t current) noexcept {
    if (!is_ahead(newest_claim_.tick, current)) return false;
    if (newest_claim_.tick > forgotten_.tick) forgotten_ = newest_claim_;
    newest_claim_ = {};
    newest_ = {};
    return true;
  }

  /// The tick, or a later one, was shown by the clock before it was set back: whether it is claimed may have
  /// been known here.
  [[nodiscard]] bool has_come_before(std::uint64_t tick) const noexcept { return tick <= forgotten_.tick; }

  /// How long ago that was, if the clock was right then: so old is the key of such a tick.
  [[nodiscard]] std::chrono::nanoseconds age(std::uint64_t tick, std::chrono::nanoseconds interval,
                                             TimePoint now) const noexcept {
    return static_cast<std::int64_t>(forgotten_.tick - tick) * interval + elapsed(forgotten_.seen, now);
  }

  /// Another replica runs the timer, and has been heard of for less than `patience`.
  [[nodiscard]] bool is_executing(TimePoint now, std::chrono::nanoseconds patience) const noexcept {
    return !newest_.owner.empty() && !newest_.has_ended && elapsed(changed_, now) < patience;
  }

 private:
  struct Claim {
    std::uint64_t tick = 0;  // 0: none
    TimePoint seen{};
  };

  Announcement newest_;
  TimePoint changed_{};
  Claim newest_claim_;
  Claim forgotten_;  // the newest when the clock was set back
};

}  // namespace cliffracer::detail
