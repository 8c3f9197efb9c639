#pragma once

#include "simulation/random.hpp"

#include <chrono>
#include <cstdint>

namespace simulation {

/// What has been simulated.
struct Report {
  std::uint64_t runs = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t deferred = 0;  ///< Runs that were not at once, as their tolerance allows.
  std::uint64_t skipped = 0;
  std::uint64_t drifted = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t stops = 0;  ///< Of services.
  std::uint64_t steps = 0;
  std::chrono::seconds time{};  ///< Nanoseconds could not hold that of many worlds.
  std::uint64_t hash = 0;       ///< Of every run and all statistics: equal histories have equal ones.

  Report& operator+=(const Report& other) {
    runs += other.runs;
    failed += other.failed;
    cancelled += other.cancelled;
    deferred += other.deferred;
    skipped += other.skipped;
    drifted += other.drifted;
    timed_out += other.timed_out;
    stops += other.stops;
    steps += other.steps;
    time += other.time;
    hash = hash * 31 + other.hash;
    return *this;
  }
};

/// One world of `length` virtual time. Throws Failure.
Report simulate(std::uint64_t seed, Nanos length);

/// A small world, stopped after 0, 1, 2 ... steps of its history, each time
/// started again and watched for a while. Throws Failure.
Report stop_at_every_step(std::uint64_t seed);

}  // namespace simulation
