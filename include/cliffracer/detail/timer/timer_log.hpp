#pragma once

#include <cliffracer/detail/exception_text.hpp>
#include <cliffracer/detail/log.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>

#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

[[nodiscard]] inline double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>{duration}.count();
}

/// What the log says of a service's timers. A line that cannot be logged ends no timer.
class TimerLog {
 public:
  TimerLog(spdlog::logger& log, std::string service) : log_{log}, service_{std::move(service)} {}

  [[nodiscard]] const std::string& service() const noexcept { return service_; }

  void started(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      const Schedule::Options& options = entry.schedule.options();
      log_.info("service {}: timer {} started: every {} s{}", service_, entry.name, seconds(options.interval),
                options.eager ? ", eager" : "");
    });
  }

  void tick(const TimerEntry& entry, std::chrono::nanoseconds lateness) const noexcept {
    if (!log_.should_log(spdlog::level::debug)) return;
    log_quietly([&] {
      log_.debug("service {}: timer {} tick {}, {} ns late", service_, entry.name,
                 entry.stats.execution_count(), lateness.count());
    });
  }

  void drifted(const TimerEntry& entry, const Schedule::Decision& decision) const noexcept {
    log_quietly([&] {
      log_.warn(
          "service {}: timer {} is {:.3f} s late, more than max_drift {:.3f} s: re-anchored, {} due points "
          "skipped",
          service_, entry.name, seconds(decision.lateness), seconds(entry.schedule.options().max_drift),
          decision.skipped);
    });
  }

  void failed(const TimerEntry& entry, std::chrono::nanoseconds length,
              std::string_view text) const noexcept {
    log_quietly([&] {
      log_.error("service {}: timer {} failed (attempt {}) after {:.3f} s: {}; retry in {:.3f} s", service_,
                 entry.name, entry.schedule.attempt(), seconds(length), escaped(text),
                 seconds(entry.schedule.options().error_backoff));
    });
  }

  void withdrawn(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      log_.warn("service {}: timer {} found no worker before the service stopped", service_, entry.name);
    });
  }

  void cancelled(const TimerEntry& entry, std::chrono::nanoseconds length) const noexcept {
    log_quietly([&] {
      log_.warn("service {}: timer {} was cancelled after {:.3f} s because the service stops", service_,
                entry.name, seconds(length));
    });
  }

  /// There is no memory to wait for the next due points. Asio ends the process when its own part of the same
  /// wait finds none; a service that went on without its timers would be worse.
  [[noreturn]] void end_without_memory(const std::exception_ptr& thrown) const noexcept {
    log_quietly([&] {
      log_.critical("service {}: its timers cannot wait any more, the process ends: {}", service_,
                    escaped(text_of(thrown)));
      log_.flush();
    });
    std::terminate();
  }

 private:
  spdlog::logger& log_;
  std::string service_;
};

}  // namespace cliffracer::detail
