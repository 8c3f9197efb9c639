#pragma once

#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/detail/registration/timer_method.hpp>
#include <cliffracer/missed_ticks.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/timer.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace cliffracer::detail {

/// The options of a timer<Method>, whichever method it is.
struct TimerOptions {
  OptionDuration interval;
  bool eager;
  OptionDuration max_drift;
  OptionDuration error_backoff;
  std::optional<OptionDuration> tolerance;
  std::optional<OptionDuration> initial_delay;
  OptionDuration jitter;
  OptionDuration timeout;
  OptionDuration max_error_backoff;
  std::uint32_t max_consecutive_errors;
  bool align_to_epoch;
  Scope scope;
  WhenUnavailable when_unavailable;
  MissedTicks missed_ticks;
  RunOn run_on;
  std::string name;
};

/// A timer as the engine gets it: without the type of its method.
struct TimerRegistration {
  TimerOptions options;
  const TimerMethod* method;
  void* object;  ///< Null: the method belongs to a class that the service is not.
};

/// `registration` bound to `object`, which must outlive the timer.
template <auto Method, class Type>
[[nodiscard]] TimerRegistration registration_of(const timer<Method, Type>& registration,
                                                typename timer<Method, Type>::service_type* object) {
  return {.options = {.interval = registration.interval,
                      .eager = registration.eager,
                      .max_drift = registration.max_drift,
                      .error_backoff = registration.error_backoff,
                      .tolerance = registration.tolerance,
                      .initial_delay = registration.initial_delay,
                      .jitter = registration.jitter,
                      .timeout = registration.timeout,
                      .max_error_backoff = registration.max_error_backoff,
                      .max_consecutive_errors = registration.max_consecutive_errors,
                      .align_to_epoch = registration.align_to_epoch,
                      .scope = registration.scope,
                      .when_unavailable = registration.when_unavailable,
                      .missed_ticks = registration.missed_ticks,
                      .run_on = registration.run_on,
                      .name = registration.name},
          .method = &timer_method<Type, Method>,
          .object = object};
}

}  // namespace cliffracer::detail
