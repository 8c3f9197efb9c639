#pragma once

#include "support/arguments.hpp"

#include <chrono>

namespace benchmarks {

/// The first point after `now` of the grid on which a timer was due at `due`: those between them are passed
/// over.
inline TimePoint next_due(TimePoint due, std::chrono::nanoseconds interval, TimePoint now) {
  due += interval;
  if (due <= now) due += interval * ((now - due) / interval + 1);
  return due;
}

}  // namespace benchmarks
