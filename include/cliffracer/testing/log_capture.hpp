#pragma once

#include <cliffracer/build_mode.hpp>

#include <spdlog/common.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer::detail {

class CapturedLogger;

}  // namespace cliffracer::detail

namespace cliffracer::testing {

/// Keeps the lines that a service logs, instead of their being written, as long as this object lives. Make it
/// before the service starts, and end it after the service has stopped.
class LogCapture {
 public:
  struct Line {
    spdlog::level::level_enum level;
    std::string text;
  };

  /// `service` is the name in its ServiceConfig; lines below `level` are not made.
  explicit LogCapture(const std::string& service, spdlog::level::level_enum level = spdlog::level::info);
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture();

  // Any thread.

  [[nodiscard]] std::vector<Line> lines() const;

  /// How many lines contain `part`.
  [[nodiscard]] std::size_t count(std::string_view part) const;

 private:
  const std::unique_ptr<detail::CapturedLogger> logger_;
};

}  // namespace cliffracer::testing

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/testing/impl/log_capture.ipp>
#endif
