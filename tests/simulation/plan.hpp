#pragma once

#include "simulation/random.hpp"
#include "simulation/timer_model.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace simulation {

/// Where a timer's method runs and what it is.
enum class Kind : std::uint8_t { coroutine, plain_on_event_loop, plain_on_worker };

struct TimerPlan {
  Kind kind = Kind::coroutine;
  TimerModel::Options options;
  bool has_own_tolerance = false;  ///< Else its service's.
  // How often, in a thousand runs.
  int takes_time = 0;
  int fails = 0;
  int hangs = 0;
  int stops = 0;
  int controls = 0;  ///< Pauses, resumes, triggers or re-times a timer of its service, or itself.
};

struct ServicePlan {
  std::vector<TimerPlan> timers;
  Nanos stop_timeout{};
  Nanos default_tolerance{};
  Nanos session{};            ///< About how long it runs between a start and a stop.
  Nanos pause{};              ///< About how long it then rests.
  int wild_hooks = 0;         ///< In a thousand: on_start() and on_stop() take time or throw.
  int changes = 0;            ///< The same of what is asked of its timers: one is removed, or added again.
  int observer_controls = 0;  ///< The same of what its observer hears: it pauses, resumes ... a timer.
};

/// A world: what is in it, and how it begins. The rest is decided by chance on
/// the way.
struct Plan {
  std::uint64_t seed = 0;
  Nanos length{};
  bool has_worker_threads = false;
  bool is_shuffled = true;  ///< What is due at one instant.
  Nanos longest_suspend{};
  int suspends = 0;
  int clock_steps = 0;  ///< How often the wall clock is set.
  int requests = 0;     ///< How often somebody outside asks something of a timer.
  std::vector<ServicePlan> services;
};

/// How many timers one service has at most.
inline constexpr std::size_t most_timers = 8;

