#pragma once

#include "simulation/failure.hpp"

#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace simulation {

/// `said` must be what `all` the durations that were measured make of it, as
/// exactly as is documented: within 12.5 % between 64 ns and 39 h.
inline void check_percentiles(const cliffracer::DurationPercentiles& said, std::vector<Nanos> all) {
  std::sort(all.begin(), all.end());
  must_equal("the longest duration", said.max, all.empty() ? Nanos{0} : all.back());
  const std::pair<std::size_t, Nanos> each[] = {{50, said.p50}, {90, said.p90}, {99, said.p99}};
  for (const auto& [percent, actual] : each) {
    if (all.empty()) {
      must_equal("a percentile of nothing", actual, Nanos{0});
      continue;
    }
    const Nanos exact = all[(all.size() * percent + 99) / 100 - 1];
    constexpr Nanos shortest{64};
    constexpr Nanos longest{std::int64_t{1} << 47};
    if (exact >= longest) {
      must_equal("a percentile beyond the buckets", actual, said.max);
    } else if (exact < shortest) {
      must(actual <= shortest + shortest / 8, "a percentile of almost nothing is too long");
    } else if (actual < exact - exact / 8 - Nanos{1} || actual > exact + exact / 8 + Nanos{1}) {
      must_equal("a percentile (12.5 % off at most)", actual, exact);
    }
  }
}

}  // namespace simulation
