#pragma once

#include <cliffracer/detail/subject.hpp>
#include <cliffracer/detail/task_group.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_loop.hpp>
#include <cliffracer/detail/timer/worker_pool.hpp>
#include <cliffracer/timer_stats.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// Throws std::invalid_argument for the first rule that an option breaks. `what` begins the message.
inline void check_duration(const std::string& what, const OptionDuration& duration, bool may_be_zero) {
  if (!duration.is_representable()) {
    throw std::invalid_argument{what + " must fit in 64-bit nanoseconds (292 years)"};
  }
  if (duration.value() < std::chrono::nanoseconds::zero())
    throw std::invalid_argument{what + " must not be negative"};
  if (!may_be_zero && duration.value() == std::chrono::nanoseconds::zero()) {
    throw std::invalid_argument{what + " must be greater than zero"};
  }
}

/// The timers of one service object. add() before the first start(); start() to stopped() on the service's
/// strand.
class TimerSet {
 public:
  /// Throws std::invalid_argument naming service, timer and rule.
  ///
  /// `default_tolerance` is that of timers without one of their own, at most a tenth of their interval.
  template <auto Method, class Type>
  void add(const std::string& service, const timer<Method, Type>& options,
           typename timer<Method, Type>::service_type& object,
           std::chrono::nanoseconds default_tolerance = std::chrono::nanoseconds::zero()) {
    std::string name = options.name.empty() ? std::string{timer<Method, Type>::method_name()} : options.name;
    const std::string what = "service " + service + ": timer " + escaped(name, 128) + ": ";
    if (const auto rule = violated_token_rule(name); !rule.empty()) {
      throw std::invalid_argument{what + "name must be " + std::string{rule}};
    }
    check_duration(what + "interval", options.interval, false);
    check_duration(what + "max_drift", options.max_drift, true);
    check_duration(what + "error_backoff", options.error_backoff, true);
    const std::chrono::nanoseconds interval = options.interval;
    std::chrono::nanoseconds tolerance = std::min(default_tolerance, interval / 10);
    if (options.tolerance) {
      check_duration(what + "tolerance", *options.tolerance, true);
      tolerance = *options.tolerance;
      if (tolerance >= interval) throw std::invalid_argument{what + "tolerance must be less than interval"};
    }
    if (options.missed_ticks > MissedTicks::skip)
      throw std::invalid_argument{what + "missed_ticks is no MissedTicks"};
    if (options.run_on > RunOn::worker_pool) throw std::invalid_argument{what + "run_on is no RunOn"};
    const bool on_workers = options.run_on == RunOn::worker_pool;
    if (timer<Method, Type>::is_coroutine && on_workers) {
      throw std::invalid_argument{
          what + "run_on: a coroutine runs on the event loop, only a plain method on the worker pool"};
    }
    if (names_.contains(name)) {
      throw std::invalid_argument{what + "two timers have this name: give one of them another .name"};
    }
    entries_.push_back(std::make_unique<TimerEntry>(std::move(name), timer_method<Type, Method>, &object,
                                                    Schedule::Options{.interval = interval,
                                                                      .max_drift = options.max_drift,
                                                                      .error_backoff = options.error_backoff,
                                                                      .tolerance = tolerance,
                                                                      .missed_ticks = options.missed_ticks,
                                                                      .eager = options.eager},
                                                    on_workers));
    names_.insert(entries_.back()->name);
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  /// Where the loops run, and with what.
  struct Surroundings {
    const Strand& strand;
    TimerQueue& queue;
    asio::io_context& event_loop;
    spdlog::logger& log;
    const std::string& service;
    std::size_t worker_threads = 0;  ///< As ServiceConfig says.
    bool workers_inline = false;     ///< Plain methods run on the event loop instead.
    RunObserver* observer = nullptr;
  };

  /// Starts the timers, which run in `tasks`.
  void start(TaskGroup& tasks, const Surroundings& around) {
    names_ = {};
    const auto plain = static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto& entry) { return entry->worker_run != nullptr; }));
    if (plain > 0) {
      const std::size_t threads = around.worker_threads > 0 ? std::min(around.worker_threads, plain) : plain;
      workers_.emplace(around.workers_inline ? 0 : threads, around.event_loop, around.queue.source(),
                       [this](TimerEntry& entry) { loop_->worker_returned(entry); });
    }
    loop_.emplace(around.strand, around.queue, tasks, entries_, workers_ ? &*workers_ : nullptr,
                  around.observer, TimerLog{around.log, around.service});
    loop_->start();
  }

  /// No run starts any more, and runs in progress are asked to end by their stop_token.
  void request_stop() {
    if (loop_) loop_->request_stop();
  }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept {
    if (loop_) loop_->cancelling();
  }

  /// After the last run has ended.
  void stopped() {
    loop_.reset();
    workers_.reset();
  }

  /// Any thread, without a lock.
  [[nodiscard]] ServiceTimerStats stats(TimePoint now,
                                        std::chrono::system_clock::time_point wall_clock) const {
    ServiceTimerStats all{.timer_count = entries_.size()};
    all.timers.reserve(entries_.size());
    for (const auto& entry : entries_) {
      TimerStats& stats = all.timers.emplace_back();
      stats.name = entry->name;
      stats.method_name = entry->method->name;
      const Schedule::Options& options = entry->schedule.options();
      stats.interval = options.interval;
      stats.max_drift = options.max_drift;
      stats.error_backoff = options.error_backoff;
      stats.tolerance = options.tolerance;
      stats.eager = options.eager;
      const TimePoint due = entry->stats.snapshot(stats);
      if (due != never) {
        stats.next_execution =
            wall_clock + std::chrono::duration_cast<std::chrono::system_clock::duration>(due - now);
      }
    }
    return all;
  }

 private:
  std::vector<std::unique_ptr<TimerEntry>> entries_;
  std::unordered_set<std::string_view> names_;  // until the first start
  std::optional<WorkerPool> workers_;
  std::optional<TimerLoop> loop_;
};

}  // namespace cliffracer::detail
