#pragma once

#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>

#include <cliffracer/pacing.hpp>

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

[[nodiscard]] inline double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>{duration}.count();
}

/// "every 30 s", "30 2 * * MON-FRI Europe/Berlin"
[[nodiscard]] inline std::string schedule_text(const TimerEntry& entry, std::chrono::nanoseconds interval) {
  if (entry.calendar) return entry.calendar->text();
  const bool is_after_run = entry.schedule.grid().kind() == Grid::Kind::after_run;
  return fmt::format("every {} s{}", seconds(interval), is_after_run ? " after a run" : "");
}

/// What the log says of a service's timers. A line that cannot be logged ends no timer.
class TimerLog {
 public:
  explicit TimerLog(ServiceLog log) : log_{std::move(log)} {}

  [[nodiscard]] const std::string& service() const noexcept { return log_.service(); }

  void started(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      log_.info("timer {} started: {}{}", entry.name, schedule_text(entry, entry.schedule.interval()),
                entry.schedule.is_eager() ? ", eager" : "");
    });
  }

  void tick(const TimerEntry& entry, std::chrono::nanoseconds lateness) const noexcept {
    if (!log_.should_log(spdlog::level::debug)) return;
    log_quietly([&] {
      log_.debug("timer {} tick {}, {} ns late", entry.name, entry.stats.execution_count(), lateness.count());
    });
  }

  /// `why`: "", or what made it late.
  void drifted(const TimerEntry& entry, const Schedule::Decision& decision,
               std::string_view why) const noexcept {
    log_quietly([&] {
      log_.warn(
          "timer {} is {:.3f} s late, more than max_drift {:.3f} s{}{}: one run at once, {} due points "
          "skipped",
          entry.name, seconds(decision.lateness), seconds(entry.schedule.max_drift()),
          why.empty() ? "" : ", because of ", escaped(why), decision.skipped);
    });
  }

  /// After the schedule has been told.
  void failed(const TimerEntry& entry, std::uint32_t attempt, std::chrono::nanoseconds length,
              std::string_view text, const Trace& trace) const noexcept {
    log_quietly([&] {
      log_.error("timer {} failed (attempt {}) after {:.3f} s: {}; {} (trace {})", entry.name, attempt,
                 seconds(length), escaped(text), what_next(entry), trace_id_text(trace));
    });
  }

  void catches_up(const TimerEntry& entry, const Schedule::Decision& decision, TimePoint now) const noexcept {
    log_quietly([&] {
      log_.warn(
          "timer {} catches up its tick of {:.3f} s ago, which no replica has run; {} older ones are skipped",
          entry.name, seconds(elapsed(decision.due, now)), decision.skipped);
    });
  }

  void timed_out(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      log_.warn("timer {} has outlasted its timeout of {:.3f} s: {}", entry.name,
                seconds(entry.limit->timeout), entry.worker_run ? "asked to end" : "cancelled");
    });
  }

  void outlasted(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      log_.warn("timer {} has outlasted its timeout of {:.3f} s: it ended before it could be asked to",
                entry.name, seconds(entry.limit->timeout));
    });
  }

  /// A run that was cancelled.
  void goes_on(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      log_.warn(
          "timer {} goes on after it was cancelled because of its timeout: cancelled again each second; let "
          "the method end when an operation fails with operation_aborted",
          entry.name);
    });
  }

  void finished(const TimerEntry& entry) const noexcept {
    log_quietly([&] { log_.info("timer {} has finished after {} runs", entry.name, entry.runs); });
  }

  void removed(const TimerEntry& entry) const noexcept {
    log_quietly([&] { log_.info("timer {} is removed", entry.name); });
  }

  /// One that was added while the service runs.
  void not_started(const TimerEntry& entry, const std::exception_ptr& thrown) const noexcept {
    log_quietly([&] {
      log_.error("timer {} does not run: {}; remove it and add it again", entry.name,
                 escaped(text_of(thrown)));
    });
  }

  /// Somebody ("timer sync") held the event loop.
  void blocked(std::string_view by, std::chrono::nanoseconds length,
               std::chrono::nanoseconds threshold) const noexcept {
    log_quietly([&] {
      log_.warn("{} held the event loop for {:.3f} s, at least blocking_threshold {:.3f} s", escaped(by),
                seconds(length), seconds(threshold));
    });
  }

  void paused(const TimerEntry& entry, std::string_view reason, TimePoint now) const noexcept {
    log_quietly([&] {
      const std::string length = entry.pause_end == never
                                     ? std::string{}
                                     : fmt::format(" for {:.3f} s", seconds(elapsed(now, entry.pause_end)));
      log_.warn("timer {} is paused{}{}{}", entry.name, length, reason.empty() ? "" : ": ", escaped(reason));
    });
  }

  void resumed(const TimerEntry& entry, std::uint64_t skipped) const noexcept {
    log_quietly([&] { log_.info("timer {} is resumed; {} due points skipped", entry.name, skipped); });
  }

  void triggered(const TimerEntry& entry) const noexcept {
    log_quietly([&] { log_.info("timer {} is triggered", entry.name); });
  }

  void interval_set(const TimerEntry& entry) const noexcept {
    log_quietly([&] {
      log_.info("timer {} runs every {} s from now on", entry.name, seconds(entry.schedule.interval()));
    });
  }

  void clock_stepped(std::chrono::nanoseconds by) const noexcept {
    log_quietly(
        [&] { log_.warn("the wall clock was set by {:.3f} s: aligned timers follow it", seconds(by)); });
  }

  void observer_failed(std::string_view timer, const std::exception_ptr& thrown) const noexcept {
    log_quietly([&] { log_.error("the observer of timer {} failed: {}", timer, escaped(text_of(thrown))); });
  }

  void withdrawn(const TimerEntry& entry) const noexcept {
    log_quietly([&] { log_.warn("timer {} found no worker before the service stopped", entry.name); });
  }

  void cancelled(const TimerEntry& entry, std::chrono::nanoseconds length) const noexcept {
    log_quietly([&] {
      log_.warn("timer {} was cancelled after {:.3f} s because the service stops", entry.name,
                seconds(length));
    });
  }

  /// There is no memory to wait for the next due points. Asio ends the process when its own part of the same
  /// wait finds none; a service that went on without its timers would be worse.
  [[noreturn]] void end_without_memory(const std::exception_ptr& thrown) const noexcept {
    log_quietly([&] {
      log_.critical("its timers cannot wait any more, the process ends: {}", escaped(text_of(thrown)));
      log_.flush();
    });
    std::terminate();
  }

 private:
  static std::string what_next(const TimerEntry& entry) {
    if (entry.mode != TimerMode::active || entry.schedule.gives_up()) return "no retry";
    return fmt::format("retry in {:.3f} s", seconds(entry.schedule.backoff()));
  }

  ServiceLog log_;
};

}  // namespace cliffracer::detail
