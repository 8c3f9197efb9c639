#pragma once

#include "simulation/failure.hpp"
#include "simulation/waiting.hpp"
#include "support/schedule_model.hpp"

#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

using cliffracer::detail::Outcome;

/// What one timer must do and must say of itself. Instants count from the start
/// of the world.
class TimerModel {
 public:
  struct Options : support::ScheduleModel::Options {
    std::uint32_t max_consecutive_errors = 0;
    std::uint64_t max_runs = 0;
    Nanos timeout{};
  };

  /// One run, as it must be.
  struct Run {
    Nanos due{};
    Nanos started{};
    Nanos deferral{};
    Nanos lateness{};
    std::uint32_t attempt = 1;
    std::uint64_t skipped = 0;
    bool drifted = false;
    std::uint64_t number = 1;
  };

  explicit TimerModel(const Options& options) : options_{options} {}

  // ---- What it is told

  /// `clock`: what the wall clock shows at the start of the world.
  void loop_started(Nanos now, Nanos clock) {
    must(!is_running(), "the model's loop runs twice");
    schedule_.emplace(options_, now.count(), clock.count());
    failures_in_a_row_ = 0;
    is_triggered_ = false;
    runs_since_start_ = 0;
    last_due_ = Nanos::min();
    phase_ = options_.eager ? now : now + options_.initial_delay.value_or(options_.interval);
    wait(now);
  }

  /// The same while others run.
  void added(Nanos now, Nanos clock) {
    loop_started(now, clock);
    wait_again(now);
  }

  /// It is removed: the run in progress is its last one.
  void removed() {
    is_removed_ = true;
    if (!is_executing_) end_loop();
  }

  /// The service stops: a timer that waits has done its last run.
  void stop_begins() {
    if (!is_executing_) end_loop();
  }

  /// A run begins: its method is called at once, or on a worker. `jumped_to`: where the newest jump of time
  /// has ended. Throws Failure where it must not.
  const Run& run_started(Nanos now, Nanos jumped_to, Nanos told_due) {
    must(!is_executing_, "a run started while another one was in progress");
    must(is_running(), "a run started while the timer was stopped");
    if (schedule_->is_vague()) learn_due(told_due);
    const Nanos due{schedule_->due()};
    must(due <= now, "a run started before its due point");
    must(due > last_due_, "due points do not increase");
    must(now <= waiting_.latest || waiting_.is_late || waiting_.latest < jumped_to,
         "a run started later than its tolerance allows, and nothing was in its way");
    must(!is_resting(), "a run started while the timer was paused");
    if (!schedule_->is_off_grid() && options_.pacing == cliffracer::Pacing::grid)
      must((Nanos{schedule_->point()} - phase()) % options_.interval == Nanos{0},
           "a due point lies off the grid");
    const Nanos window{schedule_->window()};
    const auto step = schedule_->wake(now.count());
    must(step.run, "a run started that must have been skipped");
    last_due_ = due;
    is_executing_ = true;
    is_overdue_ = is_told_of_timeout_ = false;
    is_triggered_ = false;
    skipped_ += step.skipped;
    drifts_ += step.drifted ? 1 : 0;
    last_deferral_ = std::min(now - due, window);
    last_lateness_ = now - due - last_deferral_;
    lateness_.push_back(last_lateness_);
    if (options_.tolerance > Nanos{0}) deferral_.push_back(last_deferral_);
    run_ = {.due = due,
            .started = now,
            .deferral = last_deferral_,
            .lateness = last_lateness_,
            .attempt = failures_in_a_row_ + 1,
            .skipped = step.skipped,
            .drifted = step.drifted,
            .number = started()};
    return run_;
  }

  /// The run's method gives the event loop back: from now on its time can be over.
  void run_goes_on(Nanos now) {
    if (options_.timeout > Nanos{0} && limit_.due == at_no_time && !is_overdue_)
      limit_ = Waiting::again(now, run_.started + options_.timeout, Nanos{0});
  }

  /// It is told that the run has outlasted its timeout. `has_left`: its method has ended already, and could
  /// not be asked to. Returns what was woken for it.
  Waiting timed_out(Nanos now, bool has_left) {
    must(is_executing_ && options_.timeout > Nanos{0}, "a timeout was told, and no run had one");
    must(!std::exchange(is_told_of_timeout_, true), "a timeout was told twice");
    ++timeouts_;
    if (has_left) {
      must(now > run_.started + options_.timeout, "a run outlasted its timeout that was shorter");
      return {};
    }
    must(limit_.due <= now, "a run was cancelled before its timeout");
    is_overdue_ = true;
    return cancelled_again(now);
  }

