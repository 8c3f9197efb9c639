#pragma once

#include <cstdint>

namespace cliffracer {

/// From where the interval of a timer is counted.
enum class Pacing : std::uint8_t {
  grid,       ///< From due point to due point, however long runs take.
  after_run,  ///< From the end of a run to the start of the next one. (As Spring's fixedDelay.)
};

}  // namespace cliffracer
