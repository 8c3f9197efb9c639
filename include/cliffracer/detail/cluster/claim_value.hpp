#pragma once

#include <cliffracer/detail/registration/calendar.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_rules.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace cliffracer::detail {

/// What the key of a claimed tick holds: "{owner} {schedule}". Before there was a schedule in it, the owner
/// alone.
struct ClaimValue {
  std::string_view owner;
  std::string_view schedule;

  explicit constexpr ClaimValue(std::string_view text) noexcept
      : owner{text.substr(0, text.find(' '))},
        schedule{text.substr(std::min(owner.size() + 1, text.size()))} {}
};

/// A hash of what decides when the timer is due: 16 hexadecimal digits.
[[nodiscard]] inline std::string schedule_hash(const TimerEntry& timer) {
  const std::string text = timer.calendar ? timer.calendar->text()
                                          : fmt::format("{} {}", timer.schedule.interval().count(),
                                                        timer.extras->grid.points.offset().count());
  return fmt::format("{:016x}", seed_of(0, text, {}));
}

/// The token at the end of a key or its subject; 0: none.
[[nodiscard]] inline std::uint64_t token_in(std::string_view key) noexcept {
  key.remove_prefix(key.rfind('.') + 1);
  std::uint64_t token = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
  return error == std::errc{} && end == key.data() + key.size() ? token : 0;
}

}  // namespace cliffracer::detail