  /// Its coroutine is cancelled once more. Returns what was woken for it.
  Waiting cancelled_again(Nanos now) {
    must(is_overdue_ && limit_.due <= now, "a coroutine was cancelled, and nobody asked for it");
    limit_pause_ =
        limit_pause_ == Nanos{0} ? shortest_pause : std::min<Nanos>(2 * limit_pause_, longest_pause);
    return std::exchange(limit_, Waiting::again(now, now + limit_pause_, Nanos{0}));
  }

  /// The run ends, whose method ended at `left`.
  void check_timeout(Nanos left) const {
    if (options_.timeout > Nanos{0} && left - run_.started != options_.timeout)
      must_equal("whether a timeout was told", is_told_of_timeout_, left - run_.started > options_.timeout);
  }

  /// The run ends, of which the method took `length`. `stops`: the service stops, so there is no next run.
  void run_ended(Nanos now, Nanos length, Outcome outcome, const std::string& error, bool stops) {
    must(is_executing_, "a run ended that never started");
    is_executing_ = false;
    left_in_ = Waiting::steps;
    limit_ = {};
    limit_pause_ = Nanos{0};
    last_execution_time_ = length;
    total_execution_time_ += length;
    execution_time_.push_back(length);
    if (outcome == Outcome::succeeded) {
      ++succeeded_;
      consecutive_errors_ = failures_in_a_row_ = 0;
    } else if (outcome == Outcome::failed) {
      ++failed_;
      ++consecutive_errors_;
      ++failures_in_a_row_;
      last_error_ = error.substr(0, 255);
    } else {
      ++cancelled_;
    }
    ++runs_since_start_;
    if (stops) return end_loop();
    passed_over(schedule_->finished(now.count(), outcome == Outcome::succeeded));
    if (has_finished() || is_removed_) return end_loop();
    wait(now);
  }

  /// All who want to know that the run has failed know it: if it was one too many, the timer is paused.
  void failure_told(Nanos now) {
    if (!is_running() || is_paused_ || options_.max_consecutive_errors == 0) return;
    // Nor is there a run that was asked for meanwhile.
    if (failures_in_a_row_ >= options_.max_consecutive_errors) pause(now);
  }

  /// It has had all its runs since the start.
  [[nodiscard]] bool has_finished() const {
    return options_.max_runs > 0 && runs_since_start_ >= options_.max_runs;
  }

  /// It is told that due points came between a failure and the retry.
  void passed_while_failing(std::uint64_t count) {
    if (!is_executing_) failing_told_ = count;
  }

  /// It is told that due points were missed. Returns whether it was woken for that only.
  bool missed(Nanos now, std::uint64_t count) {
    if (const auto told = std::find(skips_to_tell_.begin(), skips_to_tell_.end(), count);
        told != skips_to_tell_.end()) {
      skips_to_tell_.erase(told);
      return false;
    }
    // Those that a run stands for.
    if (is_executing_) return false;
    count += std::exchange(failing_told_, 0);
    must(waits() && Nanos{schedule_->due()} <= now, "due points were skipped, and none was due");
    const auto step = schedule_->wake(now.count());
    must(!step.run, "due points were skipped, and one must have been run");
    must_equal("how many due points were skipped", count, step.skipped);
    skipped_ += count;
    wait(now);
    return true;
  }

  // ---- What is asked of it while it runs

  void pause(Nanos now) {
    is_paused_ = true;
    is_triggered_ = false;
    if (is_running()) wait_again(now);
  }

  void resume(Nanos now) {
    if (!is_paused_) return;
    is_paused_ = false;
    failures_in_a_row_ = 0;
    consecutive_errors_ = 0;
    if (!is_running()) return;
    if (!is_triggered_) pass_over(now);
    schedule_->forget_failures();
    wait_again(now);
  }

  void trigger(Nanos now) {
    if (is_resting()) pass_over(now);
    is_triggered_ = true;
    schedule_->trigger(now.count(), is_executing_);
    wait_again(now);
  }

