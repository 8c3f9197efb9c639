#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/cluster_timer.hpp>
#include <cliffracer/detail/timer/tick_claims.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_places.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>

#include <utility>

namespace cliffracer::detail {

/// The claims of a TimerLoop's cluster timers. An entry whose tick is asked for is in no place; it comes back
/// with the answer. Only on the strand.
class TimerClaims {
 public:
  /// `claims` is null when no timer needs it.
  TimerClaims(TimerPlaces& places, TimerRuns& runs, TickClaims* claims)
      : places_{places}, runs_{runs}, claims_{claims} {}

  /// The entry may not run before its tick is claimed. Its point may be passed over since it came.
  [[nodiscard]] bool is_missing(const TimerEntry& entry, TimePoint now) const noexcept {
    return entry.cluster && entry.schedule.due() <= now && !is_granted(entry, now) && !is_held(entry, now);
  }

  /// Asks for the tick that is due. The entry comes back in the queue, to be run or not.
  void ask(TimerEntry& entry, TimePoint now) {
    ClusterTimer& cluster = *entry.cluster;
    cluster.tick = tick_of(entry, now);
    cluster.asked = now;
    cluster.is_asking = true;
    try {
      claims_->claim(entry, cluster.tick);
    } catch (...) {
      decided(entry, ClaimOutcome::failed, now);
    }
  }

  void decided(TimerEntry& entry, ClaimOutcome outcome, TimePoint now) {
    ClusterTimer& cluster = *entry.cluster;
    if (!std::exchange(cluster.is_asking, false)) return;
    cluster.claim_time = elapsed(cluster.asked, now);
    if (outcome == ClaimOutcome::won) cluster.held = cluster.tick;
    if (runs_.is_stopping() || TimerPlaces::is_resting(entry)) {
      places_.put_back(entry);
      places_.flush(now);
      return;
    }
    // One that is won too late would run beside its successor.
    const bool is_late = outcome == ClaimOutcome::won && tick_of(entry, now) != cluster.tick;
    if (is_late) outcome = ClaimOutcome::failed;
    const bool is_unavailable = outcome == ClaimOutcome::failed || outcome == ClaimOutcome::unclear;
    cluster.is_granted = outcome == ClaimOutcome::won ||
                         (is_unavailable && !is_late && cluster.when_unavailable == WhenUnavailable::run);
    // After a late one its successor is due, and asked for.
    const bool is_passed_over = !cluster.is_granted && !is_late;
    runs_.claim_decided(entry, outcome, is_passed_over, now);
    places_.put_back(entry);
    places_.flush(now);
  }

  void run_began(TimerEntry& entry) {
    if (entry.cluster) claims_->run_began(entry);
  }

  /// A run has ended, or will not begin.
  void run_ended(TimerEntry& entry) {
    if (!entry.cluster) return;
    entry.cluster->is_granted = false;
    claims_->run_ended(entry);
  }

  void request_stop() noexcept {
    if (claims_) claims_->request_stop();
  }

 private:
  [[nodiscard]] static std::uint64_t tick_of(const TimerEntry& entry, TimePoint now) noexcept {
    return entry.extras->tick(now, entry.schedule.interval());
  }

  /// Its time may be over since: the timer was paused, or the event loop was busy.
  [[nodiscard]] static bool is_granted(const TimerEntry& entry, TimePoint now) noexcept {
    return entry.cluster->is_granted && entry.cluster->tick == tick_of(entry, now);
  }

  /// A retry, or a run that was asked for, within a tick that was claimed here. Another replica's clock may
  /// have shown the next one already.
  [[nodiscard]] bool is_held(const TimerEntry& entry, TimePoint now) const noexcept {
    const std::uint64_t tick = tick_of(entry, now);
    return entry.schedule.is_off_grid() && entry.cluster->held == tick && claims_->is_newest(entry, tick);
  }

  TimerPlaces& places_;
  TimerRuns& runs_;
  TickClaims* claims_;
};

}  // namespace cliffracer::detail
