#pragma once

#include <cliffracer/cron_expression.hpp>
#include <cliffracer/zone.hpp>

#include <string>

namespace cliffracer::detail {

/// When a cron<Method> is due.
struct Calendar {
  /// "30 2 * * MON-FRI Europe/Berlin"
  [[nodiscard]] std::string text() const { return std::string{at.text()} + " " + zone.name(); }

  CronExpression at;
  TimeZone zone;
};

}  // namespace cliffracer::detail
