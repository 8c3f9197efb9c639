#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/registration/cron_fields.hpp>
#include <cliffracer/detail/registration/cron_parser.hpp>
#include <cliffracer/zone.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cliffracer {

/// Points of a calendar, written as cron writes them:
///
///     CronExpression nightly = "30 2 * * MON-FRI";                       // a bad literal does not compile
///     auto configured = CronExpression::parse(config.report_at);         // bad text throws
///     nightly.next_after(now, time_zone("Europe/Berlin"));
///
/// The dialect is OCPS, the Open Cron Pattern Specification (github.com/open-source-cron/ocps, 1.0 to 1.4).
/// Five fields, or six with seconds first, with blanks between them:
///
/// | field | values | besides |
/// |---|---|---|
/// | second | 0-59 | without this field: second 0 |
/// | minute | 0-59 | |
/// | hour | 0-23 | |
/// | day of month | 1-31 | `L` the last, `L-3` three days before it; `15W`, `LW` |
/// | month | 1-12, JAN-DEC | |
/// | day of week | 0-7, SUN-SAT | 0 and 7 are Sunday; `5#2` the second Friday, `5#L` or `5L` the last |
///
/// In each field: `*`, a value, a range `9-17`, a step `*/15` or `0-30/10`, and lists of these with commas.
/// `15W` is the day from Monday to Friday that is nearest to the 15th and in the same month, `LW` the last of
/// them. `?` is `*` for a day. `W` and `?` stand alone in their field. A step is at most the number of values
/// of its field. Names of months and days are upper or lower case, `L`, `W` and `H` upper case.
///
/// When neither of the two days is `*` or `?`, one of them is enough; with `+` before the day of week both
/// must fit: `0 9 1-7 * +MON` is the first Monday.
///
/// Instead of fields: `@yearly` or `@annually`, `@monthly`, `@weekly`, `@daily` or `@midnight`, `@hourly`.
///
/// `H` is a value that a hash decides, so that many timers do not run at the same moment: `H 2 * * *` at some
/// minute, `H/15` each 15 minutes, `H(0-29)` within a range; in the day of month 1 to 28, which each month
/// has. Until spread() has decided it, the expression has no points. (As Jenkins.)
///
/// Other than OCPS: it has `L-3` (of Quartz) and `H`, and it has no field for years and no `@reboot`. An
/// expression that never comes, such as 30 February, is refused when it is read. So is a text of more than 80
/// characters.
///
/// **When clocks are changed.** A time of day that falls into a gap comes once, at the first instant after
/// the gap; one in an overlap comes once, in the first pass. An expression with `*`, a step of it, or `H/15`
/// in minute or hour follows real time instead: it comes at all instants at which clocks show it, in both
/// passes of an overlap, and what lies in a gap is left out. (As cron(8) of Vixie and of Debian. OCPS 1.4
/// recommends to skip a time of day that falls into a gap.)
///
/// Its points are those from 1970 to 2400, in UTC. A value: small, without memory of its own. Constant
/// functions may be called from any thread.
class CronExpression {
 public:
  /// The longest text, without blanks around it.
  static constexpr std::size_t max_length = 80;

  CronExpression() = delete;  // a cron timer needs .at: cron<&Service::method>{.at = "30 2 * * *"}

  /// From a literal, when it is compiled. One that breaks a rule does not compile, and the compiler's message
  /// names the field and the rule.
  template <std::size_t Size>
  consteval CronExpression(const char (&literal)[Size])  // NOLINT: a conversion on purpose
      : CronExpression{trimmed({static_cast<const char*>(literal), Size - 1}), std::nullopt} {}

  /// From text that is known at run time. Throws std::invalid_argument, which quotes the text (at most 100
  /// characters, control characters escaped) and names column (from 1), field and rule.
  [[nodiscard]] static CronExpression parse(std::string_view text);

  /// As it was written, without blanks around it.
  [[nodiscard]] constexpr std::string_view text() const noexcept { return {text_.data(), length_}; }

  /// In words: "at 02:30 from Monday to Friday".
  [[nodiscard]] std::string describe() const;

  /// Whether an H has no value yet.
  [[nodiscard]] constexpr bool needs_spread() const noexcept { return fields_.has_open_hash; }

  /// The same expression with the values that `seed` gives to each H: the same for the same seed, on all
  /// machines. Any seed; one that is a good hash spreads well. Its text() stays. Without an H it is the
  /// expression itself.
  [[nodiscard]] CronExpression spread(std::uint64_t seed) const;

  /// Two points may lie so close, and none do closer where clocks are not changed: 5 min for "*/5 9-17 * *
  /// *", 24 h for "30 2 * * MON-FRI".
  [[nodiscard]] constexpr std::chrono::seconds shortest_distance() const noexcept {
    return detail::shortest_distance(fields_);
  }

  /// The first point that is later than `time`. Nothing: there is none up to the end of 2400, or an H has no
  /// value yet.
  template <class Duration>
  [[nodiscard]] std::optional<std::chrono::sys_seconds> next_after(std::chrono::sys_time<Duration> time,
                                                                   const TimeZone& zone = {}) const {
    return next(std::chrono::floor<std::chrono::seconds>(time), zone);
  }

  /// The last point that is earlier than `time`. Nothing: there is none since 1970, or an H has no value yet.
  template <class Duration>
  [[nodiscard]] std::optional<std::chrono::sys_seconds> previous_before(std::chrono::sys_time<Duration> time,
                                                                        const TimeZone& zone = {}) const {
    return previous(std::chrono::ceil<std::chrono::seconds>(time), zone);
  }

  /// Whether both were written alike, and have the same values for H.
  friend constexpr bool operator==(const CronExpression&, const CronExpression&) noexcept = default;

 private:
  constexpr CronExpression(std::string_view text, std::optional<std::uint64_t> seed)
      : fields_{detail::CronParser{text, seed}.parse()}, length_{static_cast<std::uint8_t>(text.size())} {
    if (text.size() > max_length)
      detail::refuse_cron_field<detail::CronField::whole>(text, max_length + 1,
                                                          "it has more than 80 characters");
    std::copy(text.begin(), text.end(), text_.begin());
  }

  [[nodiscard]] static constexpr std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t";
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
  }

  [[nodiscard]] std::optional<std::chrono::sys_seconds> next(std::chrono::sys_seconds time,
                                                             const TimeZone& zone) const;
  [[nodiscard]] std::optional<std::chrono::sys_seconds> previous(std::chrono::sys_seconds time,
                                                                 const TimeZone& zone) const;

  detail::CronFields fields_;
  std::array<char, max_length> text_{};
  std::uint8_t length_;
};

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/cron_expression.ipp>
#endif
