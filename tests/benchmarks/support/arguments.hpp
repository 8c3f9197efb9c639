#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace benchmarks {

using Clock = std::chrono::steady_clock;
using TimePoint = std::chrono::time_point<Clock, std::chrono::nanoseconds>;

/// What every engine is told:
///
///     PROGRAM MODE KIND TIMERS NOMINAL_INTERVAL_NS SECONDS [TOLERANCE_NS]
///
///     paced      real intervals: CPU time per tick, and how late the ticks are
///     saturated  intervals so short that the loop is always busy, and due points that have passed are passed
///                over: CPU time per tick
///     backlog    intervals as short, and each due point gets its tick, however late: CPU time per tick
///     memory     resident bytes per timer, once each has ticked
///     startstop  how long it takes to make and start all timers, and to end them
///     handover   how long a plain method waits for its worker thread (cliffracer, asio)
///     stats      what get_timer_stats() costs (cliffracer)
///     read       as saturated, while another thread calls get_timer_stats() (cliffracer)
struct Arguments {
  Arguments(int count, char** values) {
    if (count < 6 || count > 7) {
      std::fprintf(stderr, "usage: %s MODE KIND TIMERS NOMINAL_INTERVAL_NS SECONDS [TOLERANCE_NS]\n",
                   values[0]);
      std::exit(2);
    }
    mode = values[1];
    kind = values[2];
    timers = std::strtoull(values[3], nullptr, 10);
    nominal = std::chrono::nanoseconds{std::strtoll(values[4], nullptr, 10)};
    duration = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>{std::strtod(values[5], nullptr)});
    if (count == 7) tolerance = std::chrono::nanoseconds{std::strtoll(values[6], nullptr, 10)};
  }

  /// Of timer `n`: spread evenly from half to one and a half of the nominal one, so that due points do not
  /// coincide.
  [[nodiscard]] std::chrono::nanoseconds interval(std::size_t n) const {
    if (timers == 1) return nominal;
    const double turns = static_cast<double>(n) * 0.6180339887;
    return std::chrono::nanoseconds{
        static_cast<std::int64_t>(static_cast<double>(nominal.count()) * (0.5 + turns - std::floor(turns)))};
  }

  /// The loop is always busy. Ticks only count themselves: nothing in them reads the clock.
  [[nodiscard]] bool is_always_busy() const { return passes_over() || mode == "backlog"; }

  /// A timer that is late goes on with the next point of its grid that lies ahead.
  [[nodiscard]] bool passes_over() const { return mode == "saturated" || mode == "read"; }

  std::string mode;
  std::string kind;  ///< Of method; `-` for an engine that has but one.
  std::size_t timers = 0;
  std::chrono::nanoseconds nominal{};
  std::chrono::nanoseconds duration{};
  std::chrono::nanoseconds tolerance{0};  ///< How late a tick may be moved, where the engine knows of that.
};

}  // namespace benchmarks
