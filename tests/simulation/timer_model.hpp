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
#include <vector>

namespace simulation {

using cliffracer::detail::Outcome;

/// What one timer must do and must say of itself. Instants count from the start
/// of the world.
class TimerModel {
 public:
  using Options = support::ScheduleModel::Options;

  /// One run, as it must be.
  struct Run {
    Nanos due{};
    Nanos started{};
    Nanos deferral{};
    Nanos lateness{};
    std::uint32_t attempt = 1;
    std::uint64_t skipped = 0;
    bool reanchored = false;
    std::uint64_t number = 1;
  };

  explicit TimerModel(const Options& options) : options_{options} {}

  // ---- What it is told

  void loop_started(Nanos now) {
    must(!is_running(), "the model's loop runs twice");
    schedule_.emplace(options_, now.count());
    failures_in_a_row_ = 0;
    last_due_ = Nanos::min();
    phase_ = options_.eager ? now : now + options_.interval;
    wait(now);
  }

  /// The service stops: a timer that waits has done its last run.
  void stop_begins() {
    if (!is_executing_) end_loop();
  }

  /// Its method is called. `jumped_to`: where the newest jump of time has ended. Throws Failure where it must
  /// not be.
  const Run& run_started(Nanos now, Nanos jumped_to) {
    must(!is_executing_, "a run started while another one was in progress");
    must(is_running(), "a run started while the timer was stopped");
    const Nanos due{schedule_->due()};
    must(due <= now, "a run started before its due point");
    must(due > last_due_, "due points do not increase");
    must(now <= waiting_.latest || waiting_.is_late || waiting_.latest < jumped_to,
         "a run started later than its tolerance allows, and nothing was in its way");
    if (failures_in_a_row_ == 0)
      must((due - phase_) % options_.interval == Nanos{0}, "a due point lies off the grid");
    const Nanos window{schedule_->window()};
    const auto step = schedule_->wake(now.count());
    must(step.run, "a run started that must have been skipped");
    if (step.drifted) phase_ = now;
    last_due_ = due;
    is_executing_ = true;
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
            .reanchored = step.drifted,
            .number = started()};
    return run_;
  }

  /// Its method is left. `stops`: the service stops, so there is no next run.
  void run_ended(Nanos now, Outcome outcome, const std::string& error, bool stops) {
    must(is_executing_, "a run ended that never started");
    is_executing_ = false;
    const Nanos length = now - run_.started;
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
    if (stops) {
      end_loop();
    } else {
      skipped_ += schedule_->finished(now.count(), outcome == Outcome::succeeded);
      wait(now);
    }
  }

  /// The timer may have been woken at `now` only to skip what it has missed,
  /// which nobody is told of: `skipped` due points by then tell whether it was. Returns how it had waited.
  std::optional<Waiting> has_only_skipped(Nanos now, std::uint64_t skipped) {
    if (skipped == skipped_ || !waits() || Nanos{schedule_->due()} > now) return std::nullopt;
    auto tried = *schedule_;
    const auto step = tried.wake(now.count());
    if (step.run || skipped_ + step.skipped != skipped) return std::nullopt;
    schedule_ = tried;
    skipped_ = skipped;
    const Waiting woken = waiting_;
    wait(now);
    return woken;
  }

  // ---- What must be

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool is_running() const { return schedule_.has_value(); }
  [[nodiscard]] bool is_executing() const { return is_executing_; }
  [[nodiscard]] bool waits() const { return is_running() && !is_executing_; }
  [[nodiscard]] Waiting waiting() const { return waits() ? waiting_ : Waiting{}; }
  [[nodiscard]] const Run& run() const { return run_; }
  [[nodiscard]] std::uint64_t started() const {
    return succeeded_ + failed_ + cancelled_ + (is_executing_ ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  [[nodiscard]] std::uint64_t cancelled() const { return cancelled_; }
  [[nodiscard]] std::uint64_t drifts() const { return drifts_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

  /// `stats` must be what has happened. `wall_clock_start`: what the wall clock
  /// showed when the world began.
  void check(const cliffracer::TimerStats& stats,
             std::chrono::system_clock::time_point wall_clock_start) const {
    must_equal("execution_count + skipped_count (the ledger)", stats.execution_count + stats.skipped_count,
               points_before_ + (schedule_ ? schedule_->points() : 0));
    must_equal(
        "execution_count by its parts", stats.execution_count,
        stats.success_count + stats.error_count + stats.cancelled_count + (stats.is_executing ? 1 : 0));
    must_equal("is_running", stats.is_running, is_running());
    must_equal("is_executing", stats.is_executing, is_executing_);
    must_equal("execution_count", stats.execution_count, started());
    must_equal("success_count", stats.success_count, succeeded_);
    must_equal("error_count", stats.error_count, failed_);
    must_equal("cancelled_count", stats.cancelled_count, cancelled_);
    must_equal("skipped_count", stats.skipped_count, skipped_);
    must_equal("drift_count", stats.drift_count, drifts_);
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
    must_equal("whether next_execution is known", stats.next_execution.has_value(), waits());
    if (waits())
      must_equal("next_execution", Nanos{*stats.next_execution - wall_clock_start}, Nanos{schedule_->due()});
  }

  /// Every lateness, deferral (with a tolerance only) and length so far.
  [[nodiscard]] const std::vector<Nanos>& lateness() const { return lateness_; }
  [[nodiscard]] const std::vector<Nanos>& deferral() const { return deferral_; }
  [[nodiscard]] const std::vector<Nanos>& execution_time() const { return execution_time_; }

 private:
  void wait(Nanos now) { waiting_ = Waiting::from(now, Nanos{schedule_->due()}, Nanos{schedule_->window()}); }

  void end_loop() {
    if (schedule_) points_before_ += schedule_->points();
    schedule_.reset();
  }

  Options options_;
  std::optional<support::ScheduleModel> schedule_;  // of the newest start, while it runs
  Waiting waiting_;                                 // the newest
  bool is_executing_ = false;
  Run run_;                              // the newest
  std::uint32_t failures_in_a_row_ = 0;  // since the newest start
  Nanos last_due_ = Nanos::min();
  Nanos phase_{};  // one point of the grid

  std::uint64_t points_before_ = 0;  // of earlier starts
  std::uint64_t succeeded_ = 0, failed_ = 0, cancelled_ = 0, skipped_ = 0, drifts_ = 0,
                consecutive_errors_ = 0;
  std::string last_error_;
  Nanos last_execution_time_{}, total_execution_time_{}, last_lateness_{}, last_deferral_{};
  std::vector<Nanos> lateness_, deferral_, execution_time_;
};

}  // namespace simulation
