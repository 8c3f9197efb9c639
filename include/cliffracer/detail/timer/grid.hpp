#pragma once

#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/wall_points.hpp>
#include <cliffracer/pacing.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// What few grids have: a delay before them, a wall clock that they follow.
struct GridExtras {
  constexpr explicit GridExtras(const TimerOptions& options) noexcept
      : initial_delay{options.initial_delay}, points{options.calendar, options.offset} {}

  const std::optional<std::chrono::nanoseconds> initial_delay;  // >= 0
  const WallPoints points;
  TimePoint delay_end{};                    // of the initial delay, or the start
  std::chrono::nanoseconds wall_offset{0};  // from the timers' clock to the wall clock
  std::chrono::nanoseconds next_offset{0};  // the same by which the next point of the grid was found
  std::optional<WallTime> last_point{};     // the newest that was run
};

/// The points at which a timer is due, in integers. It stands at the oldest of them that is neither run nor
/// passed over.
class Grid {
 public:
  enum class Kind : std::uint8_t {
    fixed,      // anchor + k * interval
    aligned,    // whenever the wall clock shows k * interval + offset
    calendar,   // whenever the wall clock shows a point of a calendar
    after_run,  // the end of a run + interval; none from its start to its end
  };

  /// `extras` may be null for a grid that does not follow the wall clock; else it must outlive the grid.
  constexpr Grid(const TimerOptions& options, GridExtras* extras) noexcept
      : interval_{options.interval}, extras_{extras}, kind_{kind_of(options)} {}

  /// The first point is `anchor`, or lies an interval or the initial delay behind it. That of an aligned grid
  /// is no earlier than an initial delay's end, and later than an anchor.
  constexpr void start(TimePoint anchor, bool is_eager) noexcept {
    next_ = is_eager ? anchor : later(anchor, interval_);
    if (extras_) start_with_extras(anchor);
  }

  [[nodiscard]] constexpr TimePoint next() const noexcept { return next_; }
  [[nodiscard]] constexpr std::chrono::nanoseconds interval() const noexcept { return interval_; }
  [[nodiscard]] constexpr Kind kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr bool follows_wall_clock() const noexcept {
    return kind_ == Kind::aligned || kind_ == Kind::calendar;
  }

