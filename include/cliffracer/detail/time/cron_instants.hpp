#pragma once

#include <cliffracer/detail/registration/cron_fields.hpp>
#include <cliffracer/detail/time/cron_search.hpp>
#include <cliffracer/zone.hpp>

#include <chrono>
#include <optional>

namespace cliffracer::detail {

/// The instants that a cron expression means where clocks are changed.
///
/// A fixed time of day comes when the clocks first show it or are set over it. That keeps the order: what the
/// clocks have shown at most so far is passed, anything later is still to come. An expression that follows
/// real time comes whenever the clocks show it: in an overlap the first pass is searched up to the change,
/// then the second.
class CronInstants {
 public:
  using Instant = std::chrono::sys_seconds;

  CronInstants(const CronFields& fields, const ZoneRules& zone) noexcept
      : search_{fields}, zone_{zone}, follows_real_time_{fields.follows_real_time} {}

  /// The first one later than `time`.
  [[nodiscard]] std::optional<Instant> next_after(Instant time) const {
    return follows_real_time_ ? next_shown(time) : next_fixed(time);
  }
  /// The last one that is `time` or earlier.
  [[nodiscard]] std::optional<Instant> at_or_before(Instant time) const {
    return follows_real_time_ ? last_shown(time) : last_fixed(time);
  }

 private:
  using LocalTime = CronSearch::LocalTime;

  static constexpr std::chrono::seconds tick{1};

  // ---- Fixed times of day

  [[nodiscard]] std::optional<Instant> next_fixed(Instant time) const {
    const auto found = search_.at_or_after(latest_shown(time) + tick);
    if (!found) return std::nullopt;
    return first_reached(*found);
  }

  [[nodiscard]] std::optional<Instant> last_fixed(Instant time) const {
    const auto found = search_.at_or_before(latest_shown(time));
    if (!found) return std::nullopt;
    return first_reached(*found);
  }

  /// The latest time that the clocks have shown up to then: in the second pass of an overlap the end of the
  /// first.
  [[nodiscard]] LocalTime latest_shown(Instant time) const {
    const LocalTime local = zone_.local_time(time);
    const LocalTimeLookup shown = zone_.lookup(local);
    const bool is_second_pass = shown.kind == LocalTimeKind::repeated && time >= shown.change;
    return is_second_pass ? zone_.local_time(shown.change - tick) : local;
  }

  /// When the clocks first show that time or a later one.
  [[nodiscard]] Instant first_reached(LocalTime local) const {
    const LocalTimeLookup shown = zone_.lookup(local);
    return shown.kind == LocalTimeKind::skipped ? shown.change : shown.before;
  }

  // ---- Real time

  [[nodiscard]] std::optional<Instant> next_shown(Instant time) const {
    LocalTime from = zone_.local_time(time) + tick;
    if (const LocalTimeLookup shown = zone_.lookup(from - tick);
        shown.kind == LocalTimeKind::repeated && time < shown.change) {
      const auto in_first_pass = search_.at_or_after(from);
      if (!in_first_pass) return std::nullopt;
      if (const Instant instant = time + (*in_first_pass - from) + tick; instant < shown.change)
        return instant;
      time = shown.change - tick;
      from = zone_.local_time(shown.change);
    }
    for (;;) {
      const auto found = search_.at_or_after(from);
      if (!found) return std::nullopt;
      const LocalTimeLookup shown = zone_.lookup(*found);
      if (shown.kind != LocalTimeKind::skipped) return shown.before > time ? shown.before : shown.after;
      from = zone_.local_time(shown.change);
    }
  }

  [[nodiscard]] std::optional<Instant> last_shown(Instant time) const {
    LocalTime from = zone_.local_time(time);
    if (const LocalTimeLookup shown = zone_.lookup(from);
        shown.kind == LocalTimeKind::repeated && time >= shown.change) {
      const auto in_second_pass = search_.at_or_before(from);
      if (!in_second_pass) return std::nullopt;
      if (const Instant instant = time - (from - *in_second_pass); instant >= shown.change) return instant;
      time = shown.change - tick;
      from = zone_.local_time(time);
    }
    for (;;) {
      const auto found = search_.at_or_before(from);
      if (!found) return std::nullopt;
      const LocalTimeLookup shown = zone_.lookup(*found);
      if (shown.kind != LocalTimeKind::skipped) return shown.after <= time ? shown.after : shown.before;
      from = zone_.local_time(shown.change - tick);
    }
  }

  const CronSearch search_;
  const ZoneRules& zone_;
  const bool follows_real_time_;
};

}  // namespace cliffracer::detail
