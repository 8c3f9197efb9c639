#pragma once

#include <cliffracer/detail/timer/outcome.hpp>

#include <cstdint>
#include <memory>

namespace cliffracer::detail {

struct TimerEntry;

/// Who decides which replica runs a tick. Only on the strand.
class TickClaims {
 public:
  /// The timer will ask for ticks, after start(). Throws std::bad_alloc.
  virtual void add(const std::shared_ptr<TimerEntry>& timer) = 0;
  /// All timers are added that were to be by now. Throws std::bad_alloc.
  virtual void start() = 0;
  /// The timer asks no more, and may be destroyed.
  virtual void forget(const TimerEntry& timer) noexcept = 0;

  /// Asks for the tick of the entry's timer that has this token. TimerLoop::claim_decided() is told what came
  /// of it, once, in this call or later. Throws std::bad_alloc: not asked.
  virtual void claim(TimerEntry& entry, std::uint64_t token) = 0;
  /// No newer tick of the entry's timer has been claimed, as far as is known here.
  [[nodiscard]] virtual bool is_newest(const TimerEntry& entry, std::uint64_t token) const noexcept = 0;
  /// A run of the entry's timer has begun here.
  virtual void run_began(TimerEntry& entry) noexcept = 0;
  /// It has ended; also told of one that did not begin.
  virtual void run_ended(TimerEntry& entry) noexcept = 0;
  /// Claims that are not decided are given up: they fail soon.
  virtual void request_stop() noexcept = 0;

 protected:
  ~TickClaims() = default;
};

}  // namespace cliffracer::detail
