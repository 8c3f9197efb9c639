#pragma once

#include "support/arguments.hpp"
#include "support/meter.hpp"

#include <cstdio>

namespace benchmarks {

/// The main() of an engine: a class made from (const Arguments&, Meter&) with start(), which makes the timers
/// and returns when each waits for its first due point; run(), which serves them; and stop(), which ends and
/// frees them all.
template <class Engine>
int drive(int count, char** values) {
  const Arguments arguments{count, values};
  Meter meter{arguments};
  Engine engine{arguments, meter};
  const TimePoint begun = Clock::now();
  engine.start();
  const TimePoint started = Clock::now();
  if (arguments.mode != "startstop") {
    meter.begin();
    engine.run();
    return 1;  // the meter ends the process, unless the timers ended first
  }
  engine.stop();
  const TimePoint stopped = Clock::now();
  std::printf("{\"start_ns\":%lld,\"stop_ns\":%lld}\n", static_cast<long long>((started - begun).count()),
              static_cast<long long>((stopped - started).count()));
  return 0;
}

}  // namespace benchmarks
