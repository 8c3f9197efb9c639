#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/testing/log_capture.hpp>

#include <spdlog/common.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// Keeps lines in memory.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] std::vector<testing::LogCapture::Line> copy() {
    const std::lock_guard lock{mutex_};
    return lines_;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    lines_.push_back({message.level, std::string{message.payload.data(), message.payload.size()}});
  }
  void flush_() override {}

  std::vector<testing::LogCapture::Line> lines_;
};

/// The logger of a service, which writes to a LineSink as long as this object lives.
class CapturedLogger {
 public:
  CapturedLogger(const std::string& service, spdlog::level::level_enum level)
      : logger_{service_logger(service)}, level_before_{logger_->level()} {
    sinks_before_ = std::exchange(logger_->sinks(), {sink_});
    logger_->set_level(level);
  }
  CapturedLogger(const CapturedLogger&) = delete;
  CapturedLogger& operator=(const CapturedLogger&) = delete;
  ~CapturedLogger() {
    logger_->sinks() = sinks_before_;
    logger_->set_level(level_before_);
  }

  [[nodiscard]] std::vector<testing::LogCapture::Line> lines() const { return sink_->copy(); }

 private:
  std::shared_ptr<spdlog::logger> logger_;
  std::shared_ptr<LineSink> sink_ = std::make_shared<LineSink>();
  std::vector<spdlog::sink_ptr> sinks_before_;
  spdlog::level::level_enum level_before_;
};

}  // namespace cliffracer::detail

namespace cliffracer::testing {

CLIFFRACER_DECL LogCapture::LogCapture(const std::string& service, spdlog::level::level_enum level)
    : logger_{std::make_unique<detail::CapturedLogger>(service, level)} {}

CLIFFRACER_DECL LogCapture::~LogCapture() = default;

CLIFFRACER_DECL std::vector<LogCapture::Line> LogCapture::lines() const { return logger_->lines(); }

CLIFFRACER_DECL std::size_t LogCapture::count(std::string_view part) const {
  const auto all = lines();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](const Line& line) { return line.text.find(part) != std::string::npos; }));
}

}  // namespace cliffracer::testing
