#pragma once

#include "support/arguments.hpp"
#include "support/process.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

namespace benchmarks {

/// Counts ticks: warms up, measures for a while, prints one JSON object and ends the process. One thread at a
/// time.
class Meter {
 public:
  /// Before the engine makes anything: what is in memory now is not the timers'.
  explicit Meter(const Arguments& arguments)
      : arguments_{arguments},
        keeps_lateness_{arguments.mode == "paced" || arguments.mode == "handover"},
        stride_{arguments.is_always_busy() ? arguments.timers : 1} {
    // Written to, so that no tick meets a page that is not there yet.
    if (keeps_lateness_) lateness_.resize(expected_ticks());
    lateness_.clear();
    resident_before_ = resident_bytes();
  }

  /// The timers are started.
  void begin() {
    // Each timer has ticked, and the structures that hold them are in their usual disorder.
    const std::chrono::nanoseconds longest = arguments_.nominal * 16 / 10;
    window_begin_ =
        Clock::now() + std::max<std::chrono::nanoseconds>(std::chrono::milliseconds{300}, longest);
    warm_ticks_ = arguments_.is_always_busy() ? ticks_ + 2 * arguments_.timers : 0;
    look_at_ = ticks_ + 1;
  }

  void tick(TimePoint due) {
    if (++ticks_ >= look_at_) look(due);
  }

 private:
  [[nodiscard]] std::size_t expected_ticks() const {
    const double per_timer =
        static_cast<double>(arguments_.duration.count()) / static_cast<double>(arguments_.nominal.count());
    return 1000 + static_cast<std::size_t>(per_timer * static_cast<double>(arguments_.timers) * 1.2);
  }

  void look(TimePoint due) {
    const TimePoint now = Clock::now();
    if (!is_measuring_) {
      if (now >= window_begin_ && ticks_ >= warm_ticks_) begin_window(now);
    } else if (now >= window_end_) {
      finish(now);
    } else if (keeps_lateness_) {
      lateness_.push_back((now - due).count());
    }
    look_at_ = ticks_ + stride_;
  }

  void begin_window(TimePoint now) {
    is_measuring_ = true;
    window_begin_ = now;
    window_end_ = now + arguments_.duration;
    ticks_before_ = ticks_;
    cpu_before_ = cpu_time(whose_cpu());
  }

  [[noreturn]] void finish(TimePoint now) {
    const auto cpu = static_cast<double>((cpu_time(whose_cpu()) - cpu_before_).count());
    const std::size_t resident = resident_bytes();
    const auto taken = static_cast<double>((now - window_begin_).count());
    const auto ticks = static_cast<double>(ticks_ - ticks_before_);
    std::printf("{\"ticks\":%.0f,\"seconds\":%.6f,\"cpu_ns_per_tick\":%.1f,\"ns_per_tick\":%.1f", ticks,
                taken / 1e9, cpu / ticks, taken / ticks);
    if (keeps_lateness_) {
      std::sort(lateness_.begin(), lateness_.end());
      std::printf(",\"late_p50_ns\":%lld,\"late_p99_ns\":%lld,\"late_p999_ns\":%lld", lateness_at(500),
                  lateness_at(990), lateness_at(999));
    }
    if (arguments_.mode == "memory") {
      std::printf(",\"bytes_per_timer\":%.1f",
                  static_cast<double>(resident - resident_before_) / static_cast<double>(arguments_.timers));
    }
    std::puts("}");
    std::fflush(stdout);
    // Not by ending a million timers: that is startstop's to measure.
    std::_Exit(0);
  }

  [[nodiscard]] long long lateness_at(std::size_t permille) const {
    if (lateness_.empty()) return 0;
    return lateness_[std::min(lateness_.size() - 1, lateness_.size() * permille / 1000)];
  }

  /// The thread that reads the statistics is not part of what a tick costs.
  [[nodiscard]] int whose_cpu() const { return arguments_.mode == "read" ? RUSAGE_THREAD : RUSAGE_SELF; }

  const Arguments& arguments_;
  const bool keeps_lateness_;
  // Ticks from one look at the clock to the next. An engine that is behind takes all its timers out before it
  // puts the first back: only whole rounds have both.
  const std::size_t stride_;
  std::size_t ticks_ = 0;
  std::size_t look_at_ = std::numeric_limits<std::size_t>::max();
  std::size_t warm_ticks_ = 0;
  bool is_measuring_ = false;
  TimePoint window_begin_{};
  TimePoint window_end_{};
  std::size_t ticks_before_ = 0;
  std::chrono::nanoseconds cpu_before_{};
  std::size_t resident_before_ = 0;
  std::vector<std::int64_t> lateness_;
};

}  // namespace benchmarks