  void set_interval(Nanos interval, Nanos now) {
    options_.interval = interval;
    if (!is_running()) {
      if (options_.default_tolerance)
        options_.tolerance = std::min(*options_.default_tolerance, interval / 10);
      return;
    }
    if (is_resting()) pass_over(now);
    passed_over(schedule_->set_interval(interval, now.count(), is_executing_));
    options_.tolerance = schedule_->tolerance();
    phase_ = Nanos{schedule_->grid()};
    wait_again(now);
  }

  /// Jitter has been drawn for what it waits for, and it does not know how much.
  [[nodiscard]] bool wants_to_know_due() const { return waits() && !is_resting() && schedule_->is_vague(); }
  void learn_due(Nanos due) {
    must(schedule_->learn_due(due.count()), "the jitter of a due point is out of its bounds");
    waiting_.learn_due(due);
  }

  /// Its service has seen that the wall clock was set.
  void follow_clock(Nanos clock, Nanos now) {
    if (!is_running() || !options_.align_to_epoch) return;
    ++clock_steps_;
    passed_over(schedule_->follow_clock(clock.count(), now.count(), is_executing_));
    wait_again(now);
  }

  void step_ended(Nanos now) {
    must(skips_to_tell_.empty(), "due points were passed over, and nobody was told");
    waiting_.step_ended(now);
  }

