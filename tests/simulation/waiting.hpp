#pragma once

#include "simulation/random.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>

namespace simulation {

/// An instant that never comes.
inline constexpr Nanos at_no_time = Nanos::max();

/// What waits for its due point, as the queue must see it. Instants count from the start of the world.
struct Waiting {
  Nanos due = at_no_time;
  Nanos latest = at_no_time;     ///< It is woken from `due` to then.
  bool is_late = false;          ///< It began to wait when it was due already.
  std::uint64_t turn = no_turn;  ///< In the order in which all began to wait, as far as it is known.

  static constexpr std::uint64_t no_turn = std::numeric_limits<std::uint64_t>::max();

  /// It begins to wait at `now`. Who is late already cannot wait any longer.
  [[nodiscard]] static Waiting from(Nanos now, Nanos due, Nanos tolerance = Nanos{0}) {
    static std::uint64_t turns = 0;
    const bool is_late = due <= now;
    return {.due = due, .latest = is_late ? due : due + tolerance, .is_late = is_late, .turn = ++turns};
  }

  /// The same, but others may begin to wait at the same instant, and nobody knows who is first.
  [[nodiscard]] static Waiting out_of_turn(Nanos now, Nanos due) {
    return {.due = due, .latest = due, .is_late = due <= now};
  }

  /// When it must be woken, if nobody else is before. `round`: when the newest wake-up was. That serves all
  /// that is due by then, though one after the other.
  [[nodiscard]] Nanos wake(Nanos round) const { return due <= round ? due : latest; }

  /// By due point; of those that are due at once the strict ones go first. False, too, when chance may
  /// decide.
  [[nodiscard]] bool goes_before(const Waiting& other, bool is_shuffled) const {
    const auto place = [is_shuffled](const Waiting& of) {
      return std::tuple{of.due, of.latest > of.due, is_shuffled ? 0 : of.turn};
    };
    return place(*this) < place(other);
  }
};

/// All that waits, looked at one by one.
class Queue {
 public:
  Queue(Nanos round, bool is_shuffled) : round_{round}, is_shuffled_{is_shuffled} {}

  void look_at(const Waiting& waiting) {
    next_ = std::min(next_, waiting.wake(round_));
    if (waiting.is_late) {
      late_ = std::min(late_, waiting.due);
    } else if (waiting.goes_before(first_, is_shuffled_)) {
      first_ = waiting;
    }
  }

  /// When the next wake-up must be: the latest instant that keeps to all tolerances.
  [[nodiscard]] Nanos next() const { return next_; }

  /// `woken` may be the first that is served. Who came late may be served with the others or after them;
  /// those who came late have no order of their own, so that one of them may take the place of another.
  [[nodiscard]] bool may_begin_with(const Waiting& woken) const {
    if (!woken.is_late) return !first_.goes_before(woken, is_shuffled_ || woken.turn == Waiting::no_turn);
    return first_.due >= woken.due || (first_.latest > first_.due && first_.due >= late_);
  }

 private:
  Nanos round_;
  bool is_shuffled_;
  Nanos next_ = at_no_time;
  Waiting first_;            // of those that were not late
  Nanos late_ = at_no_time;  // the first due point of the others
};

}  // namespace simulation