namespace plan_detail {

using namespace std::chrono_literals;

/// A duration as people write them, or one to the nanosecond.
inline Nanos rounded(Random& random, Nanos duration) {
  if (random.chance(300)) return duration;
  const Nanos unit = duration > 1h ? Nanos{1min} : duration > 1min ? Nanos{10s} : Nanos{1s};
  return std::max(duration / unit * unit, unit);
}

/// How tolerant the timers of a service are.
struct Tolerance {
  int own = 0;  // that have one of their own, in a thousand
  Nanos by_default{};
};

inline Tolerance tolerance_plan(Random& random, Nanos longest) {
  if (random.chance(300)) return {};
  return {.own = random.one_of({0, 300, 700, 1000}),
          .by_default = random.one_of<Nanos>({0s, 0s, 1ns, 1s, 30s, random.between(Nanos{0}, longest / 5)})};
}

inline Nanos own_tolerance(Random& random, Nanos interval) {
  const Nanos most = interval - 1ns;
  return random.one_of<Nanos>({0s, 1ns, interval / 1000, interval / 10, interval / 2, most,
                               std::min(Nanos{1s}, most), random.between(Nanos{0}, most)});
}

/// What the timers of one service have in common.
struct Common {
  Nanos shortest{}, longest{};  // intervals
  Nanos beat{};                 // most intervals are a few of these, if it is not zero
  Tolerance tolerance;
};

inline Nanos interval_plan(Random& random, const Common& common) {
  if (common.beat > 0s && random.chance(800)) return random.between(1, 4) * common.beat;
  return rounded(random, random.of_any_size(common.shortest, common.longest));
}

inline TimerPlan timer_plan(Random& random, const Common& common) {
  TimerPlan plan;
  plan.kind =
      random.one_of({Kind::coroutine, Kind::coroutine, Kind::plain_on_event_loop, Kind::plain_on_worker});
  auto& options = plan.options;
  options.interval = interval_plan(random, common);
  const Nanos interval = options.interval;
  options.max_drift = random.one_of<Nanos>({1s, 1s, 0s, 1ns, interval / 2, interval, 3 * interval,
                                            random.between(Nanos{0}, 6 * interval), 10 * interval});
  options.error_backoff = random.one_of<Nanos>({5s, 5s, 0s, interval / 10, interval / 2, interval,
                                                2 * interval, random.between(Nanos{0}, 3 * interval)});
  const Nanos backoff = options.error_backoff;
  if (random.chance(500)) options.max_error_backoff = 0s;
  if (backoff > 0s && random.chance(300))
    options.max_error_backoff =
        random.one_of<Nanos>({backoff + 1ns, 2 * backoff, 3 * backoff, 100 * backoff});
  options.missed_ticks = random.one_of(
      {cliffracer::MissedTicks::coalesce, cliffracer::MissedTicks::burst, cliffracer::MissedTicks::skip});
  options.eager = random.chance(300);
  if (options.missed_ticks == cliffracer::MissedTicks::coalesce && random.chance(300))
    options.pacing = cliffracer::Pacing::after_run;
  plan.has_own_tolerance = random.chance(common.tolerance.own);
  if (!plan.has_own_tolerance) options.default_tolerance = common.tolerance.by_default;
  options.tolerance = plan.has_own_tolerance ? own_tolerance(random, interval)
                                             : std::min(common.tolerance.by_default, interval / 10);
  plan.takes_time = random.one_of({0, 20, 100, 400});
  plan.fails = random.one_of({0, 10, 50, 300});
  plan.hangs = random.one_of({0, 0, 0, 1, 3});
  plan.stops = random.one_of({0, 0, 0, 0, 1, 5});
  plan.controls = random.one_of({0, 0, 10, 100});
  return plan;
}

inline ServicePlan service_plan(Random& random, Nanos world, Nanos beat, bool is_quick) {
  ServicePlan plan;
  const Nanos shortest = is_quick ? random.between(Nanos{1s}, Nanos{60s}) : std::max(world / 600, Nanos{1s});
  const Nanos longest = is_quick ? 500 * shortest : std::max(world / 8, 2 * shortest);
  const Common common{.shortest = shortest,
                      .longest = longest,
                      .beat = is_quick ? std::min(beat, shortest) : beat,
                      .tolerance = tolerance_plan(random, longest)};
  plan.default_tolerance = common.tolerance.by_default;
  const auto count = random.between(3, static_cast<std::int64_t>(most_timers));
  for (std::int64_t n = 0; n < count; ++n) plan.timers.push_back(timer_plan(random, common));
  plan.stop_timeout = random.one_of<Nanos>({10s, 10s, 1s, 0s, 1ms, 1h});
  plan.session = is_quick ? random.between(50, 400) * shortest : random.between(world / 10, world);
  plan.pause = random.between(world / 40, world / 5);
  plan.wild_hooks = random.one_of({0, 100, 500});
  return plan;
}

/// In some worlds many timers are due at once.
inline Nanos beat_plan(Random& random, Nanos world) {
  if (random.chance(700)) return 0s;
  return rounded(random, random.of_any_size(std::max(world / 600, Nanos{1s}), world / 50));
}

/// Methods on several threads at once have no order that a seed decides: with worker threads there is one
/// timer.
inline void limit_threads(Plan& plan) {
  if (!plan.has_worker_threads) return;
  plan.services.resize(1);
  plan.services[0].timers.resize(1);
  plan.services[0].timers[0].kind = Kind::plain_on_worker;
}

/// Options that few timers have, drawn last, so that all else stays as it was without them.
inline void give_rare_options(Random& random, Plan& plan) {
  for (ServicePlan& service : plan.services) {
    for (TimerPlan& timer : service.timers) {
      auto& options = timer.options;
      if (!options.eager && random.chance(150))
        options.initial_delay = random.one_of<Nanos>({Nanos{0}, options.interval / 3, options.interval,
                                                      random.between(Nanos{0}, 5 * options.interval)});
      if (random.chance(150))
        options.max_consecutive_errors = static_cast<std::uint32_t>(random.between(1, 4));
      if (random.chance(100)) options.max_runs = static_cast<std::uint64_t>(random.one_of({1, 2, 5, 50}));
    }
  }
}

/// How long a run may take, of some timers; drawn after all else, too.
inline void give_timeouts(Random& random, Plan& plan) {
  for (ServicePlan& service : plan.services) {
    for (TimerPlan& timer : service.timers) {
      if (timer.kind == Kind::plain_on_event_loop || !random.chance(150)) continue;
      const Nanos interval = timer.options.interval;
      timer.options.timeout =
          random.one_of<Nanos>({1ns, interval / 10, interval / 4, interval,
                                interval + timer.options.max_drift, random.between(Nanos{1}, 3 * interval)});
    }
  }
}

/// Observers that do more than to look, drawn after all else, too.
inline void give_controls_to_observers(Random& random, Plan& plan) {
  // Methods on threads of their own draw from the same chance.
  if (plan.has_worker_threads) return;
  for (ServicePlan& service : plan.services) service.observer_controls = random.one_of({0, 0, 0, 3, 30, 200});
}

/// Timers that come and go, drawn after all else, too.
inline void give_changes(Random& random, Plan& plan) {
  if (plan.has_worker_threads) return;
  for (ServicePlan& service : plan.services) service.changes = random.one_of({0, 0, 50, 300});
}

/// Timers that follow the wall clock, and that it is set; drawn after all else, too.
inline void give_wall_clock(Random& random, Plan& plan) {
  const int aligned = random.one_of({0, 0, 100, 400});
  for (ServicePlan& service : plan.services) {
    for (TimerPlan& timer : service.timers) {
      auto& options = timer.options;
      if (options.pacing != cliffracer::Pacing::grid || !random.chance(aligned)) continue;
      options.align_to_epoch = true;
      options.offset = random.one_of<Nanos>(
          {0s, 0s, options.interval - 1ns, random.between(Nanos{0}, options.interval - 1ns)});
    }
  }
  if (aligned > 0) plan.clock_steps = random.one_of({0, 3, 30});
}

/// Runs that are delayed by chance, drawn after all else, too.
inline void give_jitter(Random& random, Plan& plan) {
  for (ServicePlan& service : plan.services) {
    for (TimerPlan& timer : service.timers) {
      const Nanos interval = timer.options.interval;
      if (random.chance(120))
        timer.options.jitter = random.one_of<Nanos>({1ns, 2ns, interval / 10, interval / 2, interval - 1ns,
                                                     random.between(Nanos{0}, interval - 1ns)});
    }
  }
}

/// Those who control timers from outside, drawn after all else, too.
inline void give_requests(Random& random, Plan& plan) { plan.requests = random.one_of({0, 0, 20, 200}); }

/// What few timers have, in the order in which it came into the worlds: so older ones stay as they were.
inline void give_the_rest(Random& random, Plan& plan) {
  limit_threads(plan);
  give_rare_options(random, plan);
  give_timeouts(random, plan);
  give_controls_to_observers(random, plan);
  give_changes(random, plan);
  give_wall_clock(random, plan);
  give_jitter(random, plan);
  give_requests(random, plan);
}

}  // namespace plan_detail