  // ---- What must be

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool is_running() const { return schedule_.has_value(); }
  [[nodiscard]] bool is_executing() const { return is_executing_; }
  [[nodiscard]] bool is_paused() const { return is_paused_; }
  [[nodiscard]] bool is_removed() const { return is_removed_; }
  /// No run of it has ended in this step, none is in progress, and nothing is told of it any more: another
  /// timer may have its name and place.
  [[nodiscard]] bool has_left() const {
    return is_removed_ && !is_executing_ && left_in_ < Waiting::steps && skips_to_tell_.empty();
  }
  [[nodiscard]] bool waits() const { return is_running() && !is_executing_; }
  [[nodiscard]] Waiting waiting() const { return waits() && !is_resting() ? waiting_ : Waiting{}; }
  /// For the end of the time that the run in progress has.
  [[nodiscard]] const Waiting& limit() const { return limit_; }
  /// The run in progress was asked to end because of its timeout.
  [[nodiscard]] bool is_overdue() const { return is_overdue_; }
  [[nodiscard]] const Run& run() const { return run_; }
  [[nodiscard]] std::uint64_t started() const {
    return succeeded_ + failed_ + cancelled_ + (is_executing_ ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  [[nodiscard]] std::uint64_t cancelled() const { return cancelled_; }
  [[nodiscard]] std::uint64_t drifts() const { return drifts_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  [[nodiscard]] std::uint64_t timeouts() const { return timeouts_; }

  /// `stats` must be what has happened. `clock`: what the wall clock shows at the start of the world.
  void check(const cliffracer::TimerStats& stats, std::chrono::system_clock::time_point clock) const {
    must_equal("execution_count + skipped_count (the ledger)", stats.execution_count + stats.skipped_count,
               points_before_ + (schedule_ ? schedule_->points() : 0));
    must_equal(
        "execution_count by its parts", stats.execution_count,
        stats.success_count + stats.error_count + stats.cancelled_count + (stats.is_executing ? 1 : 0));
    must_equal("is_running", stats.is_running, is_running());
    must_equal("is_finished", stats.is_finished, has_finished());
    must_equal("is_executing", stats.is_executing, is_executing_);
    must_equal("execution_count", stats.execution_count, started());
    must_equal("success_count", stats.success_count, succeeded_);
    must_equal("error_count", stats.error_count, failed_);
    must_equal("cancelled_count", stats.cancelled_count, cancelled_);
    must_equal("skipped_count", stats.skipped_count, skipped_);
    must_equal("drift_count", stats.drift_count, drifts_);
    must_equal("jitter", stats.jitter, options_.jitter);
    must_equal("timeout", stats.timeout, options_.timeout);
    must_equal("timeout_count", stats.timeout_count, timeouts_);
    must_equal("is_overdue", stats.is_overdue, is_executing_ && is_overdue_);
    must_equal("consecutive_errors", stats.consecutive_errors, consecutive_errors_);
    if (stats.last_error != last_error_) must_equal("last_error", stats.last_error, last_error_);
    must_equal("last_execution_time", stats.last_execution_time, last_execution_time_);
    must_equal("total_execution_time", stats.total_execution_time, total_execution_time_);
    must_equal("last_lateness", stats.last_lateness, last_lateness_);
    must_equal("last_deferral", stats.last_deferral, last_deferral_);
    must_equal("tolerance", stats.tolerance, options_.tolerance);
    const std::uint64_t finished = succeeded_ + failed_ + cancelled_;
    must_equal("average_execution_time", stats.average_execution_time,
               finished == 0 ? Nanos{0} : total_execution_time_ / static_cast<std::int64_t>(finished));
    const double rate =
        started() == 0 ? 0.0 : 100.0 * static_cast<double>(failed_) / static_cast<double>(started());
    must(stats.error_rate > rate - 1e-9 && stats.error_rate < rate + 1e-9, "error_rate is wrong");
    must_equal("is_paused", stats.is_paused, is_paused_);
    must_equal("interval", stats.interval, options_.interval);
    must_equal("whether next_execution is known", stats.next_execution.has_value(), waits() && !is_paused_);
    if (stats.next_execution)
      must_equal("next_execution", Nanos{*stats.next_execution - clock}, Nanos{schedule_->due()});
    must_equal("clock_step_count", stats.clock_step_count, clock_steps_);
  }

  /// Every lateness, deferral (with a tolerance only) and length so far.
  [[nodiscard]] const std::vector<Nanos>& lateness() const { return lateness_; }
  [[nodiscard]] const std::vector<Nanos>& deferral() const { return deferral_; }
  [[nodiscard]] const std::vector<Nanos>& execution_time() const { return execution_time_; }

 private:
  // Between two times at which a run that goes on is cancelled.
  static constexpr Nanos shortest_pause = std::chrono::milliseconds{10};
  static constexpr Nanos longest_pause = std::chrono::seconds{1};

  void wait(Nanos now) {
    waiting_ = Waiting::of_timer(now, Nanos{schedule_->due()}, Nanos{schedule_->window()});
  }

  /// What it waits for has changed, perhaps when it was about to run.
  void wait_again(Nanos now) {
    if (is_executing_) return;
    waiting_ = Waiting::again(now, Nanos{schedule_->due()}, Nanos{schedule_->window()});
  }

  /// One point of the grid.
  [[nodiscard]] Nanos phase() const {
    return options_.align_to_epoch ? options_.offset - Nanos{schedule_->grid_clock()} : phase_;
  }

  /// Paused, and not asked for a run.
  [[nodiscard]] bool is_resting() const { return is_paused_ && !is_triggered_; }

  /// The library tells of them after it has done so.
  void passed_over(std::uint64_t count) {
    skipped_ += count;
    if (count > 0) skips_to_tell_.push_back(count);
  }

  /// What came during a pause.
  void pass_over(Nanos now) {
    if (!is_executing_) skipped_ += schedule_->pass_over(now.count());
  }

  void end_loop() {
    if (schedule_) points_before_ += schedule_->points();
    schedule_.reset();
  }

  Options options_;
  std::optional<support::ScheduleModel> schedule_;  // of the newest start, while it runs
  Waiting waiting_;                                 // the newest
  bool is_executing_ = false;
  bool is_paused_ = false;
  bool is_triggered_ = false;
  bool is_removed_ = false;
  std::uint64_t left_in_ = 0;  // the step in which the newest run ended
  Run run_;                    // the newest
  Waiting limit_;              // for the end of its time
  Nanos limit_pause_{};        // the newest between two cancellations
  bool is_overdue_ = false;
  bool is_told_of_timeout_ = false;
  std::uint32_t failures_in_a_row_ = 0;  // since the newest start
  std::uint64_t runs_since_start_ = 0;
  Nanos last_due_ = Nanos::min();
  Nanos phase_{};                             // one point of the grid
  std::uint64_t failing_told_ = 0;            // before what was missed
  std::vector<std::uint64_t> skips_to_tell_;  // each by itself

  std::uint64_t points_before_ = 0;  // of earlier starts
  std::uint64_t succeeded_ = 0, failed_ = 0, cancelled_ = 0, skipped_ = 0, drifts_ = 0, timeouts_ = 0,
                clock_steps_ = 0, consecutive_errors_ = 0;
  std::string last_error_;
  Nanos last_execution_time_{}, total_execution_time_{}, last_lateness_{}, last_deferral_{};
  std::vector<Nanos> lateness_, deferral_, execution_time_;
};

}  // namespace simulation
