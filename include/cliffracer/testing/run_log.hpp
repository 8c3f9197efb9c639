#pragma once

#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/run_probe.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer::testing {

using detail::Outcome;

/// One run of a timer. Instants count from the start of the VirtualTime.
struct TimerRun {
  std::string service;
  std::string timer;
  std::chrono::nanoseconds due{};
  std::chrono::nanoseconds started{};
  std::optional<std::chrono::nanoseconds> ended{};  ///< Not while it runs.
  std::optional<Outcome> outcome{};                 ///< Not while it runs.
  std::uint32_t attempt = 1;                        ///< 1 + failures in a row before it.
  std::uint64_t skipped = 0;                        ///< Due points that were passed over for it.
  bool reanchored = false;                          ///< Later than max_drift: the grid begins anew with it.
};

/// Every run of every timer in a VirtualTime, from this object's construction on. Grows without bound.
/// Must not outlive the VirtualTime.
class RunLog final : private detail::RunProbe {
 public:
  explicit RunLog(VirtualTime& time) : time_{time} { time_.logs_.push_back(this); }
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;
  ~RunLog() override { std::erase(time_.logs_, static_cast<RunProbe*>(this)); }

  /// In the order in which they started.
  [[nodiscard]] const std::vector<TimerRun>& all() const noexcept { return runs_; }

  /// The runs of one timer, by its name: that of its method, unless it was given another.
  [[nodiscard]] std::vector<TimerRun> of(std::string_view service, std::string_view timer) const {
    std::vector<TimerRun> found;
    std::copy_if(runs_.begin(), runs_.end(), std::back_inserter(found),
                 [&](const TimerRun& run) { return run.service == service && run.timer == timer; });
    return found;
  }

  void clear() { runs_.clear(); }

 private:
  void run_started(std::string_view service, std::string_view timer, const detail::Schedule::Decision& why,
                   detail::TimePoint now) override {
    runs_.push_back({.service = std::string{service},
                     .timer = std::string{timer},
                     .due = VirtualTime::since_start(why.due),
                     .started = VirtualTime::since_start(now),
                     .attempt = why.attempt,
                     .skipped = why.skipped,
                     .reanchored = why.drifted});
  }

  void run_ended(std::string_view service, std::string_view timer, Outcome outcome,
                 detail::TimePoint now) override {
    // A timer never runs twice at once; what runs is among the newest.
    const auto run = std::find_if(runs_.rbegin(), runs_.rend(), [&](const TimerRun& candidate) {
      return !candidate.ended && candidate.timer == timer && candidate.service == service;
    });
    if (run == runs_.rend()) return;
    run->ended = VirtualTime::since_start(now);
    run->outcome = outcome;
  }

  VirtualTime& time_;
  std::vector<TimerRun> runs_;
};

}  // namespace cliffracer::testing
