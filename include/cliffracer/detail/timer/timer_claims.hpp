#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/cluster_timer.hpp>
#include <cliffracer/detail/timer/tick_claims.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>

#include <cstdint>
#include <memory>

namespace cliffracer::detail {

/// The claims of a TimerLoop's cluster timers. Only on the strand.
class TimerClaims {
 public:
  /// `claims` is null when no timer needs it.
  TimerClaims(TimerRuns& runs, TickClaims* claims) : runs_{runs}, claims_{claims} {}

  /// Of a timer that is about to begin. May throw.
  void add(const std::shared_ptr<TimerEntry>& timer) const {
    if (timer->cluster) claims_->add(timer);
  }
  /// After add(). May throw.
  void start() const {
    if (claims_) claims_->start();
  }
  /// The timer is about to leave.
  void forget(const TimerEntry& timer) const noexcept {
    if (timer.cluster) claims_->forget(timer);
  }

  /// The timer may not run before the tick that is due is claimed.
  [[nodiscard]] bool is_missing(TimerEntry& timer, TimePoint now) const noexcept {
    ClusterTimer& cluster = *timer.cluster;
    // Its point may be passed over since it came.
    if (timer.schedule.due() > now) return false;
    // A retry, or a run that was asked for, within a tick that was claimed here. Another replica's clock may
    // have shown the next one already.
    const std::uint64_t token = token_of(timer, now);
    const bool is_held =
        timer.schedule.is_off_grid() && cluster.held == token && claims_->is_newest(timer, token);
    if (is_held) cluster.token = token;
    return !is_held;
  }

  /// Asks for the tick that is due. True: the answer is there; else decided() brings it later.
  [[nodiscard, gnu::noinline]] bool ask(TimerEntry& timer, TimePoint now) {
    ClusterTimer& cluster = *timer.cluster;
    cluster.wanted = token_of(timer, now);
    cluster.asked = now;
    cluster.answer.reset();
    try {
      claims_->claim(timer, cluster.wanted);
    } catch (...) {
      decided(timer, ClaimOutcome::failed, now);
    }
    if (!cluster.answer) timer.state = TimerState::claiming;
    return cluster.answer.has_value();
  }

  static void decided(TimerEntry& timer, ClaimOutcome outcome, TimePoint now) noexcept {
    ClusterTimer& cluster = *timer.cluster;
    cluster.answer = outcome;
    cluster.claim_time = elapsed(cluster.asked, now);
    if (outcome == ClaimOutcome::won) cluster.held = cluster.wanted;
  }

  /// After the answer: whether the timer runs now.
  [[nodiscard]] bool grants_run(TimerEntry& timer, TimePoint now) const {
    ClusterTimer& cluster = *timer.cluster;
    timer.state = TimerState::waiting;
    if (runs_.is_stopping() || timer.has_ended()) return false;
    const ClaimOutcome answer = *cluster.answer;
    if (timer.is_resting()) {
      // The end of the pause passes over its point.
      runs_.claim_decided(timer, answer, false, now);
      return false;
    }
    const bool is_unavailable = answer == ClaimOutcome::failed || answer == ClaimOutcome::unclear;
    const bool may_run =
        answer == ClaimOutcome::won || (is_unavailable && cluster.when_unavailable == WhenUnavailable::run);
    // A tick whose time is over would run beside its successor, which is asked for next.
    const bool is_late = may_run && token_of(timer, now) != cluster.wanted;
    const bool is_granted = may_run && !is_late;
    if (is_granted) cluster.token = cluster.wanted;
    runs_.claim_decided(timer, is_late ? ClaimOutcome::failed : answer, !may_run, now);
    return is_granted;
  }

  [[gnu::noinline]] void run_began(TimerEntry& timer) const noexcept { claims_->run_began(timer); }
  void run_ended(TimerEntry& timer) const noexcept { claims_->run_ended(timer); }

  void request_stop() noexcept {
    if (claims_) claims_->request_stop();
  }

 private:
  [[nodiscard]] static std::uint64_t token_of(const TimerEntry& timer, TimePoint now) noexcept {
    return timer.schedule.grid().token(now);
  }

  TimerRuns& runs_;
  TickClaims* claims_;
};

}  // namespace cliffracer::detail
