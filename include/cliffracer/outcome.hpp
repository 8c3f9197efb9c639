#pragma once

#include <cstdint>

namespace cliffracer {

/// How a run ended.
enum class Outcome : std::uint8_t {
  succeeded,  ///< The method returned.
  failed,     ///< The method threw.
  cancelled,  ///< stop() cut a coroutine short.
};

}  // namespace cliffracer
