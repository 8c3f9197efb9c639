#pragma once

#include "cluster_simulation/calendar_plan.hpp"
#include "simulation/random.hpp"

#include <cliffracer/testing/virtual_time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace cluster_simulation {

/// What may go wrong in a world, which decides what must not.
enum class Weather : std::uint8_t {
  calm,       ///< Nothing: replicas come, go, and have clocks that differ.
  hiccups,    ///< JetStream is slow, and now and then requests or answers get lost.
  storm,      ///< All, but JetStream keeps what it has acknowledged.
  forgetful,  ///< All.
};

struct TimerPlan {
  Nanos interval;  ///< With a calendar: the least distance of its points.
  Nanos jitter;
  Nanos tolerance;
  Nanos error_backoff;
  bool is_plain = false;
  bool is_eager = false;
  bool runs_unclaimed = false;  ///< when_unavailable = run
  int fails = 0;                ///< Of a thousand runs.
  int long_runs = 0;  ///< Of a thousand: up to three intervals. Plain ones hold the event loop so long.
  Nanos offset{0};
  Nanos catch_up{0};
  std::shared_ptr<const CalendarPlan> calendar{};  ///< Null: the points have an interval.

  /// How many points of the grid a wall clock has shown that shows `wall`: since the epoch, or of those that
  /// are known of the calendar.
  [[nodiscard]] std::int64_t points(Nanos wall) const {
    if (!calendar) return (wall - offset) / interval;
    const auto& all = calendar->points;
    return std::upper_bound(all.begin(), all.end(), wall) - all.begin();
  }
  /// When it has shown a point.
  [[nodiscard]] Nanos due(std::int64_t point) const {
    return calendar ? calendar->points.at(static_cast<std::size_t>(point - 1)) : point * interval + offset;
  }
  /// The token of the newest point.
  [[nodiscard]] std::uint64_t token(Nanos wall) const {
    constexpr Nanos unit = std::chrono::milliseconds{1};
    return static_cast<std::uint64_t>(due(points(wall)) / unit);
  }
  /// How long it is to the next point.
  [[nodiscard]] Nanos left(Nanos wall) const { return due(points(wall) + 1) - wall; }
};

enum class Fault : std::uint8_t {
  // Of a replica.
  join,
  stop,
  crash,
  pause,
  partition,
  step,
  drift,
  pause_timer,
  remove_timer,
  trigger,
  // Of all replicas.
  clocks_ahead,
  // Of the broker.
  outage,
  loss,
  latency,
  // Of its JetStream.
  off,
  slow,
  lost_requests,
  lost_answers,
  forgotten_writes,
  forget,
};

struct Event {
  Nanos at;
  Fault fault;
  Nanos length;      ///< Of those that end.
  bool is_aimed;     ///< At the begin of a tick: of a claim, or of a run.
  Nanos after_tick;  ///< If aimed.
};

struct Plan {
  std::uint64_t seed;
  Weather weather;
  std::size_t replicas;
  Nanos wall_clock;  ///< What a right one shows at the start.
  std::vector<TimerPlan> timers;
  Nanos owner_timeout;
  Nanos stop_timeout;
  Nanos latency;       ///< Of messages, at most.
  Nanos store_delay;   ///< Of JetStream's requests, and of its answers, at most.
  Nanos largest_skew;  ///< Of a wall clock from the true time. What drifts is beyond it.
  std::vector<Event> events;
  Nanos faults_until;
  Nanos calm_from;  ///< From then on nothing goes wrong any more.
  Nanos end;
  int control_in_runs = 0;  ///< How many runs of a thousand control a timer of their replica.

  /// The promise "never two" is for it.
  [[nodiscard]] bool forbids_doubles(const TimerPlan& timer) const {
    return weather != Weather::forgetful && !(weather == Weather::storm && timer.runs_unclaimed);
  }
  /// How far a wall clock is from the true time at most: what was set, and what has drifted since the start.
  [[nodiscard]] Nanos largest_difference() const { return largest_skew + end / 5000; }
  /// How long the others do not know of a run: from their claim over its answer to the announcement.
  [[nodiscard]] Nanos unknown() const { return 4 * latency + std::chrono::milliseconds{1}; }
  /// From then on every tick is run once again: two intervals later, with the time in which a connection's
  /// end is noticed and another one is made, and in which an owner that has died is given up.
  [[nodiscard]] Nanos exact_from(const TimerPlan& timer) const {
    constexpr std::chrono::seconds reconnect{10};
    const Nanos recovery = weather < Weather::storm ? Nanos{0} : owner_timeout + reconnect;
    const Nanos longest_run = weather < Weather::storm ? Nanos{0} : 3 * timer.interval;
    return calm_from + 2 * timer.interval + recovery + longest_run;
  }
};

