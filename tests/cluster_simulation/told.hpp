#pragma once

#include "simulation/random.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace cluster_simulation {

using simulation::Nanos;

/// What one timer of one replica was told by those who control it.
struct Told {
  /// From when to when it was paused or removed, in true time.
  struct Hold {
    Nanos begin;
    Nanos end;
  };

  bool is_paused = false;
  bool is_asked_once = false;  ///< For a run in the pause.
  bool is_removed = false;
  Nanos held_since{0};  ///< If it is paused or removed, on the replica's clock, as the next.
  Nanos added_at{0};
  std::uint32_t entry = 0;     ///< How often it was added again.
  std::uint64_t triggers = 0;  ///< Since it was added, as the next ones.
  std::uint64_t runs = 0;
  std::uint64_t repeats = 0;       ///< Of a tick that was run, which are no retries.
  std::int64_t points_before = 0;  ///< The grid's when it began.
  std::vector<Hold> holds{};

  void hold(Nanos now) {
    if (holds.empty() || holds.back().end != Nanos::max()) holds.push_back({now, Nanos::max()});
  }
  void release(Nanos now) { holds.back().end = now; }

  [[nodiscard]] bool was_held(Nanos begin, Nanos end) const {
    return std::any_of(holds.begin(), holds.end(),
                       [&](const Hold& hold) { return hold.begin <= end && hold.end >= begin; });
  }
};

}  // namespace cluster_simulation
