#pragma once

#include "simulation/failure.hpp"
#include "simulation/timer_model.hpp"
#include "simulation/waiting.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

/// What a service must do: start, run, stop within its bounds.
class ServiceModel {
 public:
  enum class Phase : std::uint8_t { idle, starting, running, stopping };

  ServiceModel(Nanos stop_timeout, std::vector<TimerModel> all_timers)
      : timers{std::move(all_timers)},
        present(timers.size()),
        stop_timeout_{stop_timeout},
        paused_(timers.size()) {
    std::iota(present.begin(), present.end(), std::size_t{0});
  }

  // ---- What it is told

  void start_asked() {
    must(phase_ == Phase::idle, "the model starts twice");
    phase_ = Phase::starting;
    was_hook_run_ = false;
  }

  /// on_start() is called.
  void hook_started() {
    must(phase_ == Phase::starting, "on_start() was called, and no start was asked for");
    must(!stop_asked_, "on_start() was called although a stop came first");
  }

  /// on_start() has returned.
  void hook_returned() { was_hook_run_ = true; }

  /// The timers start.
  /// `clock`: what the wall clock shows at the start of the world.
  void started(Nanos now, Nanos clock) {
    must(phase_ == Phase::starting && was_hook_run_, "the timers started before on_start() had returned");
    must(!was_stop_requested_, "the timers started although a stop came first");
    phase_ = Phase::running;
    for (const std::size_t n : present) timers[n].loop_started(now, clock);
    for (const std::size_t n : present) watch_clock_for(timers[n], now, clock);
  }

  /// start() has ended with an exception.
  void start_failed() {
    must(phase_ == Phase::starting, "start() failed after it had succeeded");
    phase_ = Phase::idle;
    stop_asked_ = was_stop_requested_ = false;
  }

  /// request_stop() is called. While the service is idle, it ends the next start.
  void stop_requested() { stop_asked_ = was_stop_requested_ = true; }
  /// stop() is called, which takes its turn: a service that starts may be there first.
  void stop_called() {
    if (phase_ != Phase::idle) stop_asked_ = true;
  }
  /// The stop begins: of what runs, or during on_start() without ending it.
  void stop_begins(Nanos now) {
    if (phase_ == Phase::starting && !was_hook_run_) return;
    must(phase_ == Phase::running || phase_ == Phase::starting, "a service stopped that did not run");
    must(stop_asked_, "a service stopped, and nobody asked for it");
    phase_ = Phase::stopping;
    for (TimerModel& timer : timers) timer.stop_begins();
    clock_watch_ = {};
    has_clock_watch_ = false;
    begin_round(now);
  }

  void removed(std::size_t n) {
    timers[n].removed();
    std::erase(present, n);
  }
  /// One is added in place of one that has left.
  void added(std::size_t n, const TimerModel::Options& options, Nanos now, Nanos clock) {
    started_by_gone_ += timers[n].started();
    gone.push_back(std::exchange(timers[n], TimerModel{options}));
    present.push_back(n);
    if (phase_ != Phase::running) return;
    watch_clock_for(timers[n], now, clock);
    timers[n].added(now, clock_);
  }

  /// The wall clock may be set only while it is known when this service looks at it: not at once.
  [[nodiscard]] bool knows_clock_watch(Nanos now) const {
    return !has_clock_watch_ || (!is_clock_watch_vague_ && clock_watch_.due > now);
  }
  /// It has not seen yet that the wall clock was set, and would not see it any more.
  [[nodiscard]] bool is_clock_back_at(Nanos clock) const {
    return has_clock_watch_ && std::chrono::abs(clock - clock_) <= shortest_clock_step;
  }
  /// The wall clock is set, between two steps: the service looks at it at the end of a second.
  void clock_set(Nanos now) {
    if (!has_clock_watch_) return;
    const Nanos since = now - clock_watch_began_;
    clock_watch_ = Waiting::out_of_turn(now, now + second - since % second);
  }
  /// It has looked, and tells of it. Returns what was woken for it.
  Waiting clock_followed(Nanos now, Nanos clock) {
    must(clock_watch_.due <= now, "a service looked at the wall clock, and it was not the time for it");
    clock_ = clock;
    for (TimerModel& timer : timers) timer.follow_clock(clock, now);
    return std::exchange(clock_watch_, Waiting{});
  }
  void step_ended(Nanos now) {
    for (TimerModel& timer : timers) timer.step_ended(now);
    // It begins somewhere in a step, in which a method may have let time pass.
    if (std::exchange(is_clock_watch_new_, false)) is_clock_watch_vague_ = now != clock_watch_began_;
  }