/// How far all clocks may be ahead.
inline constexpr Nanos most_ahead = std::chrono::hours{20};

/// How long a claim waits for one answer.
[[nodiscard]] inline Nanos patience_for_request(Nanos interval) {
  return std::min<Nanos>(interval / 2, std::chrono::seconds{10}) / 4;
}

namespace plan_detail {

inline TimerPlan timer_plan(Random& random, Weather weather, Nanos interval) {
  TimerPlan timer{.interval = interval, .jitter{}, .tolerance{}, .error_backoff = std::chrono::seconds{5}};
  timer.is_plain = random.chance(300);
  timer.is_eager = random.chance(200);
  if (random.chance(300)) timer.jitter = random.between(Nanos{1}, interval / 5);
  if (random.chance(200)) timer.tolerance = random.between(Nanos{1}, interval / 10);
  timer.runs_unclaimed = random.chance(150);
  // In hiccups each tick must be run: no run may be in the way of the next.
  if (weather == Weather::hiccups) return timer;
  if (random.chance(300)) {
    timer.fails = random.one_of({50, 300});
    timer.error_backoff = random.of_any_size(interval / 50, 2 * interval);
  }
  if ((!timer.is_plain || weather >= Weather::storm) && random.chance(400))
    timer.long_runs = random.one_of({50, 300});
  return timer;
}

inline Event event(Random& random, const Plan& plan, Nanos at, Fault fault, Nanos interval) {
  const Nanos longest = std::max<Nanos>(3 * interval, std::chrono::seconds{15});
  Event made{.at = at,
             .fault = fault,
             .length = random.of_any_size(interval / 20, longest),
             .is_aimed = random.chance(600),
             .after_tick = random.between(Nanos{0}, 4 * plan.latency + 3 * plan.store_delay)};
  if (random.chance(300)) made.after_tick = random.between(Nanos{0}, interval);
  return made;
}

inline std::vector<Event> events(Random& random, const Plan& plan, Nanos begin, Nanos length) {
  std::vector<Event> all;
  const Nanos interval = plan.timers.front().interval;
  if (plan.weather == Weather::hiccups) {
    // Each meets claims, perhaps. They are so far apart that a claim meets one at most, which costs it two
    // answers.
    Nanos longest{0};
    for (const auto& timer : plan.timers) longest = std::max(longest, timer.interval);
    for (Nanos at = begin; at < begin + length; at += random.between(2 * longest, 3 * longest)) {
      all.push_back(
          event(random, plan, at, random.one_of({Fault::lost_answers, Fault::lost_requests}), interval));
      const Nanos longest_length = patience_for_request(interval) * 6 / 5;
      all.back().length = random.chance(500) ? longest_length : random.between(Nanos{1}, longest_length);
      all.back().after_tick = -random.between(Nanos{0}, all.back().length / 10);
    }
    return all;
  }
  const auto count = plan.weather == Weather::calm ? random.between(0, 9) : random.between(2, 14);
  for (std::int64_t n = 0; n < count; ++n) {
    Fault fault = random.one_of(
        {Fault::join, Fault::stop, Fault::stop, Fault::step, Fault::step, Fault::drift, Fault::trigger});
    if (plan.weather >= Weather::storm && random.chance(800)) {
      fault = random.one_of({Fault::crash, Fault::crash, Fault::pause, Fault::pause, Fault::pause,
                             Fault::partition, Fault::partition, Fault::outage, Fault::loss, Fault::latency,
                             Fault::off, Fault::slow, Fault::lost_requests, Fault::lost_answers});
    }
    if (plan.weather == Weather::forgetful && random.chance(400))
      fault = random.one_of({Fault::forget, Fault::forgotten_writes});
    all.push_back(event(random, plan, begin + random.between(Nanos{0}, length), fault, interval));
  }
  return all;
}

/// The calendar, in place of the interval.
inline void set_calendar(TimerPlan& timer, CalendarPlan calendar) {
  timer.interval = calendar.least_distance();
  timer.calendar = std::make_shared<const CalendarPlan>(std::move(calendar));
}

/// What comes beside the other events: timers are controlled, clocks are far ahead for a while.
inline void add_events(Random& random, Plan& plan) {
  const Nanos interval = plan.timers.front().interval;
  const Nanos begin = 4 * interval;
  const auto add = [&](Nanos earliest, Fault fault) {
    plan.events.push_back(event(random, plan, random.between(earliest, plan.faults_until), fault, interval));
  };
  if (plan.weather == Weather::hiccups) return;
  if (random.chance(500)) {
    plan.control_in_runs = random.one_of({0, 50, 200});
    for (auto count = random.between(1, 8); count > 0; --count)
      add(begin, random.one_of({Fault::pause_timer, Fault::remove_timer, Fault::trigger}));
  }
  // Late, so that it is seen whether all go on afterwards. What was claimed ahead must still be kept.
  if (plan.weather == Weather::storm && 2 * interval < most_ahead && random.chance(200))
    add(plan.faults_until - 10 * interval, Fault::clocks_ahead);
}

}  // namespace plan_detail