/// A world of `length` virtual time, with dozens of timers in several services.
inline Plan plan_of(std::uint64_t seed, Nanos length) {
  Random random{seed};
  Plan plan{.seed = seed, .length = length, .services = {}};
  plan.has_worker_threads = random.chance(60);
  plan.longest_suspend =
      random.of_any_size(std::chrono::seconds{1}, std::max(length / 60, Nanos{std::chrono::seconds{2}}));
  plan.suspends = static_cast<int>(random.between(0, 20));
  plan.is_shuffled = random.chance(700);
  const Nanos beat = plan_detail::beat_plan(random, length);
  const auto count = random.between(2, 5);
  for (std::int64_t n = 0; n < count; ++n)
    plan.services.push_back(plan_detail::service_plan(random, length, beat, random.chance(500)));
  plan_detail::give_the_rest(random, plan);
  return plan;
}

/// A world of two services and some ten timers for an hour: to be tried many
/// times.
inline Plan small_plan_of(std::uint64_t seed) {
  Random random{seed ^ 0x5eed5eed5eedU};
  Plan plan{.seed = seed, .length = std::chrono::hours{1}, .services = {}};
  plan.has_worker_threads = random.chance(60);
  plan.longest_suspend = std::chrono::minutes{1};
  plan.suspends = 3;
  plan.is_shuffled = random.chance(700);
  const Nanos beat = plan_detail::beat_plan(random, plan.length);
  for (int n = 0; n < 2; ++n) {
    auto service = plan_detail::service_plan(random, plan.length, beat, true);
    for (auto& timer : service.timers) {
      timer.takes_time = std::max(timer.takes_time, 300);
      timer.hangs = random.one_of({0, 0, 30});
    }
    plan.services.push_back(std::move(service));
  }
  plan_detail::give_the_rest(random, plan);
  return plan;
}

}  // namespace simulation
