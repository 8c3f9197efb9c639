#pragma once

#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/schedule.hpp>

#include <string_view>

namespace cliffracer::detail {

/// Told of every run of a timer: tests. Called on the service's strand.
class RunProbe {
 public:
  virtual ~RunProbe() = default;

  virtual void run_started(std::string_view service, std::string_view timer, const Schedule::Decision& why,
                           TimePoint now) = 0;
  virtual void run_ended(std::string_view service, std::string_view timer, Outcome outcome,
                         TimePoint now) = 0;
};

}  // namespace cliffracer::detail
