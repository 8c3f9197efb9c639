#pragma once

#include <chrono>
#include <string>

namespace cliffracer {

/// Where the replicas of a service agree who runs a tick of a timer with Scope::cluster: a key-value bucket
/// of NATS JetStream. Nothing of it is used by a service without such timers.
struct ClusterConfig {
  /// Letters, digits, '-' and '_', 1 to 128 of them. Services may share one. Created if absent, with file
  /// storage; refused when it is kept in memory, writes after it has acknowledged, or its limits do not fit.
  std::string bucket = "cliffracer";
  /// Of the bucket, on as many servers: 1 to 5. More of them in a bucket that exists are fine.
  int replicas = 1;
  /// How long claims are kept; 0: a day and three intervals of the slowest cluster timer, or its catch_up and
  /// an interval. Else at least that of each, without the day.
  std::chrono::nanoseconds keep{0};
  /// A run elsewhere that has not been heard of for as long is no reason any more to pass over a tick;
  /// >= 100 ms. On the steady clock of who waits.
  std::chrono::nanoseconds owner_timeout = std::chrono::seconds{10};
};

}  // namespace cliffracer
