#pragma once

#include <cliffracer/detail/text/escaped.hpp>

#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace cliffracer::detail {

/// Writes a log line where nothing may be thrown: a line without memory, or one at which a sink throws, is
/// left out. (What spdlog catches itself it reports on stderr.)
template <class Write>
void log_quietly(Write&& write) noexcept {
  try {
    write();
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is nobody left to tell
  }
}

/// The logger registered under `name`, or a new one registered there that writes where spdlog's default
/// logger does.
[[nodiscard]] inline std::shared_ptr<spdlog::logger> service_logger(const std::string& name) {
  if (auto registered = spdlog::get(name)) return registered;
  auto logger = spdlog::default_logger()->clone(name);
  try {
    spdlog::register_logger(logger);
  } catch (const spdlog::spdlog_ex&) {
    // Another thread was quicker: one name, one logger.
    if (auto registered = spdlog::get(name)) return registered;
  }
  return logger;
}

}  // namespace cliffracer::detail