  void paused(std::size_t place, const Waiting& waiting) { place_of(place) = waiting; }
  void resumed(std::size_t place) { place_of(place) = {}; }

  /// It is told that something still runs, and is cancelled now. Others may have a turn before that shows.
  void round_ended(Nanos now, std::uint64_t step) {
    round_ended_ = now;
    step_of_cancelling_ = step;
  }
  /// It was told so in this step.
  [[nodiscard]] bool cancels_in(std::uint64_t step) const { return step_of_cancelling_ == step; }

  /// A coroutine of the service is cancelled. Returns what woke the service for it: nothing when something
  /// else happened.
  std::optional<Waiting> cancelled(std::uint64_t step) {
    if (phase_ == Phase::starting) {
      must(stop_asked_, "on_start() was cancelled, and nobody asked for a stop");
      return std::nullopt;
    }
    must(phase_ == Phase::stopping, "a coroutine was cancelled, and its service does not stop");
    if (round_of_step_ == step) return std::nullopt;
    const Waiting round = round_;
    // With no stop_timeout it has not waited.
    const Nanos ended = round.is_late ? round.due : round_ended_;
    must(ended >= round.due, "a coroutine was cancelled before stop_timeout was over");
    round_of_step_ = step;
    is_cancelling_ = true;
    round_ = Waiting::out_of_turn(ended, ended + pause_);
    pause_ = std::min<Nanos>(pause_ * 2, longest_pause);
    if (ended >= next_line_) told_of_late_ones(ended);
    if (round.is_late) return std::nullopt;
    return round;
  }

  /// The log has a line for each.
  void told_of_late_ones(Nanos now) {
    next_line_ = now + std::max<Nanos>(stop_timeout_, longest_pause);
    late_to_stop_ += static_cast<std::uint64_t>(
        std::count_if(timers.begin(), timers.end(), [](const auto& timer) { return timer.is_executing(); }));
    late_to_stop_ += is_in_stop_hook_ ? 1 : 0;
  }

  /// on_stop() is called.
  void stop_hook_started(Nanos now) {
    must(phase_ == Phase::stopping, "on_stop() was called, and the service does not stop");
    must(!is_executing(), "on_stop() was called before the last run had ended");
    begin_round(now);
    is_in_stop_hook_ = true;
  }
  void stop_hook_ended() { is_in_stop_hook_ = false; }

  /// stop() has returned.
  void stopped() {
    must(phase_ == Phase::stopping, "stop() ended, and the service did not stop");
    must(!is_executing(), "stop() ended before the last run");
    must(!is_in_stop_hook_, "stop() ended before on_stop()");
    phase_ = Phase::idle;
    ++stops_;
    is_cancelling_ = false;
    stop_asked_ = was_stop_requested_ = false;
  }

  // ---- What must be

