#pragma once

#include <cliffracer/outcome.hpp>

#include <cstdint>

namespace cliffracer::detail {

using cliffracer::Outcome;

/// What came of the wish to run a tick of a cluster timer.
enum class ClaimOutcome : std::uint8_t {
  won,                ///< This replica runs it, and no other.
  lost,               ///< Another replica has claimed it.
  behind,             ///< Not asked for: a newer tick has been claimed already.
  running_elsewhere,  ///< Not asked for: another replica still runs an older one.
  failed,             ///< Nobody could be asked, or the answer was a refusal.
  unclear,            ///< Asked for, and not answered: it may be claimed in this replica's name.
};

}  // namespace cliffracer::detail