inline Plan plan_of(std::uint64_t seed) {
  Random random{seed};
  // Of calendars and what else came later, so that the worlds without it stay as they were.
  Random more{seed + 0xca1e};
  const bool has_calendars = more.chance(300);
  const ClockChange change = plan_detail::clock_change(more);
  TimerPlan first{};
  if (has_calendars) plan_detail::set_calendar(first, plan_detail::calendar_plan(more, change));

  Plan plan{};
  plan.seed = seed;
  plan.wall_clock = cliffracer::testing::VirtualTimeOptions{}.wall_clock.time_since_epoch();
  plan.weather = random.one_of({Weather::calm, Weather::calm, Weather::hiccups, Weather::storm,
                                Weather::storm, Weather::storm, Weather::storm, Weather::forgetful});
  plan.replicas = static_cast<std::size_t>(random.chance(400) ? 2 : random.between(2, 9));
  Nanos interval = random.of_any_size(std::chrono::seconds{1}, std::chrono::minutes{5});
  if (has_calendars) interval = first.interval;
  const auto count = random.between(1, 3);
  for (std::int64_t n = 0; n < count; ++n)
    plan.timers.push_back(
        plan_detail::timer_plan(random, plan.weather, n == 0 ? interval : interval * random.between(1, 3)));
  for (auto& timer : plan.timers) {
    if (!has_calendars || &timer == &plan.timers.front()) continue;
    CalendarPlan other = plan_detail::calendar_plan(more, change);
    const Nanos distance = other.least_distance();
    if (distance >= timer.interval && distance <= 3 * interval)
      plan_detail::set_calendar(timer, std::move(other));
  }
  plan.owner_timeout = random.of_any_size(std::chrono::seconds{1}, std::chrono::seconds{20});
  // A long run is announced so often that days of it would take long.
  if (has_calendars) plan.owner_timeout = std::max(plan.owner_timeout, interval / 60);
  plan.stop_timeout = random.one_of<Nanos>(
      {std::chrono::seconds{0}, std::chrono::seconds{1}, std::chrono::seconds{10}, std::chrono::seconds{30}});
  plan.latency = random.chance(200)
                     ? Nanos{0}
                     : random.of_any_size(std::chrono::microseconds{50}, patience_for_request(interval) / 10);
  if (plan.weather == Weather::hiccups)
    plan.store_delay = random.between(Nanos{0}, patience_for_request(interval) * 2 / 5);
  plan.largest_skew = random.chance(200) ? Nanos{0} : random.between(Nanos{0}, interval * 45 / 100);
  const Nanos begin = 4 * interval;
  const Nanos length = std::max<Nanos>(20 * interval, std::chrono::seconds{40});
  plan.events = plan_detail::events(random, plan, begin, length);
  // Where nothing goes wrong it is exact all the time.
  plan.faults_until = begin + length;
  plan.calm_from = plan.weather < Weather::storm ? begin : plan.faults_until;
  for (const auto& timer : plan.timers)
    plan.end = std::max(
        {plan.end, plan.faults_until + 3 * timer.interval, plan.exact_from(timer) + 6 * timer.interval});
  for (auto& timer : plan.timers) {
    if (random.chance(300)) timer.offset = random.between(Nanos{0}, timer.interval - Nanos{1});
  }
  if (has_calendars) {
    plan.timers.front().calendar = first.calendar;
    plan.wall_clock = change.at.time_since_epoch() - more.between(Nanos{0}, plan.end);
  }
  plan_detail::add_events(more, plan);
  for (auto& timer : plan.timers) {
    if (more.chance(400))
      timer.catch_up = more.one_of<Nanos>({timer.interval / 3, timer.interval, 10 * timer.interval});
  }
  return plan;
}

}  // namespace cluster_simulation
