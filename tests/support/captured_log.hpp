#pragma once

#include <cliffracer/detail/text/service_log.hpp>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A logger whose lines a test reads: "warning: text".
class CapturedLog {
 public:
  CapturedLog() { logger_->set_level(spdlog::level::info); }

  [[nodiscard]] std::shared_ptr<spdlog::logger> logger() const { return logger_; }
  /// The log of a service that writes here.
  [[nodiscard]] cliffracer::detail::ServiceLog of_service(std::string name) const {
    return {logger_, std::move(name)};
  }
  /// Not while another thread logs.
  [[nodiscard]] const std::vector<std::string>& lines() const { return sink_->lines; }

  [[nodiscard]] std::size_t count(std::string_view text) const {
    const std::lock_guard lock{sink_->mutex()};
    std::size_t found = 0;
    for (const auto& line : lines()) found += line.find(text) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  struct Sink : spdlog::sinks::base_sink<std::mutex> {
    std::vector<std::string> lines;
    std::mutex& mutex() { return mutex_; }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const auto level = spdlog::level::to_string_view(message.level);
      std::string line{level.data(), level.size()};
      line.append(": ").append(message.payload.data(), message.payload.size());
      lines.push_back(std::move(line));
    }
    void flush_() override {}
  };

  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::shared_ptr<spdlog::logger> logger_ = std::make_shared<spdlog::logger>("captured", sink_);
};
