#pragma once

#include <cstdint>

namespace cliffracer {

/// What happens to due points that passed while a timer could not run, as long as the oldest is late by at
/// most max_drift. (Beyond max_drift every policy runs once, at once, for all of them.) The grid stays where
/// it is.
enum class MissedTicks : std::uint8_t {
  coalesce,  ///< One run at once for all of them; the others count as skipped.
  burst,     ///< One run for each, back to back.
  skip,      ///< None runs; the timer waits for the next point of its grid.
};

}  // namespace cliffracer
