#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace cliffracer {

/// What a zone's clocks do at a time of day that they show, or leave out.
enum class LocalTimeKind : std::uint8_t {
  unique,    ///< They show it once.
  skipped,   ///< They are set over it: it lies in a gap.
  repeated,  ///< They are set back and show it twice: it lies in an overlap.
};

/// Which instants a local time is.
struct LocalTimeLookup {
  LocalTimeKind kind = LocalTimeKind::unique;
  /// By the offset from UTC that holds before the change of the clock: the instant itself when it is unique,
  /// the first one when it is repeated.
  std::chrono::sys_seconds before{};
  /// The change of the clock: the first instant of the new offset; as `before` when there is none.
  std::chrono::sys_seconds change{};
  /// By the offset that holds after it: the second one when it is repeated.
  std::chrono::sys_seconds after{};
};

/// The clocks of a time zone: all that a calendar asks of one. Implementations are called from any thread,
/// answer for the years 1969 to 2401, and throw nothing: an exception would end the process. For
/// time_zone(name) see <cliffracer/time_zone.hpp>.
class ZoneRules {
 public:
  virtual ~ZoneRules() = default;

  /// What the clocks show at that instant.
  [[nodiscard]] virtual std::chrono::local_seconds local_time(std::chrono::sys_seconds instant) const = 0;
  /// When they show that.
  [[nodiscard]] virtual LocalTimeLookup lookup(std::chrono::local_seconds local) const = 0;
};

/// A time zone, as a value: UTC unless it is given another. Copies share the rules. Never the host's zone by
/// itself. Constant functions may be called from any thread.
class TimeZone {
 public:
  /// UTC: needs no data and no library.
  TimeZone() = default;

  /// `name`: as it is shown. `rules`: not null. `version`: of the data that the rules were made of, may be
  /// empty.
  TimeZone(std::string name, std::shared_ptr<const ZoneRules> rules, std::string version = {})
      : name_{std::move(name)}, version_{std::move(version)}, rules_{std::move(rules)} {}

  /// "UTC", "Europe/Berlin"
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// "2025b"; empty for UTC, and where the data do not say.
  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  /// Null for UTC.
  [[nodiscard]] const ZoneRules* rules() const noexcept { return rules_.get(); }

 private:
  std::string name_ = "UTC";
  std::string version_;
  std::shared_ptr<const ZoneRules> rules_;
};

}  // namespace cliffracer
