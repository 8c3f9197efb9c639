#pragma once

#include <cliffracer/timer_stats.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <string>

/// A duration in the unit that reads best: "30 s", "51.2 ms", "870 us".
inline std::string readable(std::chrono::nanoseconds time) {
  const auto count = static_cast<double>(time.count());
  std::ostringstream out;
  out << std::setprecision(3);
  if (count >= 1e9) {
    out << std::setprecision(6) << count / 1e9 << " s";
  } else if (count >= 1e6) {
    out << count / 1e6 << " ms";
  } else {
    out << count / 1e3 << " us";
  }
  return out.str();
}

/// Whether there is a whole run to speak of.
inline bool has_finished(const cliffracer::TimerStats& timer) { return timer.execution_time.max.count() > 0; }

/// Timer statistics as a table, a line for each timer.
inline void print_timer_table(std::ostream& to, const cliffracer::ServiceTimerStats& stats) {
  // Handed over in one piece: other threads print, too.
  std::ostringstream out;
  const auto line = [&](const auto& name, const auto&... cells) {
    constexpr std::array widths{10, 7, 8, 9, 10, 10, 10, 12};
    std::size_t column = 0;
    out << "  " << std::left << std::setw(20) << name << std::right;
    ((out << std::setw(widths[column++]) << cells), ...);
    out << '\n';
  };
  const auto measured = [](bool is_known, std::chrono::nanoseconds time) {
    return is_known ? readable(time) : std::string{"-"};
  };
  const auto percent = [](double rate) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << rate << " %";
    return text.str();
  };
  line("timer", "interval", "runs", "errors", "skipped", "average", "p99", "late p99", "error rate");
  for (const cliffracer::TimerStats& timer : stats.timers) {
    line(timer.name, readable(timer.interval), timer.execution_count, timer.error_count, timer.skipped_count,
         measured(has_finished(timer), timer.average_execution_time),
         measured(has_finished(timer), timer.execution_time.p99),
         measured(timer.execution_count > 0, timer.lateness.p99), percent(timer.error_rate));
  }
  to << out.str() << std::flush;
}
