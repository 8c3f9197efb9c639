#pragma once

#include <cliffracer/detail/text/escaped.hpp>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <utility>

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

/// Where a service's lines go: each begins with "service NAME: ". A copy writes to the same logger.
///
/// One function formats the lines of all argument lists, so that none costs compile time of its own. A line
/// that cannot be formatted is replaced by one that says so; nothing that formatting throws escapes.
class ServiceLog {
 public:
  /// Writes to service_logger(service).
  explicit ServiceLog(std::string service) : logger_{service_logger(service)}, service_{std::move(service)} {}
  /// `logger` is not null.
  ServiceLog(std::shared_ptr<spdlog::logger> logger, std::string service)
      : logger_{std::move(logger)}, service_{std::move(service)} {}

  [[nodiscard]] const std::string& service() const noexcept { return service_; }
  [[nodiscard]] const std::shared_ptr<spdlog::logger>& logger() const noexcept { return logger_; }

  [[nodiscard]] bool should_log(spdlog::level::level_enum level) const { return logger_->should_log(level); }
  void flush() const { logger_->flush(); }

  template <class... Arguments>
  void debug(fmt::format_string<Arguments...> text, const Arguments&... arguments) const {
    write(spdlog::level::debug, text, fmt::make_format_args(arguments...));
  }
  template <class... Arguments>
  void info(fmt::format_string<Arguments...> text, const Arguments&... arguments) const {
    write(spdlog::level::info, text, fmt::make_format_args(arguments...));
  }
  template <class... Arguments>
  void warn(fmt::format_string<Arguments...> text, const Arguments&... arguments) const {
    write(spdlog::level::warn, text, fmt::make_format_args(arguments...));
  }
  template <class... Arguments>
  void error(fmt::format_string<Arguments...> text, const Arguments&... arguments) const {
    write(spdlog::level::err, text, fmt::make_format_args(arguments...));
  }
  template <class... Arguments>
  void critical(fmt::format_string<Arguments...> text, const Arguments&... arguments) const {
    write(spdlog::level::critical, text, fmt::make_format_args(arguments...));
  }

 private:
  void write(spdlog::level::level_enum level, fmt::string_view text, fmt::format_args arguments) const {
    // A logger that keeps a backtrace takes the lines of all levels.
    if (!logger_->should_log(level) && !logger_->should_backtrace()) return;
    std::string line;
    try {
      // vformat() is part of the compiled library, vformat_to() is instantiated in each file that calls it.
      line = "service " + service_ + ": " + fmt::vformat(text, arguments);
    } catch (...) {
      logger_->log(level, "a line of this log could not be formatted");
      return;
    }
    logger_->log(level, line);
  }

  std::shared_ptr<spdlog::logger> logger_;
  std::string service_;
};

}  // namespace cliffracer::detail