  /// Moves behind `now`; returns how many points were not later than it.
  [[gnu::always_inline]] constexpr std::uint64_t pass(TimePoint now) noexcept {
    if (next_ > now) return 0;
    if (kind_ >= Kind::calendar) [[unlikely]]
      return special_pass(now);
    const auto interval = static_cast<std::uint64_t>(interval_.count());
    const auto gap = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                     static_cast<std::uint64_t>(next_.time_since_epoch().count());
    const std::uint64_t further = gap / interval;
    const auto newest = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(next_.time_since_epoch().count()) + further * interval);
    next_ = later(TimePoint{std::chrono::nanoseconds{newest}}, interval_);
    return further + 1;
  }

  constexpr void pass_one() noexcept {
    if (kind_ == Kind::calendar) return step();
    next_ = later(next_, interval_);
  }

  /// A run begins, for the newest point that has come unless it is `off_grid`. Returns how many points are
  /// passed over thereby.
  [[gnu::always_inline]] constexpr std::uint64_t run_began(bool off_grid, TimePoint now) noexcept {
    return kind_ == Kind::fixed ? 0 : special_run_began(off_grid, now);
  }

  constexpr void run_succeeded(TimePoint now) noexcept {
    if (kind_ == Kind::after_run) [[unlikely]]
      next_ = later(now, interval_);
  }

  /// Goes on by the wall clock as it is now, unless the next point has come by the clock as it was. Returns
  /// how many points the clock was set over.
  [[gnu::always_inline]] constexpr std::uint64_t follow_clock(TimePoint now) noexcept {
    return follows_wall_clock() ? realign(now) : 0;
  }

  /// No run is in progress, nor does one come before the next point.
  constexpr void expect_no_run(TimePoint now) noexcept {
    if (kind_ == Kind::after_run && next_ == never) next_ = later(now, interval_);
  }

  /// The points are anchor + k * `interval` from now on, none in the initial delay and none before `now`. The
  /// anchor of a grid that paces after its runs is the end of the newest one.
  constexpr void set_interval(std::chrono::nanoseconds interval, TimePoint anchor, TimePoint now) noexcept {
    if (kind_ == Kind::after_run) anchor = next_ == never ? never : next_ - interval_;
    interval_ = interval;
    if (extras_ && now < extras_->delay_end)
      next_ = extras_->delay_end;
    else
      next_ = std::max(later(anchor, interval_), now);
    if (follows_wall_clock()) next_ = next_aligned(now);
  }

  /// The first point behind `instant`, whichever one the grid stands at; `never` if it is not known. Any
  /// thread that says what may change on another one: the interval, an instant at which a fixed grid has a
  /// point, and the distance from the timers' clock to the wall clock.
  [[nodiscard]] TimePoint point_after(TimePoint instant, std::chrono::nanoseconds interval, TimePoint phase,
                                      std::chrono::nanoseconds wall_offset) const noexcept {
    if (kind_ == Kind::after_run) return never;
    if (follows_wall_clock())
      return instant_of(extras_->points.after(shown(instant, wall_offset), interval), wall_offset);
    const std::chrono::nanoseconds past = (instant - phase) % interval;
    return later(instant, interval - (past.count() < 0 ? past + interval : past));
  }

  // Tokens, of a grid that follows the wall clock: when a point is due, as the wall clock shows it, in
  // milliseconds since the epoch, rounded down; 0 for one before the epoch. Points that lie a millisecond or
  // more apart have different tokens.

  /// Of the newest point that is not behind `instant`.
  [[nodiscard]] constexpr std::uint64_t token(TimePoint instant) const noexcept {
    return token_at(shown(instant, extras_->wall_offset));
  }

  /// The same when the wall clock shows `wall`.
  [[nodiscard]] constexpr std::uint64_t token_at(WallTime wall) const noexcept {
    return token_of(extras_->points.at_or_before(wall, interval_));
  }

  /// Of the point after that.
  [[nodiscard]] constexpr std::uint64_t next_token_at(WallTime wall) const noexcept {
    return token_of(extras_->points.after(wall, interval_));
  }

  /// The newest point when the wall clock shows `wall`.
  [[nodiscard]] constexpr WallTime newest_at(WallTime wall) const noexcept {
    return extras_->points.at_or_before(wall, interval_);
  }

  /// How many points come later than the one with `token`, up to the one with `last`.
  [[nodiscard]] constexpr std::uint64_t count_between(std::uint64_t token,
                                                      std::uint64_t last) const noexcept {
    return extras_->points.between(point_behind(token), point_behind(last), interval_);
  }

 private:
  /// The first point behind the one with this token.
  [[nodiscard]] constexpr WallTime point_behind(std::uint64_t token) const noexcept {
    const WallTime end = std::chrono::milliseconds{static_cast<std::int64_t>(token) + 1};
    return extras_->points.after(end - WallTime{1}, interval_);
  }

  [[nodiscard]] static constexpr Kind kind_of(const TimerOptions& options) noexcept {
    if (options.calendar) return Kind::calendar;
    if (options.pacing == Pacing::after_run) return Kind::after_run;
    return options.align_to_epoch ? Kind::aligned : Kind::fixed;
  }

  // What few grids come to is not part of the code that every run goes through.

  constexpr void start_with_extras(TimePoint anchor) noexcept {
    GridExtras& extras = *extras_;
    const auto& delay = extras.initial_delay;
    if (delay) next_ = later(anchor, *delay);
    extras.delay_end = delay ? next_ : anchor;
    extras.last_point.reset();
    if (!follows_wall_clock()) return;
    // A point at the start itself is passed over, one at the end of a delay is not.
    next_ = delay ? first_aligned(anchor) : aligned_after(anchor);
    extras.next_offset = extras.wall_offset;
  }

  [[gnu::noinline]] std::uint64_t special_pass(TimePoint now) noexcept {
    if (kind_ == Kind::after_run) {
      next_ = later(now, interval_);
      return 1;
    }
    std::uint64_t passed = 0;
    for (; next_ <= now; ++passed) step();
    return passed;
  }

  [[gnu::noinline]] constexpr std::uint64_t special_run_began(bool off_grid, TimePoint now) noexcept {
    if (kind_ == Kind::after_run) {
      // A run that was asked for takes the place of a point that has come meanwhile.
      const std::uint64_t passed = off_grid && next_ <= now ? 1 : 0;
      next_ = never;
      return passed;
    }
    if (!off_grid) remember_point();
    return realign(now);
  }

  // Of a grid that follows the wall clock.

  /// What it shows at `instant` when it is `offset` ahead of the timers' clock.
  [[nodiscard]] static constexpr WallTime shown(TimePoint instant, std::chrono::nanoseconds offset) noexcept {
    return instant == never ? no_point : instant.time_since_epoch() + offset;
  }
  /// When it shows `wall`.
  [[nodiscard]] static constexpr TimePoint instant_of(WallTime wall,
                                                      std::chrono::nanoseconds offset) noexcept {
    return wall == no_point ? never : TimePoint{wall - offset};
  }

  [[nodiscard]] static constexpr std::uint64_t token_of(WallTime point) noexcept {
    const auto due = std::chrono::duration_cast<std::chrono::milliseconds>(point);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(due.count(), 0));
  }

  /// Goes on to the next point, by the clock as it was.
  void step() noexcept {
    const WallTime next = shown(next_, extras_->next_offset);
    next_ = instant_of(extras_->points.after(next, interval_), extras_->next_offset);
  }

  /// The first instant behind `instant` at which the wall clock shows a point.
  [[nodiscard]] constexpr TimePoint aligned_after(TimePoint instant) const noexcept {
    const WallTime next = extras_->points.after(shown(instant, extras_->wall_offset), interval_);
    return instant_of(next, extras_->wall_offset);
  }

  /// The same, and not in the initial delay.
  [[nodiscard]] constexpr TimePoint first_aligned(TimePoint instant) const noexcept {
    return aligned_after(std::max(instant, extras_->delay_end - std::chrono::nanoseconds{1}));
  }

  /// The next point that was not run already.
  [[nodiscard]] constexpr TimePoint next_aligned(TimePoint now) const noexcept {
    const TimePoint next = first_aligned(now);
    const bool was_run = extras_->last_point && shown(next, extras_->wall_offset) == *extras_->last_point;
    return was_run ? aligned_after(next) : next;
  }

  /// The newest point that has come by the clock as it was then, also if that was set since.
  constexpr void remember_point() noexcept {
    const WallTime next = shown(next_, extras_->next_offset);
    extras_->last_point = extras_->points.at_or_before(next - WallTime{1}, interval_);
  }

  [[gnu::noinline]] constexpr std::uint64_t realign(TimePoint now) noexcept {
    GridExtras& extras = *extras_;
    if (next_ <= now || extras.next_offset == extras.wall_offset) return 0;
    const WallTime before = shown(next_, extras.next_offset);
    next_ = next_aligned(now);
    extras.next_offset = extras.wall_offset;
    // What lies in the initial delay was not due.
    if (next_ == never || now < extras.delay_end) return 0;
    return extras.points.between(before, shown(next_, extras.wall_offset), interval_);
  }

  std::chrono::nanoseconds interval_;  // > 0
  TimePoint next_{};
  GridExtras* extras_;
  Kind kind_;
};

}  // namespace cliffracer::detail
