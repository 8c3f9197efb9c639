#pragma once

#include <cliffracer/tick_context.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace cliffracer {

/// Why due points were passed over without a run; as SkippedCounts.
enum class SkipReason : std::uint8_t {
  /// Run together with another one, passed while a run was in progress, or the wall clock was set over them.
  missed,
  drifted,       ///< Run together with one that was later than max_drift.
  failing,       ///< Passed between a failure and its retry.
  paused,        ///< Passed while the timer was paused.
  elsewhere,     ///< Of a cluster timer: another replica runs the tick, or still runs one before.
  claim_failed,  ///< Of a cluster timer: nobody could be asked for it, or the answer stayed unclear.
};

/// The timer of which a TimerObserver is told. Valid during the call.
struct ObservedTimer {
  std::string_view service;
  std::string_view name;
};

/// Told of what a service's timers do, while they do it: NatsService::set_observer(). Override what is of
/// interest; the others do nothing.
///
/// Executor: the service's strand, between two steps of the timers: return soon. Calling the service's
/// control functions (pause(), trigger() ...) from here is fine.
///
/// Exceptions end here: they are logged, and the timer goes on.
class TimerObserver {
 public:
  TimerObserver() = default;
  TimerObserver(const TimerObserver&) = delete;
  TimerObserver& operator=(const TimerObserver&) = delete;
  virtual ~TimerObserver() = default;

  /// A run begins; `tick` is what the method is given if it takes it.
  virtual void on_start([[maybe_unused]] const ObservedTimer& timer,
                        [[maybe_unused]] const TickContext& tick) {}
  /// The run returned after `length`.
  virtual void on_success([[maybe_unused]] const ObservedTimer& timer,
                          [[maybe_unused]] std::chrono::nanoseconds length) {}
  /// The run threw after `length`; `error` is the text.
  virtual void on_error([[maybe_unused]] const ObservedTimer& timer,
                        [[maybe_unused]] std::chrono::nanoseconds length,
                        [[maybe_unused]] std::string_view error) {}
  /// The run was cut short, or never began on a worker, because the service stops.
  virtual void on_cancel([[maybe_unused]] const ObservedTimer& timer,
                         [[maybe_unused]] std::chrono::nanoseconds length) {}
  /// `count` (> 0) due points were passed over.
  virtual void on_skip([[maybe_unused]] const ObservedTimer& timer, [[maybe_unused]] SkipReason reason,
                       [[maybe_unused]] std::uint64_t count) {}
  /// The run that begins is late by more than max_drift, and stands for all that was missed.
  virtual void on_drift([[maybe_unused]] const ObservedTimer& timer,
                        [[maybe_unused]] std::chrono::nanoseconds lateness) {}
  /// The run in progress has outlasted `timeout`.
  virtual void on_timeout([[maybe_unused]] const ObservedTimer& timer) {}
  /// The method held the event loop for `length`, ServiceConfig::blocking_threshold or more.
  virtual void on_blocking([[maybe_unused]] const ObservedTimer& timer,
                           [[maybe_unused]] std::chrono::nanoseconds length) {}
  /// From now on no run starts: pause(), or too many failures in a row.
  virtual void on_pause([[maybe_unused]] const ObservedTimer& timer,
                        [[maybe_unused]] std::string_view reason) {}
  /// Runs start again.
  virtual void on_resume([[maybe_unused]] const ObservedTimer& timer) {}
};

}  // namespace cliffracer
