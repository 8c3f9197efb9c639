#include "support/catch.hpp"
#include "support/schedule_model.hpp"

#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/schedule_extras.hpp>

#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::detail::Schedule;
using cliffracer::detail::ScheduleExtras;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerOptions;

namespace {

/// One turn of a timer's loop: how late it wakes, how long the run takes, how the run ends.
struct Turn {
  std::int64_t oversleep;
  std::int64_t length;
  bool success;
};

struct History {
  TimerOptions options;
  std::int64_t anchor;
  std::vector<Turn> turns;
};

rc::Gen<std::int64_t> mostly_small(std::int64_t most) {
  return rc::gen::weightedOneOf<std::int64_t>({{3, rc::gen::just<std::int64_t>(0)},
                                               {3, rc::gen::inRange<std::int64_t>(0, most / 10 + 1)},
                                               {2, rc::gen::inRange<std::int64_t>(0, most)}});
}

rc::Gen<History> histories() {
  return rc::gen::exec([] {
    History history;
    const auto interval = *rc::gen::inRange<std::int64_t>(1, 1000);
    history.options.interval = std::chrono::nanoseconds{interval};
    history.options.max_drift = std::chrono::nanoseconds{*mostly_small(interval * 5)};
    const auto error_backoff = *mostly_small(interval * 5);
    history.options.error_backoff = std::chrono::nanoseconds{error_backoff};
    const auto growth = *rc::gen::inRange<std::int64_t>(-1, 20);
    if (growth >= 0) history.options.max_error_backoff = std::chrono::nanoseconds{error_backoff * growth};
    history.options.missed_ticks =
        *rc::gen::element(MissedTicks::coalesce, MissedTicks::burst, MissedTicks::skip);
    history.options.eager = *rc::gen::arbitrary<bool>();
    history.anchor = *rc::gen::inRange<std::int64_t>(-5000, 5000);
    const auto count = *rc::gen::inRange(1, 60);
    for (int i = 0; i < count; ++i) {
      history.turns.push_back({*mostly_small(interval * 8), *mostly_small(interval * 8),
                               *rc::gen::weightedElement<bool>({{3, true}, {1, false}})});
    }
    return history;
  });
}

TimePoint at(std::int64_t nanoseconds) { return TimePoint{std::chrono::nanoseconds{nanoseconds}}; }

void check(const std::string& property, const std::function<void(const History&)>& test) {
  CHECK(rc::check(property, [&] { test(*histories()); }));
}

}  // namespace

TEST_CASE("the schedule does in every history what its rules say point by point") {
  check("schedule equals model", [](History history) {
    if (history.options.missed_ticks == MissedTicks::coalesce && *rc::gen::arbitrary<bool>())
      history.options.pacing = cliffracer::Pacing::after_run;
    ScheduleExtras extras{history.options};
    Schedule schedule{history.options, at(history.anchor),
                      ScheduleExtras::are_needed(history.options) ? &extras : nullptr};
    const auto& options = history.options;
    const auto& growth = options.max_error_backoff;
    support::ScheduleModel model{{.interval = options.interval,
                                  .max_drift = options.max_drift,
                                  .error_backoff = options.error_backoff,
                                  .max_error_backoff = growth ? std::optional{growth->value()} : std::nullopt,
                                  .missed_ticks = options.missed_ticks,
                                  .eager = options.eager,
                                  .pacing = options.pacing},
                                 history.anchor};
    std::int64_t now = history.anchor;
    for (const Turn& turn : history.turns) {
      RC_ASSERT(schedule.due() == at(model.due()));
      now = std::max(now, model.due()) + turn.oversleep;
      const auto decision = schedule.wake(at(now));
      const auto expected = model.wake(now);
      RC_ASSERT(decision.run == expected.run);
      RC_ASSERT(decision.drifted == expected.drifted);
      RC_ASSERT(decision.skipped == expected.skipped);
      if (!decision.run) continue;
      now += turn.length;
      RC_ASSERT(schedule.finished(at(now), turn.success) == model.finished(now, turn.success));
    }
  });
}

TEST_CASE("due points strictly increase and are never later than the run they stand for") {
  check("due points increase", [](const History& history) {
    Schedule schedule{history.options, at(history.anchor)};
    TimePoint last = TimePoint::min();
    TimePoint now = at(history.anchor);
    for (const Turn& turn : history.turns) {
      now = std::max(now, schedule.due()) + std::chrono::nanoseconds{turn.oversleep};
      const auto decision = schedule.wake(now);
      if (!decision.run) continue;
      RC_ASSERT(decision.due > last);
      RC_ASSERT(decision.due <= now);
      RC_ASSERT(decision.lateness == now - decision.due);
      last = decision.due;
      now += std::chrono::nanoseconds{turn.length};
      static_cast<void>(schedule.finished(now, turn.success));
    }
  });
}

TEST_CASE("the grid never moves, and its points and the retries off it are runs plus skipped") {
  check("grid and ledger", [](const History& history) {
    const std::int64_t interval = history.options.interval.value().count();
    const std::int64_t first = history.anchor + (history.options.eager ? 0 : interval);
    const auto since_first = [&](TimePoint point) { return point.time_since_epoch().count() - first; };
    Schedule schedule{history.options, at(history.anchor)};
    TimePoint now = at(history.anchor);
    std::int64_t accounted = 0;
    std::int64_t off_grid = 0;
    for (const Turn& turn : history.turns) {
      now = std::max(now, schedule.due()) + std::chrono::nanoseconds{turn.oversleep};
      const auto decision = schedule.wake(now);
      accounted += static_cast<std::int64_t>(decision.skipped) + (decision.run ? 1 : 0);
      if (decision.run) {
        if (schedule.is_off_grid()) ++off_grid;
        now += std::chrono::nanoseconds{turn.length};
        accounted += static_cast<std::int64_t>(schedule.finished(now, turn.success));
        if (!turn.success) continue;
      }
      RC_ASSERT(since_first(schedule.due()) % interval == 0);
      RC_ASSERT(accounted - off_grid == since_first(schedule.due()) / interval);
    }
  });
}

TEST_CASE("at the ends of the clock's range nothing overflows and nothing goes back") {
  CHECK(rc::check("ends of the range", [] {
    TimerOptions options;
    options.interval = std::chrono::nanoseconds{*rc::gen::inRange<std::int64_t>(1, INT64_MAX)};
    options.max_drift = std::chrono::nanoseconds{*rc::gen::inRange<std::int64_t>(0, INT64_MAX)};
    options.error_backoff = std::chrono::nanoseconds{*rc::gen::inRange<std::int64_t>(0, INT64_MAX)};
    options.missed_ticks = *rc::gen::element(MissedTicks::coalesce, MissedTicks::burst, MissedTicks::skip);
    options.eager = *rc::gen::arbitrary<bool>();
    TimePoint now = at(*rc::gen::element<std::int64_t>(INT64_MIN, -1, 0, INT64_MAX / 2, INT64_MAX - 5));
    Schedule schedule{options, now};
    TimePoint last = TimePoint::min();
    for (int i = 0; i < 20 && schedule.due() < TimePoint::max(); ++i) {
      now = std::max(now, schedule.due());
      const auto decision = schedule.wake(now);
      if (decision.run) {
        RC_ASSERT(i == 0 || decision.due > last);
        last = decision.due;
        static_cast<void>(schedule.finished(now, *rc::gen::arbitrary<bool>()));
      }
      RC_ASSERT(schedule.due() > last);
    }
  }));
}
