#pragma once

#include <cliffracer/detail/text/service_log.hpp>

#include <spdlog/common.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simulation {

/// Counts the lines of a service's log by what they say, and keeps none.
class LogTally {
 public:
  /// What is called when a line says so.
  struct Told {
    std::function<void()> started;     ///< The timers.
    std::function<void()> stopping;    ///< The stop begins.
    std::function<void()> cancelling;  ///< What still runs when its time to stop is over.
    std::function<void()> stopped;
    std::function<void()> clock_stepped;  ///< The wall clock was set.
  };

  LogTally(const std::string& service, Told told)
      : logger_{cliffracer::detail::service_logger(service)}, level_before_{logger_->level()} {
    sink_->told = std::move(told);
    sinks_before_ = std::exchange(logger_->sinks(), {sink_});
    logger_->set_level(spdlog::level::info);
  }
  LogTally(const LogTally&) = delete;
  LogTally& operator=(const LogTally&) = delete;
  ~LogTally() {
    logger_->sinks() = sinks_before_;
    logger_->set_level(level_before_);
  }

  struct Counts {
    std::uint64_t failed_runs = 0;
    std::uint64_t failed_stop_hooks = 0;
    std::uint64_t other_errors = 0;
    std::string other_error;  ///< The newest.
    std::uint64_t drifted = 0;
    std::uint64_t timed_out = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t withdrawn = 0;     ///< Runs that waited for a worker when their service stopped.
    std::uint64_t late_to_stop = 0;  ///< What still ran when its time to stop was over, each by its name.
  };
  [[nodiscard]] const Counts& counts() const { return sink_->counts; }

 private:
  class Sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
   public:
    Counts counts;
    Told told;

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const std::string_view text{message.payload.data(), message.payload.size()};
      const auto says = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
      if (message.level >= spdlog::level::err) {
        if (says(" failed (attempt ")) {
          ++counts.failed_runs;
        } else if (says(": on_stop failed: ")) {
          ++counts.failed_stop_hooks;
        } else {
          ++counts.other_errors;
          counts.other_error = text;
        }
      } else if (message.level == spdlog::level::warn) {
        if (says("more than max_drift")) ++counts.drifted;
        if (says(" has outlasted its timeout ")) ++counts.timed_out;
        if (says(" was cancelled after ")) ++counts.cancelled;
        if (says(" found no worker before ")) ++counts.withdrawn;
        if (says(" after it should end")) ++counts.late_to_stop;
        if (says(": the wall clock was set by ")) told.clock_stepped();
      } else if (says(": started; timers: ")) {
        told.started();
      } else if (text.ends_with(": stopping")) {
        told.stopping();
      } else if (text.ends_with(": cancelling what still runs")) {
        told.cancelling();
      } else if (text.ends_with(": stopped")) {
        told.stopped();
      }
    }
    void flush_() override {}
  };

  std::shared_ptr<spdlog::logger> logger_;
  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::vector<spdlog::sink_ptr> sinks_before_;
  spdlog::level::level_enum level_before_;
};

}  // namespace simulation
