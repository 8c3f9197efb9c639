#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string_view>

namespace cliffracer {

/// What a timer method may know of its run, when it takes one argument of this type.
struct TickContext {
  std::chrono::steady_clock::time_point
      due;  ///< The due point that this run stands for (the oldest one not run).
  /// How long after `due` the run was started, beyond its deferral; waiting for a worker not included.
  std::chrono::nanoseconds lateness{0};
  std::uint64_t run_number = 1;  ///< 1 for the first run of the timer in the service object's life.
  std::uint32_t attempt = 1;     ///< 1 for a regular run, n + 1 for the retry after n failures in a row.
  std::stop_token stop_token{};  ///< Asks to end: stop_requested() turns true when the service stops.
  /// How long after `due` the run was started, as far as the timer's tolerance allows it.
  std::chrono::nanoseconds deferral{0};
  /// With Scope::cluster a fencing token, which grows from run to run in the whole cluster: when the tick was
  /// due by the wall clock, in milliseconds since the epoch, whatever the interval is. Hand it to what the
  /// run writes to, and have that refuse an older one: a replica that was suspended goes on where it was. A
  /// retry has the token of the run that failed, as long as no newer tick is due. Otherwise 0.
  std::uint64_t token = 0;
  /// The timer's name. Valid until the end of the run.
  std::string_view name{};
  /// The run makes up for a tick that no replica has run in its time (timer::catch_up): `due` may be hours
  /// ago, and `lateness` counts from when the tick was found. False for a retry of such a run.
  bool is_catch_up = false;
};

}  // namespace cliffracer
