#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/time_zone.hpp>

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer {
namespace detail {

class CctzRules final : public ZoneRules {
 public:
  explicit CctzRules(const cctz::time_zone& zone) : zone_{zone} {}

  [[nodiscard]] std::chrono::local_seconds local_time(std::chrono::sys_seconds instant) const override {
    const cctz::civil_second shown = zone_.lookup(instant).cs;
    return std::chrono::local_seconds{std::chrono::seconds{shown - cctz::civil_second{}}};
  }

  [[nodiscard]] LocalTimeLookup lookup(std::chrono::local_seconds local) const override {
    const auto found = zone_.lookup(cctz::civil_second{} + local.time_since_epoch().count());
    LocalTimeKind kind = LocalTimeKind::unique;
    if (found.kind == cctz::time_zone::civil_lookup::SKIPPED) kind = LocalTimeKind::skipped;
    if (found.kind == cctz::time_zone::civil_lookup::REPEATED) kind = LocalTimeKind::repeated;
    return {.kind = kind, .before = found.pre, .change = found.trans, .after = found.post};
  }

 private:
  const cctz::time_zone zone_;
};

/// As tz names are, so that a path is none.
[[nodiscard]] constexpr bool is_zone_name(std::string_view name) noexcept {
  return !name.empty() && name.front() != '/' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '/';
  });
}

/// cctz knows the version on few systems. Where the database has a file of all its rules, that begins with
/// it.
[[nodiscard]] inline std::string zone_data_version(const cctz::time_zone& zone) {
  if (std::string version = zone.version(); !version.empty()) return version;
  const char* const folder = std::getenv("TZDIR");
  std::ifstream rules{std::string{folder ? folder : "/usr/share/zoneinfo"} + "/tzdata.zi"};
  constexpr std::string_view begin = "# version ";
  std::string line;
  if (!std::getline(rules, line) || !line.starts_with(begin)) return {};
  return line.substr(begin.size());
}

}  // namespace detail

CLIFFRACER_DECL TimeZone time_zone(std::string_view name) {
  cctz::time_zone zone;
  std::string text{name};
  if (!detail::is_zone_name(name) || !cctz::load_time_zone(text, &zone))
    throw std::invalid_argument{"there is no time zone \"" + detail::escaped(name, 100) + "\""};
  return {std::move(text), std::make_shared<detail::CctzRules>(zone), detail::zone_data_version(zone)};
}

}  // namespace cliffracer
