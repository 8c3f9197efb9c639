#pragma once

#include <cliffracer/zone.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// A zone whose changes of the clock are listed.
class ListedZone final : public cliffracer::ZoneRules {
 public:
  struct Change {
    std::chrono::sys_seconds at;
    std::chrono::seconds offset;  // from then on
  };

  ListedZone(std::chrono::seconds first_offset, std::vector<Change> changes)
      : first_offset_{first_offset}, changes_{std::move(changes)} {}

  [[nodiscard]] std::chrono::local_seconds local_time(std::chrono::sys_seconds instant) const override {
    std::chrono::seconds offset = first_offset_;
    for (const Change& change : changes_)
      if (change.at <= instant) offset = change.offset;
    return std::chrono::local_seconds{instant.time_since_epoch() + offset};
  }

  [[nodiscard]] cliffracer::LocalTimeLookup lookup(std::chrono::local_seconds local) const override {
    using cliffracer::LocalTimeKind;
    std::chrono::seconds before = first_offset_;
    for (const auto& [at, after] : changes_) {
      const auto last_shown = at.time_since_epoch() + before;
      const auto first_shown = at.time_since_epoch() + after;
      const bool is_in = local.time_since_epoch() >= std::min(last_shown, first_shown) &&
                         local.time_since_epoch() < std::max(last_shown, first_shown);
      if (is_in) {
        return {.kind = after > before ? LocalTimeKind::skipped : LocalTimeKind::repeated,
                .before = std::chrono::sys_seconds{local.time_since_epoch() - before},
                .change = at,
                .after = std::chrono::sys_seconds{local.time_since_epoch() - after}};
      }
      if (local.time_since_epoch() < last_shown) break;
      before = after;
    }
    const std::chrono::sys_seconds instant{local.time_since_epoch() - before};
    return {.kind = LocalTimeKind::unique, .before = instant, .change = instant, .after = instant};
  }

 private:
  std::chrono::seconds first_offset_;
  std::vector<Change> changes_;
};

[[nodiscard]] inline cliffracer::TimeZone listed_zone(std::string name, std::chrono::seconds first_offset,
                                                      std::vector<ListedZone::Change> changes) {
  return {std::move(name), std::make_shared<ListedZone>(first_offset, std::move(changes))};
}

}  // namespace support
