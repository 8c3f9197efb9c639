#pragma once

#include "simulation/failure.hpp"
#include "simulation/random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace simulation {

/// An instant that never comes.
inline constexpr Nanos at_no_time = Nanos::max();

/// What waits for its due point, as the queue must see it. Instants count from the start of the world.
struct Waiting {
  Nanos due = at_no_time;
  Nanos latest = at_no_time;  ///< It is woken from `due` to then.
  Nanos tolerance{};
  Nanos since{};         ///< When it began to wait.
  bool is_late = false;  ///< It was due already then.
  /// It became due in the step in which it began to wait, and nobody knows whether before or after that.
  bool may_be_late = false;
  std::uint64_t turn = 0;  ///< In the order in which all began to wait; nothing else has the same.
  std::uint64_t step = 0;  ///< In which it began to wait.
  std::size_t group = 0;   ///< Once it was woken: see Stage::woke().
  /// How far `turn` says who is first.
  enum class Turn : std::uint8_t {
    unknown,
    changed,  ///< Neither; it may also be about to run in the same step.
    known,
    known_among_timers  ///< In one step others may come before a timer that was first.
  } order = Turn::unknown;

  inline static std::uint64_t turns = 0;
  inline static std::uint64_t steps = 0;

  /// It begins to wait at `now`. Who is late already cannot wait any longer.
  [[nodiscard]] static Waiting from(Nanos now, Nanos due) { return made(now, due, Nanos{0}, Turn::known); }

  /// The same, but others may begin to wait at the same instant, and nobody knows who is first.
  [[nodiscard]] static Waiting out_of_turn(Nanos now, Nanos due) {
    return made(now, due, Nanos{0}, Turn::unknown);
  }

  /// A timer's. It comes into the queue by the end of its service's turn of the event loop.
  [[nodiscard]] static Waiting of_timer(Nanos now, Nanos due, Nanos tolerance) {
    return made(now, due, tolerance, Turn::known_among_timers);
  }

  /// A timer's that waits already, or is about to run, and has another due point from now on.
  [[nodiscard]] static Waiting again(Nanos now, Nanos due, Nanos tolerance) {
    return made(now, due, tolerance, Turn::changed);
  }

  /// It is due at this instant.
  void learn_due(Nanos instant) {
    due = instant;
    is_late = due <= since;
    latest = is_late ? due : due + tolerance;
  }

  /// The step has ended, at `now`, in which it began to wait.
  void step_ended(Nanos now) {
    if (step == steps && !is_late && latest > due && due <= now) may_be_late = true;
  }

  /// When it must be woken, if nobody else is before. `round`: when the newest wake-up was. That serves all
  /// that is due by then, though a seed may split it.
  [[nodiscard]] Nanos wake(Nanos round) const { return due <= round ? due : latest; }

  /// By due point; of those that are due at once the strict ones go first. False, too, when chance may
  /// decide.
  [[nodiscard]] bool goes_before(const Waiting& other, bool is_shuffled) const {
    const std::tuple mine{due, latest > due};
    const std::tuple others{other.due, other.latest > other.due};
    if (mine != others) return mine < others;
    if (is_shuffled || order < Turn::known || other.order < Turn::known) return false;
    return turn < other.turn && (step != other.step || order == other.order);
  }

 private:
  [[nodiscard]] static Waiting made(Nanos now, Nanos due, Nanos tolerance, Turn order) {
    const bool is_late = due <= now;
    return {.due = due,
            .latest = is_late ? due : due + tolerance,
            .tolerance = tolerance,
            .since = now,
            .is_late = is_late,
            .turn = ++turns,
            .step = steps,
            .order = order};
  }
};

/// All that waits.
class Queue {
 public:
  Queue(Nanos round, bool is_shuffled) : round_{round}, is_shuffled_{is_shuffled} {}

  void look_at(const Waiting& waiting) {
    if (waiting.due != at_no_time) all_.push_back(waiting);
  }

  /// At `now`: whether the next wake-up may be at `instant`. It must be the latest one that keeps to all
  /// tolerances.
  [[nodiscard]] bool may_wake_at(Nanos instant, Nanos now) const {
    Nanos next = at_no_time;
    bool may_be_late = false;
    for (const Waiting& waiting : all_) {
      next = std::min(next, waiting.wake(round_));
      may_be_late = may_be_late || waiting.may_be_late;
    }
    return instant == std::max(now, next) || (may_be_late && instant == now);
  }

  /// A step at `fired` has woken those who are `woken`, and `left` is what waits after it. Throws Failure
  /// where others must have been woken.
  void check_step(Nanos fired, const std::vector<Waiting>& woken, const Queue& left) const {
    must(!woken.empty(), "nothing happened in a step");
    for (const Waiting& one : woken) must(has(one) || is_new(one), "somebody was woken who did not wait");
    Waiting first;            // of those that were not late
    Nanos late = at_no_time;  // the first due point of the others
    for (const Waiting& waiting : all_) {
      if (may_be_late(waiting)) late = std::min(late, waiting.due);
      // What has ended in another way may have been served, too.
      if (!left.has(waiting)) continue;
      must(is_shuffled_ || waiting.due > fired, "not all that is due happened in one step");
      if (!may_be_late(waiting) && waiting.goes_before(first, is_shuffled_)) first = waiting;
    }
    for (const Waiting& one : woken) {
      if (is_new(one)) continue;
      // Who came late may be served with the others or after them; those who came late have no order of their
      // own, so that one of them may take the place of another.
      const bool is_right = may_be_late(one)
                                ? first.due >= one.due || (first.latest > first.due && first.due >= late)
                                : !left.has_before(one);
      must(is_right, "what is due happened in a wrong order");
    }
    check_order(woken);
  }

 private:
  /// Within a step, where it shows in each group.
  void check_order(const std::vector<Waiting>& woken) const {
    const auto has_place = [](const Waiting& one) {
      return one.order >= Waiting::Turn::known && !may_be_late(one);
    };
    for (auto later = woken.begin(); later != woken.end(); ++later) {
      const bool is_right = !has_place(*later) || std::none_of(woken.begin(), later, [&](const Waiting& one) {
        return one.group == later->group && has_place(one) && later->goes_before(one, is_shuffled_);
      });
      must(is_right, "what is due happened in a wrong order within a step");
    }
  }

  [[nodiscard]] static bool may_be_late(const Waiting& waiting) {
    return waiting.is_late || waiting.may_be_late;
  }

  /// It waited in another way when the step began.
  [[nodiscard]] static bool is_new(const Waiting& waiting) {
    return waiting.order == Waiting::Turn::changed && waiting.step == Waiting::steps;
  }

  [[nodiscard]] bool has(const Waiting& one) const {
    return std::any_of(all_.begin(), all_.end(), [&](const auto& other) { return other.turn == one.turn; });
  }

  /// Somebody who has waited as long as `one`, and must go before it.
  [[nodiscard]] bool has_before(const Waiting& one) const {
    return std::any_of(all_.begin(), all_.end(), [&](const Waiting& other) {
      return other.step < Waiting::steps && !may_be_late(other) && other.goes_before(one, is_shuffled_);
    });
  }

  Nanos round_;
  bool is_shuffled_;
  std::vector<Waiting> all_;
};

}  // namespace simulation
