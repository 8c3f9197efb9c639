#pragma once

#include <cliffracer/cron_expression.hpp>
#include <cliffracer/detail/registration/calendar.hpp>
#include <cliffracer/detail/registration/timer_registration.hpp>
#include <cliffracer/timer.hpp>
#include <cliffracer/zone.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cliffracer {

/// Attaches a calendar to a member function of a service:
///
///     add(cron<&MyService::report>{.at = "30 2 * * MON-FRI", .zone = time_zone("Europe/Berlin")});
///
/// All that timer says holds for it, but that due points are those of a CronExpression, as the wall clock
/// shows them. A service of one name and one version of the zone's data has the same ones in each process.
///
/// When the wall clock is set, or the machine was suspended, it is followed within a second: points that it
/// is set over count as skipped, and the one that was run last is not run again. Where an option of timer
/// speaks of the interval, CronExpression::shortest_distance() stands for it.
///
/// Its interval cannot be set at run time.
template <auto Method, class Type = decltype(Method)>
struct cron {
 private:
  using Attached = timer<Method, Type>;

 public:
  using service_type = typename Attached::service_type;

  /// True for a method that returns asio::awaitable<void>.
  static constexpr bool is_coroutine = Attached::is_coroutine;

  /// The method's name, from the template argument: "report".
  static consteval std::string_view method_name() { return Attached::method_name(); }

  /// When runs are due. Required. An H in it is decided by the names of service and timer.
  CronExpression at;
  /// Whose clocks show it. UTC if not given; never by itself the host's zone.
  TimeZone zone{};
  /// True: one more run is due at start.
  bool eager = false;
  /// As timer::max_drift.
  detail::OptionDuration max_drift = std::chrono::seconds{1};
  /// As timer::error_backoff.
  detail::OptionDuration error_backoff = std::chrono::seconds{5};
  /// As timer::tolerance.
  std::optional<detail::OptionDuration> tolerance{};
  /// As timer::jitter.
  detail::OptionDuration jitter = std::chrono::nanoseconds{0};
  /// As timer::timeout.
  detail::OptionDuration timeout = std::chrono::nanoseconds{0};
  /// As timer::max_error_backoff.
  std::optional<detail::OptionDuration> max_error_backoff{};
  /// As timer::max_consecutive_errors.
  std::uint32_t max_consecutive_errors = 0;
  /// As timer::max_runs.
  std::uint64_t max_runs = 0;
  /// As timer::scope. Replicas must have the same data for the zone, else each claims points of its own.
  Scope scope = Scope::replica;
  /// As timer::when_unavailable.
  WhenUnavailable when_unavailable = WhenUnavailable::miss;
  /// As timer::catch_up. Not given: until the next point comes.
  std::optional<detail::OptionDuration> catch_up{};
  /// As timer::missed_ticks.
  MissedTicks missed_ticks = MissedTicks::coalesce;
  /// As timer::run_on.
  RunOn run_on = detail::default_run_on<detail::MethodTraits<Type>>;
  /// Unique in the service, among its timers, too; empty: the method's name.
  std::string name{};
};

namespace detail {

/// `registration` bound to `object`, which must outlive the timer. Throws std::bad_alloc.
template <auto Method, class Type>
[[nodiscard]] TimerRegistration registration_of(const cron<Method, Type>& registration,
                                                typename cron<Method, Type>::service_type* object) {
  const TimerMethod& method = timer_method<Type, Method>;
  return {
      .name = registration.name.empty() ? std::string{method.name} : registration.name,
      .options = {.eager = registration.eager,
                  .max_drift = registration.max_drift,
                  .error_backoff = registration.error_backoff,
                  .tolerance = registration.tolerance,
                  .jitter = registration.jitter,
                  .timeout = registration.timeout,
                  .max_error_backoff = registration.max_error_backoff,
                  .max_consecutive_errors = registration.max_consecutive_errors,
                  .max_runs = registration.max_runs,
                  .scope = registration.scope,
                  .when_unavailable = registration.when_unavailable,
                  .catch_up = registration.catch_up.value_or(
                      registration.scope == Scope::cluster ? until_next_point : std::chrono::nanoseconds{0}),
                  .missed_ticks = registration.missed_ticks,
                  .run_on = registration.run_on},
      .method = &method,
      .object = object,
      .calendar = std::make_shared<const Calendar>(Calendar{registration.at, registration.zone})};
}

}  // namespace detail
}  // namespace cliffracer
