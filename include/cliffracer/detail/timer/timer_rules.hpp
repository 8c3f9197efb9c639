#pragma once

#include <cliffracer/detail/registration/calendar.hpp>
#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/detail/registration/timer_method.hpp>
#include <cliffracer/detail/registration/timer_options.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/missed_ticks.hpp>
#include <cliffracer/pacing.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/scope.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// What a service says for all its timers.
struct TimerDefaults {
  std::chrono::nanoseconds tolerance{
      0};  ///< Of timers without one of their own; at most a tenth of interval.
  std::uint64_t jitter_seed = 0;
  std::chrono::nanoseconds keep{0};  ///< How long claims are kept, as ClusterConfig says.
};

/// Throws std::invalid_argument for the first rule that an option breaks. `what` begins the message.
inline void check_duration(const std::string& what, const OptionDuration& duration, bool may_be_zero) {
  if (!duration.is_representable()) {
    throw std::invalid_argument{what + " must fit in 64-bit nanoseconds (292 years)"};
  }
  if (duration.value() < std::chrono::nanoseconds::zero())
    throw std::invalid_argument{what + " must not be negative"};
  if (!may_be_zero && duration.value() == std::chrono::nanoseconds::zero()) {
    throw std::invalid_argument{what + " must be greater than zero"};
  }
}

/// The same for an option that has to be shorter than the interval, or, with a calendar, than the shortest
/// that two of its points may lie apart.
inline void check_less(const std::string& what, std::chrono::nanoseconds duration,
                       std::chrono::nanoseconds interval, bool has_calendar = false) {
  if (duration < interval) return;
  throw std::invalid_argument{what + (has_calendar ? " must be less than what two points of at may lie apart"
                                                   : " must be less than interval")};
}

/// The timers of one service differ in their jitter, and so do services of one seed.
[[nodiscard]] inline std::uint64_t seed_of(std::uint64_t seed, std::string_view service,
                                           std::string_view timer) {
  // FNV-1a: the same on every machine.
  std::uint64_t hash = 0xCBF29CE484222325U ^ seed;
  for (const std::string_view text : {service, std::string_view{"."}, timer}) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return hash;
}

/// Whether `name` may be a token of a key in a key-value bucket.
[[nodiscard]] inline bool is_bucket_key(std::string_view name) {
  return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=/") ==
         std::string_view::npos;
}

/// `options`, and what follows from them and `defaults`: the default tolerance, the alignment of a cluster
/// timer. Throws std::invalid_argument that names service, timer and rule.
[[nodiscard]] inline TimerOptions checked_options(const std::string& service, const std::string& name,
                                                  TimerOptions options, const TimerMethod& method,
                                                  const TimerDefaults& defaults) {
  const std::string what = "service " + service + ": timer " + escaped(name, 128) + ": ";
  const auto require = [&](bool ok, std::string_view rule) {
    if (!ok) throw std::invalid_argument{what + std::string{rule}};
  };
  if (const auto rule = violated_token_rule(name); !rule.empty())
    require(false, "name must be " + std::string{rule});
  const bool has_calendar = options.calendar != nullptr;
  if (has_calendar) options.interval = options.calendar->at.shortest_distance();
  check_duration(what + "interval", options.interval, false);
  check_duration(what + "max_drift", options.max_drift, true);
  check_duration(what + "error_backoff", options.error_backoff, true);
  const std::chrono::nanoseconds interval = options.interval;
  options.default_tolerance = defaults.tolerance;
  if (options.tolerance) {
    check_duration(what + "tolerance", *options.tolerance, true);
    check_less(what + "tolerance", *options.tolerance, interval, has_calendar);
  }
  check_duration(what + "jitter", options.jitter, true);
  check_less(what + "jitter", options.jitter, interval, has_calendar);
  if (options.initial_delay) {
    check_duration(what + "initial_delay", *options.initial_delay, true);
    require(!options.eager, "initial_delay does not go with eager");
  }
  if (options.max_error_backoff) {
    check_duration(what + "max_error_backoff", *options.max_error_backoff, true);
    const std::chrono::nanoseconds most = *options.max_error_backoff;
    require(most.count() == 0 || options.error_backoff.value().count() > 0,
            "max_error_backoff needs an error_backoff greater than zero");
    require(most.count() == 0 || most > options.error_backoff.value(),
            "max_error_backoff must be greater than error_backoff");
  }
  require(options.missed_ticks <= MissedTicks::skip, "missed_ticks is no MissedTicks");
  require(options.scope <= Scope::cluster, "scope is no Scope");
  require(options.when_unavailable <= WhenUnavailable::run, "when_unavailable is no WhenUnavailable");
  const bool is_cluster = options.scope == Scope::cluster;
  require(options.pacing <= Pacing::after_run, "pacing is no Pacing");
  if (options.pacing == Pacing::after_run) {
    require(!options.align_to_epoch, "align_to_epoch does not go with pacing after_run, which has no grid");
    require(options.offset == std::chrono::nanoseconds::zero(),
            "offset does not go with pacing after_run, which has no grid");
    require(!is_cluster, "scope cluster does not go with pacing after_run: replicas share a grid");
    require(options.missed_ticks == MissedTicks::coalesce,
            "missed_ticks does not go with pacing after_run, which misses nothing");
  }
  check_duration(what + "offset", options.offset, true);
  check_less(what + "offset", options.offset, interval);
  require(options.offset.value().count() == 0 || options.align_to_epoch || is_cluster,
          "offset needs align_to_epoch or scope cluster: other grids begin at the start");
  require(is_cluster || options.when_unavailable == WhenUnavailable::miss,
          "when_unavailable is for a timer with scope cluster");
  check_duration(what + "catch_up", options.catch_up, true);
  const std::chrono::nanoseconds catch_up = options.catch_up;
  require(is_cluster || catch_up.count() == 0,
          "catch_up is for a timer with scope cluster: a replica alone does not know what it has missed");
  if (is_cluster) {
    require(interval >= std::chrono::milliseconds{1},
            "scope cluster: interval must be at least 1 ms: tokens tell ticks apart by milliseconds");
    require(
        options.missed_ticks != MissedTicks::burst,
        "missed_ticks: burst does not go with scope cluster: another replica may have run what was missed");
    require(
        is_bucket_key(service) && is_bucket_key(name),
        "scope cluster: the names of service and timer may hold letters, digits, '-', '_', '=' and '/' only");
    require(
        defaults.keep.count() == 0 || defaults.keep / 3 >= interval,
        "interval must be at most a third of the time that claims are kept (ServiceConfig::cluster.keep)");
    // The claim before the oldest tick that may be caught up must still be there.
    require(
        defaults.keep.count() == 0 || catch_up == until_next_point || defaults.keep - interval >= catch_up,
        "catch_up and an interval must be at most the time that claims are kept "
        "(ServiceConfig::cluster.keep)");
    options.align_to_epoch = !has_calendar;
  }
  require(options.run_on <= RunOn::worker_pool, "run_on is no RunOn");
  const bool on_workers = options.run_on == RunOn::worker_pool;
  require(!method.start || !on_workers,
          "run_on: a coroutine runs on the event loop, only a plain method on the worker pool");
  check_duration(what + "timeout", options.timeout, true);
  require(options.timeout.value().count() == 0 || method.start || on_workers,
          "timeout: a plain method on the event loop cannot be asked to end");
  return options;
}

}  // namespace cliffracer::detail
