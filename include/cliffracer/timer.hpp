#pragma once

#include <cliffracer/detail/registration/method_name.hpp>
#include <cliffracer/detail/registration/method_traits.hpp>
#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/missed_ticks.hpp>
#include <cliffracer/pacing.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/tick_context.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace cliffracer {
namespace detail {

template <class Arguments>
inline constexpr bool is_timer_argument_list = false;
template <>
inline constexpr bool is_timer_argument_list<std::tuple<>> = true;
template <>
inline constexpr bool is_timer_argument_list<std::tuple<TickContext>> = true;
template <>
inline constexpr bool is_timer_argument_list<std::tuple<const TickContext&>> = true;

template <class Traits, bool IsMethod = Traits::is_method>
inline constexpr bool has_timer_arguments = true;
template <class Traits>
inline constexpr bool has_timer_arguments<Traits, true> =
    is_timer_argument_list<typename Traits::argument_types>;

template <class Traits, bool IsMethod = Traits::is_method>
inline constexpr bool has_timer_result = true;
template <class Traits>
inline constexpr bool has_timer_result<Traits, true> =
    std::is_void_v<typename Traits::result_type> ||
    std::is_same_v<typename Traits::result_type, asio::awaitable<void, asio::any_io_executor>>;

/// Void when there is no method: the advice of timer's static_asserts then stands alone.
template <class Traits, bool IsMethod = Traits::is_method>
struct ServiceTypeOf {
  using type = void;
};
template <class Traits>
struct ServiceTypeOf<Traits, true> {
  using type = typename Traits::class_type;
};

template <class Traits, bool IsMethod = Traits::is_method>
inline constexpr RunOn default_run_on = RunOn::event_loop;
template <class Traits>
inline constexpr RunOn default_run_on<Traits, true> =
    std::is_void_v<typename Traits::result_type> ? RunOn::worker_pool : RunOn::event_loop;

}  // namespace detail

/// Attaches a schedule to a member function of a service:
///
///     add(timer<&MyService::health_check>{.interval = 30s},
///         timer<&MyService::collect_metrics>{.interval = 60s, .eager = true});
///
/// The method belongs to the service or a base of it, takes nothing or one TickContext, and returns void or
/// asio::awaitable<void>. One that returns an awaitable is a coroutine and runs on the service's event loop;
/// a plain one runs on a worker thread and may block. Runs of one timer never overlap; timers do not wait for
/// each other. Due points lie at start + k * interval. A method that throws is logged, counted, and run again
/// after `error_backoff`; points of the grid that pass meanwhile are skipped.
///
/// Values out of range throw std::invalid_argument from add(), naming service, timer and rule. Durations
/// longer than 292 years (what 64-bit nanoseconds hold) are out of range.
///
/// `Type` is left alone. It keeps services of one name in two files apart: g++ gives a template whose only
/// argument is a pointer to member external linkage, also when the class is in an unnamed namespace.
template <auto Method, class Type = decltype(Method)>
struct timer {
 private:
  using Traits = detail::MethodTraits<Type>;
  static_assert(Traits::is_method,
                "timer<...> takes a pointer to a member function: timer<&Service::method>");
  static_assert(detail::has_timer_arguments<Traits>,
                "a timer method takes no argument, or one cliffracer::TickContext");
  static_assert(
      detail::has_timer_result<Traits>,
      "a timer method returns void (plain, runs on a worker thread) or asio::awaitable<void> (coroutine)");

 public:
  using service_type = typename detail::ServiceTypeOf<Traits>::type;

  /// True for a method that returns asio::awaitable<void>.
  static constexpr bool is_coroutine = detail::default_run_on<Traits> == RunOn::event_loop;

  /// The method's name, from the template argument: "health_check".
  static consteval std::string_view method_name() { return detail::method_name<Method>(); }

