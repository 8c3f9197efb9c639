#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/cron_expression.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/time/cron_instants.hpp>
#include <cliffracer/detail/time/cron_search.hpp>
#include <cliffracer/detail/time/cron_words.hpp>
#include <cliffracer/detail/time/splitmix64.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer {
namespace detail {

[[noreturn]] CLIFFRACER_DECL void throw_bad_cron_expression(std::string_view text, std::size_t column,
                                                            CronField field, std::string_view rule) {
  constexpr std::size_t most_shown = 100;
  std::string message =
      "cron expression \"" + escaped(text, most_shown) + "\", column " + std::to_string(column);
  if (field != CronField::whole) message.append(", ").append(name_of(field));
  throw std::invalid_argument{message.append(": ").append(rule)};
}

// What an expression's points lie between.
inline constexpr std::chrono::sys_seconds first_cron_point{std::chrono::seconds{0}};
inline constexpr std::chrono::sys_seconds last_cron_point =
    std::chrono::sys_days{std::chrono::year{2401} / 1 / 1} - std::chrono::seconds{1};

/// UTC's clocks are never changed.
[[nodiscard]] constexpr std::optional<std::chrono::sys_seconds> as_utc(
    std::optional<std::chrono::local_seconds> time) noexcept {
  if (!time) return std::nullopt;
  return std::chrono::sys_seconds{time->time_since_epoch()};
}

}  // namespace detail

CLIFFRACER_DECL CronExpression CronExpression::parse(std::string_view text) {
  return {trimmed(text), std::nullopt};
}

CLIFFRACER_DECL std::string CronExpression::describe() const {
  if (needs_spread()) return std::string{text()} + ", with H decided by a hash";
  return detail::CronWords{fields_}.all();
}

CLIFFRACER_DECL CronExpression CronExpression::spread(std::uint64_t seed) const {
  if (!needs_spread()) return *this;
  // Some values of H may never come, such as 31 February, but not all: the expression would have been
  // refused.
  for (detail::RandomSequence seeds{seed};;) {
    const CronExpression chosen{text(), seeds.next()};
    if (detail::comes_ever(chosen.fields_)) return chosen;
  }
}

CLIFFRACER_DECL std::optional<std::chrono::sys_seconds> CronExpression::next(std::chrono::sys_seconds time,
                                                                             const TimeZone& zone) const {
  using std::chrono::seconds;
  if (needs_spread()) return std::nullopt;
  time = std::clamp(time, detail::first_cron_point - seconds{1}, detail::last_cron_point);
  const auto found = zone.rules() ? detail::CronInstants{fields_, *zone.rules()}.next_after(time)
                                  : detail::as_utc(detail::CronSearch{fields_}.at_or_after(
                                        std::chrono::local_seconds{time.time_since_epoch() + seconds{1}}));
  return found && *found <= detail::last_cron_point ? found : std::nullopt;
}

CLIFFRACER_DECL std::optional<std::chrono::sys_seconds> CronExpression::previous(
    std::chrono::sys_seconds time, const TimeZone& zone) const {
  using std::chrono::seconds;
  if (needs_spread()) return std::nullopt;
  time = std::clamp(time, detail::first_cron_point, detail::last_cron_point + seconds{1}) - seconds{1};
  const auto found = zone.rules() ? detail::CronInstants{fields_, *zone.rules()}.at_or_before(time)
                                  : detail::as_utc(detail::CronSearch{fields_}.at_or_before(
                                        std::chrono::local_seconds{time.time_since_epoch()}));
  return found && *found >= detail::first_cron_point ? found : std::nullopt;
}

}  // namespace cliffracer