  [[nodiscard]] std::uint64_t stops() const { return stops_; }
  /// All timers that there ever were.
  [[nodiscard]] std::vector<const TimerModel*> ever() const {
    std::vector<const TimerModel*> all;
    for (const TimerModel& timer : timers) all.push_back(&timer);
    for (const TimerModel& timer : gone) all.push_back(&timer);
    return all;
  }
  /// How many runs have started.
  [[nodiscard]] std::uint64_t runs() const {
    std::uint64_t runs = started_by_gone_;
    for (const TimerModel& timer : timers) runs += timer.started();
    return runs;
  }
  /// How many runs and hooks had not ended when their time to stop was over.
  [[nodiscard]] std::uint64_t late_to_stop() const { return late_to_stop_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool stop_is_asked() const { return stop_asked_; }
  /// What ends with operation_aborted now was cancelled by the stop.
  [[nodiscard]] bool is_cancelling() const { return is_cancelling_; }
  [[nodiscard]] bool is_executing() const {
    return std::any_of(timers.begin(), timers.end(), [](const auto& timer) { return timer.is_executing(); });
  }

  /// Shows all of it that waits.
  void show(Queue& queue) const {
    queue.look_at(hook_paused_);
    queue.look_at(clock_watch_);
    for (const TimerModel& timer : timers) {
      queue.look_at(timer.waiting());
      queue.look_at(timer.limit());
    }
    for (const Waiting& waiting : paused_) queue.look_at(waiting);
    if (phase_ == Phase::stopping) queue.look_at(round_);
  }

  /// Between two steps.
  void check() const {
    if (phase_ == Phase::running) must(!stop_asked_, "a stop that was asked for has not begun");
    if (phase_ == Phase::stopping)
      must(is_executing() || is_in_stop_hook_,
           "the service has nothing left to wait for, and has not stopped");
    if (phase_ == Phase::starting)
      must(hook_paused_.due != at_no_time, "the service has nothing left to wait for, and has not started");
  }

  /// Where its hooks pause; a run pauses at the number of its timer.
  static constexpr std::size_t hook = static_cast<std::size_t>(-1);

  std::vector<TimerModel> timers;    ///< Some may be removed.
  std::vector<std::size_t> present;  ///< Those that are not, in the order in which they were added.
  std::vector<TimerModel> gone;      ///< Others have their places.

 private:
  void watch_clock_for(const TimerModel& timer, Nanos now, Nanos clock) {
    if (has_clock_watch_ || !timer.options().align_to_epoch) return;
    clock_ = clock;
    has_clock_watch_ = is_clock_watch_new_ = true;
    clock_watch_began_ = now;
  }

  Waiting& place_of(std::size_t place) { return place == hook ? hook_paused_ : paused_[place]; }

  /// What runs has `stop_timeout` from now on.
  void begin_round(Nanos now) {
    round_ = Waiting::out_of_turn(now, now + stop_timeout_);
    round_of_step_ = 0;
    pause_ = std::chrono::milliseconds{10};
    next_line_ = now + (stop_timeout_ > Nanos{0} ? stop_timeout_ : longest_pause);
  }

  static constexpr Nanos longest_pause = std::chrono::seconds{1};
  static constexpr Nanos second = std::chrono::seconds{1};
  static constexpr Nanos shortest_clock_step = std::chrono::milliseconds{1};

  Nanos stop_timeout_;
  Phase phase_ = Phase::idle;
  std::uint64_t stops_ = 0;
  std::uint64_t started_by_gone_ = 0;  // runs
  std::uint64_t late_to_stop_ = 0;
  bool was_hook_run_ = false;  // by the newest start
  bool stop_asked_ = false;
  bool was_stop_requested_ = false;  // by request_stop()
  bool is_cancelling_ = false;
  bool is_in_stop_hook_ = false;
  Waiting round_;        // for its end: then what still runs is cancelled
  Nanos round_ended_{};  // the newest
  std::uint64_t round_of_step_ = 0;
  std::uint64_t step_of_cancelling_ = 0;
  Nanos pause_{0};      // until what still runs is cancelled again
  Nanos next_line_{0};  // when the log tells of what still runs
  Waiting hook_paused_;
  bool has_clock_watch_ = false;
  bool is_clock_watch_new_ = false;  // since this step
  bool is_clock_watch_vague_ = false;
  Nanos clock_watch_began_{};
  Nanos clock_{};        // as the service knows it: what it shows at the start of the world
  Waiting clock_watch_;  // since the wall clock was set
  std::vector<Waiting> paused_;
};

}  // namespace simulation
