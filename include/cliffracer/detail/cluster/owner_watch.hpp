#pragma once

#include <cliffracer/detail/time/time_point.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace cliffracer::detail {

/// What the replica that runs a tick says of itself, again and again while it does.
struct Announcement {
  std::string owner{};  ///< Its id.
  std::uint64_t token = 0;
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
    if (announcement.token < newest_.token || announcement == newest_) return;
    newest_ = announcement;
    changed_ = now;
    saw(announcement.token, now);
  }

  /// The tick is claimed, by whomever.
  void saw(std::uint64_t token, TimePoint now) noexcept {
    if (token > newest_claim_.token) newest_claim_ = {token, now};
  }

  /// The token; 0: none.
  [[nodiscard]] std::uint64_t newest_claim() const noexcept { return newest_claim_.token; }

  /// No clock that differs by less than an interval from one whose coming tick has the token `next` has shown
  /// the tick.
  [[nodiscard]] static bool is_ahead(std::uint64_t token, std::uint64_t next) noexcept {
    return token > next;
  }

  /// By the wall clock the coming tick has the token `next`. What is known of ticks ahead of it was learnt
  /// before the clock was set back, and is forgotten, because it would keep the timer from running until the
  /// clock is there again. True: so it was.
  bool follow_clock(std::uint64_t next) noexcept {
    if (!is_ahead(newest_claim_.token, next)) return false;
    if (newest_claim_.token > forgotten_.token) forgotten_ = newest_claim_;
    newest_claim_ = {};
    newest_ = {};
    return true;
  }

  /// The tick, or a later one, was shown by the clock before it was set back: whether it is claimed may have
  /// been known here.
  [[nodiscard]] bool has_come_before(std::uint64_t token) const noexcept { return token <= forgotten_.token; }

  /// How long ago that was, if the clock was right then: so old is the key of such a tick.
  [[nodiscard]] std::chrono::nanoseconds age(std::uint64_t token, TimePoint now) const noexcept {
    const std::chrono::milliseconds before{static_cast<std::int64_t>(forgotten_.token - token)};
    return before + elapsed(forgotten_.seen, now);
  }

  /// Another replica runs the timer, and has been heard of for less than `patience`.
  [[nodiscard]] bool is_executing(TimePoint now, std::chrono::nanoseconds patience) const noexcept {
    return !newest_.owner.empty() && !newest_.has_ended && elapsed(changed_, now) < patience;
  }

 private:
  struct Claim {
    std::uint64_t token = 0;  // 0: none
    TimePoint seen{};
  };

  Announcement newest_;
  TimePoint changed_{};
  Claim newest_claim_;
  Claim forgotten_;  // the newest when the clock was set back
};

}  // namespace cliffracer::detail
