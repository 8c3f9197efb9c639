#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/outcome.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer::detail {

class RunRecorder;

}  // namespace cliffracer::detail

namespace cliffracer::testing {

using cliffracer::Outcome;

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
  bool drifted = false;                             ///< Later than max_drift.
};

/// Every run of every timer in a VirtualTime, from this object's construction on. Grows without bound.
/// Must not outlive the VirtualTime.
class RunLog final {
 public:
  explicit RunLog(VirtualTime& time);
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;
  ~RunLog();

  /// In the order in which they started.
  [[nodiscard]] const std::vector<TimerRun>& all() const noexcept;

  /// The runs of one timer, by its name: that of its method, unless it was given another.
  [[nodiscard]] std::vector<TimerRun> of(std::string_view service, std::string_view timer) const;

  void clear();

 private:
  const std::unique_ptr<detail::RunRecorder> recorder_;
};

}  // namespace cliffracer::testing

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/testing/impl/run_log.ipp>
#endif
