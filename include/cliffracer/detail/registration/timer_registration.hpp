#pragma once

#include <cliffracer/detail/registration/timer_method.hpp>
#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/timer.hpp>

#include <memory>
#include <string>

namespace cliffracer::detail {

/// A timer as the engine gets it: without the type of its method.
struct TimerRegistration {
  std::string name;
  TimerOptions options;
  const TimerMethod* method;
  void* object;  ///< Null: the method belongs to a class that the service is not.
  std::shared_ptr<const Calendar> calendar{};  ///< Of a cron<Method>, else null.
};

/// `registration` bound to `object`, which must outlive the timer.
template <auto Method, class Type>
[[nodiscard]] TimerRegistration registration_of(const timer<Method, Type>& registration,
                                                typename timer<Method, Type>::service_type* object) {
  const TimerMethod& method = timer_method<Type, Method>;
  return {.name = registration.name.empty() ? std::string{method.name} : registration.name,
          .options = {.interval = registration.interval,
                      .eager = registration.eager,
                      .max_drift = registration.max_drift,
                      .error_backoff = registration.error_backoff,
                      .tolerance = registration.tolerance,
                      .initial_delay = registration.initial_delay,
                      .jitter = registration.jitter,
                      .timeout = registration.timeout,
                      .max_error_backoff = registration.max_error_backoff,
                      .max_consecutive_errors = registration.max_consecutive_errors,
                      .max_runs = registration.max_runs,
                      .align_to_epoch = registration.align_to_epoch,
                      .offset = registration.offset,
                      .pacing = registration.pacing,
                      .scope = registration.scope,
                      .when_unavailable = registration.when_unavailable,
                      .catch_up = registration.catch_up,
                      .missed_ticks = registration.missed_ticks,
                      .run_on = registration.run_on},
          .method = &method,
          .object = object};
}

}  // namespace cliffracer::detail
