#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/run_probe.hpp>
#include <cliffracer/testing/detail/virtual_time_core.hpp>
#include <cliffracer/testing/run_log.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer::detail {

/// Writes down every run in a VirtualTime, as long as it lives.
class RunRecorder final : public RunProbe {
 public:
  explicit RunRecorder(VirtualTimeCore& time) : time_{time} { time_.add_log(*this); }
  RunRecorder(const RunRecorder&) = delete;
  RunRecorder& operator=(const RunRecorder&) = delete;
  ~RunRecorder() override { time_.remove_log(*this); }

  [[nodiscard]] std::vector<testing::TimerRun>& runs() noexcept { return runs_; }

 private:
  void run_started(std::string_view service, std::string_view timer, const Schedule::Decision& why,
                   TimePoint now) override {
    runs_.push_back({.service = std::string{service},
                     .timer = std::string{timer},
                     .due = testing::VirtualTime::since_start(why.due),
                     .started = testing::VirtualTime::since_start(now),
                     .attempt = why.attempt,
                     .skipped = why.skipped,
                     .drifted = why.drifted});
  }

  void run_ended(std::string_view service, std::string_view timer, Outcome outcome, TimePoint now) override {
    // A timer never runs twice at once; what runs is among the newest.
    const auto run = std::find_if(runs_.rbegin(), runs_.rend(), [&](const testing::TimerRun& candidate) {
      return !candidate.ended && candidate.timer == timer && candidate.service == service;
    });
    if (run == runs_.rend()) return;
    run->ended = testing::VirtualTime::since_start(now);
    run->outcome = outcome;
  }

  VirtualTimeCore& time_;
  std::vector<testing::TimerRun> runs_;
};

}  // namespace cliffracer::detail

namespace cliffracer::testing {

CLIFFRACER_DECL RunLog::RunLog(VirtualTime& time)
    : recorder_{std::make_unique<detail::RunRecorder>(detail::VirtualTimeCore::of(time))} {}

CLIFFRACER_DECL RunLog::~RunLog() = default;

CLIFFRACER_DECL const std::vector<TimerRun>& RunLog::all() const noexcept { return recorder_->runs(); }

CLIFFRACER_DECL std::vector<TimerRun> RunLog::of(std::string_view service, std::string_view timer) const {
  std::vector<TimerRun> found;
  std::copy_if(all().begin(), all().end(), std::back_inserter(found),
               [&](const TimerRun& run) { return run.service == service && run.timer == timer; });
  return found;
}

CLIFFRACER_DECL void RunLog::clear() { recorder_->runs().clear(); }

}  // namespace cliffracer::testing
