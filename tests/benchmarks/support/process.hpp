#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>

namespace benchmarks {

/// User and system time of the process (RUSAGE_SELF) or of the calling thread (RUSAGE_THREAD).
inline std::chrono::nanoseconds cpu_time(int whose) {
  rusage usage{};
  getrusage(whose, &usage);
  return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
         std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
}

/// Bytes of the process that are in memory.
inline std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (!file) return 0;
  std::size_t total = 0;
  std::size_t resident = 0;
  const int found = std::fscanf(file, "%zu %zu", &total, &resident);
  std::fclose(file);
  return found == 2 ? resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace benchmarks
