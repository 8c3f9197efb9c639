#pragma once

#include <cstdint>

namespace cliffracer {

/// Where a method runs.
enum class RunOn : std::uint8_t {
  event_loop,   ///< On the service's strand: never beside another coroutine of the service; must not block.
  worker_pool,  ///< On a thread of the service's worker pool: may block; plain methods only.
};

}  // namespace cliffracer
