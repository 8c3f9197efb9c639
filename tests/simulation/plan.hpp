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
  // How often, in a thousand runs.
  int takes_time = 0;
  int fails = 0;
  int hangs = 0;
  int stops = 0;
};

struct ServicePlan {
  std::vector<TimerPlan> timers;
  Nanos stop_timeout{};
  Nanos session{};     ///< About how long it runs between a start and a stop.
  Nanos pause{};       ///< About how long it then rests.
  int wild_hooks = 0;  ///< In a thousand: on_start() and on_stop() take time or throw.
};

/// A world: what is in it, and how it begins. The rest is decided by chance on
/// the way.
struct Plan {
  std::uint64_t seed = 0;
  Nanos length{};
  bool has_worker_threads = false;
  Nanos longest_suspend{};
  int suspends = 0;
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

inline TimerPlan timer_plan(Random& random, Nanos shortest, Nanos longest) {
  TimerPlan plan;
  plan.kind =
      random.one_of({Kind::coroutine, Kind::coroutine, Kind::plain_on_event_loop, Kind::plain_on_worker});
  auto& options = plan.options;
  options.interval = rounded(random, random.of_any_size(shortest, longest));
  const Nanos interval = options.interval;
  options.max_drift = random.one_of<Nanos>({1s, 1s, 0s, 1ns, interval / 2, interval, 3 * interval,
                                            random.between(Nanos{0}, 6 * interval), 10 * interval});
  options.error_backoff = random.one_of<Nanos>({5s, 5s, 0s, interval / 10, interval / 2, interval,
                                                2 * interval, random.between(Nanos{0}, 3 * interval)});
  options.missed_ticks = random.one_of(
      {cliffracer::MissedTicks::coalesce, cliffracer::MissedTicks::burst, cliffracer::MissedTicks::skip});
  options.eager = random.chance(300);
  plan.takes_time = random.one_of({0, 20, 100, 400});
  plan.fails = random.one_of({0, 10, 50, 300});
  plan.hangs = random.one_of({0, 0, 0, 1, 3});
  plan.stops = random.one_of({0, 0, 0, 0, 1, 5});
  return plan;
}

inline ServicePlan service_plan(Random& random, Nanos world, bool is_quick) {
  ServicePlan plan;
  const Nanos shortest = is_quick ? random.between(Nanos{1s}, Nanos{60s}) : std::max(world / 600, Nanos{1s});
  const Nanos longest = is_quick ? 500 * shortest : std::max(world / 8, 2 * shortest);
  const auto count = random.between(3, static_cast<std::int64_t>(most_timers));
  for (std::int64_t n = 0; n < count; ++n) plan.timers.push_back(timer_plan(random, shortest, longest));
  plan.stop_timeout = random.one_of<Nanos>({10s, 10s, 1s, 0s, 1ms, 1h});
  plan.session = is_quick ? random.between(50, 400) * shortest : random.between(world / 10, world);
  plan.pause = random.between(world / 40, world / 5);
  plan.wild_hooks = random.one_of({0, 100, 500});
  return plan;
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
  const auto count = random.between(2, 5);
  for (std::int64_t n = 0; n < count; ++n)
    plan.services.push_back(plan_detail::service_plan(random, length, random.chance(500)));
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
  for (int n = 0; n < 2; ++n) {
    auto service = plan_detail::service_plan(random, plan.length, true);
    for (auto& timer : service.timers) {
      timer.takes_time = std::max(timer.takes_time, 300);
      timer.hangs = random.one_of({0, 0, 30});
    }
    plan.services.push_back(std::move(service));
  }
  return plan;
}

}  // namespace simulation
