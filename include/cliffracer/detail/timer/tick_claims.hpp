#pragma once

#include <cstdint>

namespace cliffracer::detail {

struct TimerEntry;

/// What came of the wish to run a tick of a cluster timer.
enum class ClaimOutcome : std::uint8_t {
  won,                ///< This replica runs it, and no other.
  lost,               ///< Another replica has claimed it.
  behind,             ///< Not asked for: a newer tick has been claimed already.
  running_elsewhere,  ///< Not asked for: another replica still runs an older one.
  failed,             ///< Nobody could be asked, or the answer was a refusal.
  unclear,            ///< Asked for, and not answered: it may be claimed in this replica's name.
};

/// Who decides which replica runs a tick. Only on the strand.
class TickClaims {
 public:
  /// Asks for `tick` of the entry's timer. TimerLoop::claim_decided() is told what came of it, once, in this
  /// call or later. Throws std::bad_alloc: not asked.
  virtual void claim(TimerEntry& entry, std::uint64_t tick) = 0;
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