  /// Time between due points; > 0. Required.
  detail::RequiredInterval interval;
  /// True: the first run is due at start; false: one interval later.
  bool eager = false;
  /// How late a run may be before that is a drift; >= 0. A drift is one warning and one run at once for
  /// everything that was missed, whatever `missed_ticks` says; the next point is the next one of the same
  /// grid. Zero: any lateness is a drift, and a real clock is always a little late.
  detail::OptionDuration max_drift = std::chrono::seconds{1};
  /// From the end of a failed run to its retry; >= 0. It grows with each failure in a row: see
  /// `max_error_backoff`. Zero: at once.
  detail::OptionDuration error_backoff = std::chrono::seconds{5};
  /// How much later than its due point a run may be started so that several timers share one wake-up; >= 0
  /// and less than `interval`. It moves no due point, and delays within it count neither as lateness nor as
  /// drift. A retry, a run that trigger() asks for, and a timeout are not put off. It does not keep a point
  /// alive that passes during a run: `missed_ticks` decides. Zero: as soon as it is due. Not given:
  /// ServiceConfig::default_tolerance, at most a tenth of `interval`. (As NSTimer's tolerance, and the
  /// windows of Android's alarms.)
  std::optional<detail::OptionDuration> tolerance{};
  /// From start to the first due point, instead of one interval; >= 0. Zero: due at start, as `eager`, which
  /// does not go with it. With `align_to_epoch` the first point is the first of that grid after the delay.
  /// (As Spring's initialDelay.)
  std::optional<detail::OptionDuration> initial_delay{};
  /// Each run is delayed by a random time, uniform in [0, jitter); >= 0 and less than `interval`. It never
  /// adds up: the grid stays where it is. Retries are not delayed. Zero: none. ServiceConfig::jitter_seed
  /// makes it repeatable. (As APScheduler's jitter.)
  detail::OptionDuration jitter = std::chrono::nanoseconds{0};
  /// How long a run may take; >= 0. A coroutine is then cancelled (what it awaits fails with
  /// asio::error::operation_aborted), and its end is awaited; the run has failed, unless the method returns
  /// all the same. A plain method is asked to end by TickContext::stop_token and counts as overdue until it
  /// returns: no other run begins meanwhile; one that found no free worker in that time has failed. Zero: as
  /// long as it likes. Not for a plain method on the event loop, which nobody could ask.
  detail::OptionDuration timeout = std::chrono::nanoseconds{0};
  /// `error_backoff` doubles with each failure in a row up to this; greater than `error_backoff`, which is
  /// then > 0. Zero: it stays as it is. Not given: up to `interval`, but not more than 5 min, and never below
  /// `error_backoff`.
  std::optional<detail::OptionDuration> max_error_backoff{};
  /// After so many failures in a row the timer is paused, with the reason, until NatsService::resume(). Zero:
  /// it never is.
  std::uint32_t max_consecutive_errors = 0;
  /// After so many runs, failed ones and retries included, the timer has finished (TimerStats::is_finished):
  /// it stays in the statistics and does not run any more, until the service is started again, which begins
  /// to count at 0. Zero: no limit. (As Quartz' repeatCount.)
  std::uint64_t max_runs = 0;
  /// True: due points are where the wall clock (UTC) shows a multiple of `interval` since the epoch; an
  /// hourly timer fires on the hour. When the wall clock is set, the grid follows within a second; points
  /// that it is set over count as skipped, and one that was run is not run again unless the clock goes back
  /// by more than an interval.
  bool align_to_epoch = false;
  /// How much later than multiples of `interval` the points of an aligned grid are; >= 0 and less than
  /// `interval`. With `align_to_epoch` or Scope::cluster only: daily at 02:30 UTC is `.interval = 24h,
  /// .align_to_epoch = true, .offset = 2h + 30min`. Zero: at the multiples.
  detail::OptionDuration offset = std::chrono::nanoseconds{0};
  /// From where `interval` is counted. With Pacing::after_run from the end of a run to the next start: there
  /// is no grid, a long run misses nothing, and a late one moves those after it. `eager`, `initial_delay`,
  /// `tolerance`, `jitter` and `error_backoff` mean the same as on a grid. Not with `align_to_epoch`,
  /// `offset`, Scope::cluster or a `missed_ticks` other than the default.
  Pacing pacing = Pacing::grid;
  /// Who runs the timer when the service has several replicas: each of them, or, with Scope::cluster, one of
  /// them at each tick. A cluster timer is aligned to the epoch, so that replicas agree on ticks as long as
  /// their clocks differ by less than `interval`, which is at least a millisecond: a tick begins where the
  /// wall clock shows a multiple of `interval` + `offset`. To run it a replica creates the key
  /// `{service}.{timer}.{token}` in the bucket of ServiceConfig::cluster, where the token is that instant in
  /// milliseconds since the epoch, and one creation wins. The names of service and timer are part of it:
  /// letters, digits, '-', '_', '=' and '/'. Not with MissedTicks::burst, for another replica may have run
  /// what was missed here; its interval cannot be changed at run time, for all replicas need the same. See
  /// TickContext::token for what protects against a replica that was suspended in a run.
  Scope scope = Scope::replica;
  /// What a cluster timer does at a tick that nobody can claim, because the bucket does not answer.
  WhenUnavailable when_unavailable = WhenUnavailable::miss;
  /// How old a tick of a cluster timer may be that no replica has claimed, and still be run; >= 0. When a
  /// replica starts, and when it can claim again after it could not, it looks for the newest tick; if that is
  /// not claimed and not older than this, the replicas claim it like any other, and one of them runs it,
  /// once, with TickContext::is_catch_up. Ticks before it are counted as missed. A tick that a replica
  /// claimed and did not finish is not run again. Nothing is caught up when no claim is in the bucket, as at
  /// a first deployment or after an outage that claims do not outlast (ClusterConfig::keep), nor when the
  /// newest claim was made for another schedule. A timer that is paused or waits for a retry catches up
  /// nothing. Zero: never. (As Kubernetes' startingDeadlineSeconds and Quartz' misfire instructions.)
  detail::OptionDuration catch_up = std::chrono::nanoseconds{0};
  /// What becomes of due points that pass while a run is in progress or the event loop is busy, up to
  /// `max_drift`.
  MissedTicks missed_ticks = MissedTicks::coalesce;
  /// Where the method runs. A coroutine cannot run on the worker pool.
  RunOn run_on = detail::default_run_on<Traits>;
  /// Unique in the service; empty: the method's name. Needed when a method carries several timers.
  std::string name{};
};

}  // namespace cliffracer
