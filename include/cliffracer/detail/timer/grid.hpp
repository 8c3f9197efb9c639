#pragma once

#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/pacing.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cliffracer::detail {

/// What few grids have: a delay before them, a wall clock that they follow.
struct GridExtras {
  constexpr explicit GridExtras(const TimerOptions& options) noexcept
      : initial_delay{options.initial_delay}, offset{options.offset} {}

  /// From an instant of the timers' clock to what the wall clock shows, since the epoch and `offset`.
  [[nodiscard]] constexpr std::int64_t wall(TimePoint instant) const noexcept {
    return instant.time_since_epoch().count() + wall_offset.count() - offset.count();
  }

  const std::optional<std::chrono::nanoseconds> initial_delay;  // >= 0
  const std::chrono::nanoseconds offset;                        // of an aligned grid; >= 0, < interval
  TimePoint delay_end{};                                        // of the initial delay, or the start
  std::chrono::nanoseconds wall_offset{0};                      // from the timers' clock to the wall clock
  std::chrono::nanoseconds next_offset{0};   // the same by which the next point of the grid was found
  std::optional<std::int64_t> last_point{};  // what the wall clock showed at the newest point that was run
};

/// The points at which a timer is due, in integers. It stands at the oldest of them that is neither run nor
/// passed over.
class Grid {
 public:
  enum class Kind : std::uint8_t {
    fixed,      // anchor + k * interval
    aligned,    // whenever the wall clock shows k * interval + offset
    after_run,  // the end of a run + interval; none from its start to its end
  };

  /// `extras` may be null for a grid that is not aligned; else it must outlive the grid.
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
  [[nodiscard]] constexpr bool is_aligned() const noexcept { return kind_ == Kind::aligned; }

  /// Moves behind `now`; returns how many points were not later than it.
  [[gnu::always_inline]] constexpr std::uint64_t pass(TimePoint now) noexcept {
    if (next_ > now) return 0;
    if (kind_ == Kind::after_run) [[unlikely]] {
      next_ = later(now, interval_);
      return 1;
    }
    const auto interval = static_cast<std::uint64_t>(interval_.count());
    const auto gap = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                     static_cast<std::uint64_t>(next_.time_since_epoch().count());
    const std::uint64_t further = gap / interval;
    const auto newest = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(next_.time_since_epoch().count()) + further * interval);
    next_ = later(TimePoint{std::chrono::nanoseconds{newest}}, interval_);
    return further + 1;
  }

  constexpr void pass_one() noexcept { next_ = later(next_, interval_); }

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
    return is_aligned() ? realign(now) : 0;
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
    if (is_aligned()) next_ = next_aligned(now);
  }

  /// The number of the newest point that is not behind `instant`; 0 is at `offset` after the epoch. Before
  /// that 0. Of an aligned grid.
  [[nodiscard]] constexpr std::uint64_t tick(TimePoint instant) const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(extras_->wall(instant), 0) / interval_.count());
  }

 private:
  [[nodiscard]] static constexpr Kind kind_of(const TimerOptions& options) noexcept {
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
    if (!is_aligned()) return;
    // A point at the start itself is passed over, one at the end of a delay is not.
    next_ = delay ? first_aligned(anchor) : aligned_after(anchor);
    extras.next_offset = extras.wall_offset;
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

  // Of an aligned grid.

  /// The first instant behind `instant` at which the wall clock shows a point.
  [[nodiscard]] constexpr TimePoint aligned_after(TimePoint instant) const noexcept {
    const std::int64_t past = extras_->wall(instant) % interval_.count();
    return later(instant, interval_ - std::chrono::nanoseconds{past < 0 ? past + interval_.count() : past});
  }

  /// The same, and not in the initial delay.
  [[nodiscard]] constexpr TimePoint first_aligned(TimePoint instant) const noexcept {
    return aligned_after(std::max(instant, extras_->delay_end - std::chrono::nanoseconds{1}));
  }

  /// The next point that was not run already.
  [[nodiscard]] constexpr TimePoint next_aligned(TimePoint now) const noexcept {
    const TimePoint next = first_aligned(now);
    const bool was_run = extras_->last_point && extras_->wall(next) == *extras_->last_point;
    return was_run ? later(next, interval_) : next;
  }

  /// What the wall clock showed at the newest point that has come counts, also if it was set since.
  constexpr void remember_point() noexcept {
    const auto point = next_ - interval_ + extras_->next_offset - extras_->offset;
    extras_->last_point = point.time_since_epoch().count();
  }

  [[gnu::noinline]] constexpr std::uint64_t realign(TimePoint now) noexcept {
    GridExtras& extras = *extras_;
    if (next_ <= now || extras.next_offset == extras.wall_offset) return 0;
    const TimePoint before = next_;
    const auto step = extras.wall_offset - extras.next_offset;
    next_ = next_aligned(now);
    extras.next_offset = extras.wall_offset;
    // What lies in the initial delay was not due.
    if (next_ == never || now < extras.delay_end) return 0;
    return static_cast<std::uint64_t>(std::max<std::int64_t>((next_ - before + step) / interval_, 0));
  }

  std::chrono::nanoseconds interval_;  // > 0
  TimePoint next_{};
  GridExtras* extras_;
  Kind kind_;
};

}  // namespace cliffracer::detail
