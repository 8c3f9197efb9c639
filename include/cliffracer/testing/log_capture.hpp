#pragma once

#include <cliffracer/detail/text/service_log.hpp>

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
  explicit LogCapture(const std::string& service, spdlog::level::level_enum level = spdlog::level::info)
      : logger_{detail::service_logger(service)}, level_before_{logger_->level()} {
    sinks_before_ = std::exchange(logger_->sinks(), {sink_});
    logger_->set_level(level);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture() {
    logger_->sinks() = sinks_before_;
    logger_->set_level(level_before_);
  }

  // Any thread.

  [[nodiscard]] std::vector<Line> lines() const { return sink_->copy(); }

  /// How many lines contain `part`.
  [[nodiscard]] std::size_t count(std::string_view part) const {
    const auto all = lines();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const Line& line) { return line.text.find(part) != std::string::npos; }));
  }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    [[nodiscard]] std::vector<Line> copy() {
      const std::lock_guard lock{mutex_};
      return lines_;
    }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      lines_.push_back({message.level, std::string{message.payload.data(), message.payload.size()}});
    }
    void flush_() override {}

    std::vector<Line> lines_;
  };

  std::shared_ptr<spdlog::logger> logger_;
  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::vector<spdlog::sink_ptr> sinks_before_;
  spdlog::level::level_enum level_before_;
};

}  // namespace cliffracer::testing
