#pragma once

#include <cstdint>

namespace cliffracer {

/// Who runs a timer when a service runs as several replicas.
enum class Scope : std::uint8_t {
  replica,  ///< Each of them, on its own.
  cluster,  ///< One of them at each tick: whoever claims it first, in a key-value bucket of NATS JetStream.
};

/// What a cluster timer does at a tick that can be claimed by nobody, because the bucket does not answer.
enum class WhenUnavailable : std::uint8_t {
  miss,  ///< Nothing: rather no run than two.
  run,   ///< It runs, as it does on each replica that cannot reach the bucket: rather two runs than none.
};

}  // namespace cliffracer
