#pragma once

#include <cstdint>

namespace cluster_simulation {

/// What has been simulated.
struct Report {
  std::uint64_t replicas = 0;
  std::uint64_t runs = 0;
  std::uint64_t retries = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t refused = 0;  ///< Runs whose token was too old for the guarded resource.
  std::uint64_t exact = 0;    ///< Ticks that had to be run by exactly one replica.
  std::uint64_t excused = 0;  ///< Of these, not run because a run before was still in progress.
  std::uint64_t faults = 0;
  std::uint64_t hash = 0;  ///< Of every run and all statistics: equal histories have equal ones.

  Report& operator+=(const Report& other) {
    replicas += other.replicas;
    runs += other.runs;
    retries += other.retries;
    catch_ups += other.catch_ups;
    refused += other.refused;
    exact += other.exact;
    excused += other.excused;
    faults += other.faults;
    hash = hash * 31 + other.hash;
    return *this;
  }
};

/// One world. Throws simulation::Failure.
Report simulate(std::uint64_t seed);

}  // namespace cluster_simulation
