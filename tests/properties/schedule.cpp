#include "support/catch.hpp"

#include <cliffracer/detail/timer/schedule.hpp>

#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::detail::Schedule;
using cliffracer::detail::TimePoint;

namespace {

/// One turn of a timer's loop: how late it wakes, how long the run takes, how the run ends.
struct Turn {
  std::int64_t oversleep;
  std::int64_t length;
  bool success;
};

struct History {
  Schedule::Options options;
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
    history.options.error_backoff = std::chrono::nanoseconds{*mostly_small(interval * 5)};
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

/// The rules of the schedule told point by point, without arithmetic: slow and obvious.
class Model {
 public:
  explicit Model(const History& history) : options_{history.options}, grid_{history.anchor} {
    if (!options_.eager) grid_ += interval();
    due_ = grid_;
  }

  struct Step {
    bool run = false;
    bool drifted = false;
    std::uint64_t skipped = 0;
  };

  std::int64_t due() const { return due_; }

  Step wake(std::int64_t now) {
    Step step;
    bool off_grid = false;
    if (retry_) {
      while (grid_ < due_) pass(step.skipped);
      off_grid = grid_ != due_;
    }
    std::uint64_t passed = 0;
    std::int64_t next = grid_;
    for (; next <= now; next += interval()) ++passed;
    if (now - due_ > options_.max_drift.count()) {
      step.run = step.drifted = true;
      step.skipped += off_grid ? passed : passed - 1;
      grid_ = now + interval();
    } else if (off_grid) {
      step.run = true;
    } else if (options_.missed_ticks == MissedTicks::burst) {
      step.run = true;
      grid_ += interval();
    } else if (options_.missed_ticks == MissedTicks::skip && passed > 1 && !waited_) {
      step.skipped += passed;
      due_ = grid_ = next;
      retry_ = false;
      waited_ = true;
      return step;
    } else {
      step.run = true;
      step.skipped += passed - 1;
      grid_ = next;
    }
    waited_ = retry_ = false;
    last_ = due_;
    return step;
  }

  std::uint64_t finished(std::int64_t now, bool success) {
    std::uint64_t skipped = 0;
    if (!success) {
      retry_ = true;
      due_ = std::max(now + options_.error_backoff.count(), last_ + 1);
      return 0;
    }
    if (options_.missed_ticks == MissedTicks::skip && now - grid_ <= options_.max_drift.count()) {
      while (grid_ < now) pass(skipped);
    }
    due_ = grid_;
    return skipped;
  }

 private:
  std::int64_t interval() const { return options_.interval.count(); }
  void pass(std::uint64_t& skipped) {
    grid_ += interval();
    ++skipped;
  }

  Schedule::Options options_;
  std::int64_t grid_;
  std::int64_t due_ = 0;
  std::int64_t last_ = 0;
  bool retry_ = false;
  bool waited_ = false;
};

TimePoint at(std::int64_t nanoseconds) { return TimePoint{std::chrono::nanoseconds{nanoseconds}}; }

void check(const std::string& property, const std::function<void(const History&)>& test) {
  CHECK(rc::check(property, [&] { test(*histories()); }));
}

}  // namespace

TEST_CASE("the schedule does in every history what its rules say point by point") {
  check("schedule equals model", [](const History& history) {
    Schedule schedule{history.options, at(history.anchor)};
    Model model{history};
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

TEST_CASE("as long as nothing drifts or fails, points of the grid up to the last one are runs plus skipped") {
  check("ledger", [](History history) {
    history.options.max_drift = std::chrono::nanoseconds::max();
    Schedule schedule{history.options, at(history.anchor)};
    std::int64_t now = history.anchor;
    std::uint64_t accounted = 0;
    for (const Turn& turn : history.turns) {
      now = std::max(now, schedule.due().time_since_epoch().count()) + turn.oversleep;
      const auto decision = schedule.wake(at(now));
      accounted += decision.skipped + (decision.run ? 1 : 0);
      if (decision.run) {
        now += turn.length;
        accounted += schedule.finished(at(now), true);
      }
      const auto first = history.anchor + (history.options.eager ? 0 : history.options.interval.count());
      const auto points =
          (schedule.due().time_since_epoch().count() - first) / history.options.interval.count();
      RC_ASSERT(accounted == static_cast<std::uint64_t>(points));
      RC_ASSERT((schedule.due().time_since_epoch().count() - first) % history.options.interval.count() == 0);
    }
  });
}

TEST_CASE("at the ends of the clock's range nothing overflows and nothing goes back") {
  CHECK(rc::check("ends of the range", [] {
    Schedule::Options options;
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
