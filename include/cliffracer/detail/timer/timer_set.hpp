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

/// The timers of one service object. add() before start(); start() to the end of the last loop on the
/// service's strand.
class TimerSet {
 public:
  /// Throws std::invalid_argument naming service, timer and rule.
  template <auto Method, class Type>
  void add(const std::string& service, const timer<Method, Type>& options,
           typename timer<Method, Type>::service_type& object) {
    auto entry = std::make_unique<TimerEntry>();
    entry->name = options.name.empty() ? std::string{timer<Method, Type>::method_name()} : options.name;
    entry->method_name = timer<Method, Type>::method_name();
    const std::string what = "service " + service + ": timer " + escaped(entry->name, 128) + ": ";
    if (const auto rule = violated_token_rule(entry->name); !rule.empty()) {
      throw std::invalid_argument{what + "name must be " + std::string{rule}};
    }
    check_duration(what + "interval", options.interval, false);
    check_duration(what + "max_drift", options.max_drift, true);
    check_duration(what + "error_backoff", options.error_backoff, true);
    if (options.missed_ticks > MissedTicks::skip)
      throw std::invalid_argument{what + "missed_ticks is no MissedTicks"};
    if (options.run_on > RunOn::worker_pool) throw std::invalid_argument{what + "run_on is no RunOn"};
    if (timer<Method, Type>::is_coroutine && options.run_on == RunOn::worker_pool) {
      throw std::invalid_argument{
          what + "run_on: a coroutine runs on the event loop, only a plain method on the worker pool"};
    }
    if (std::any_of(entries_.begin(), entries_.end(),
                    [&](const auto& other) { return other->name == entry->name; })) {
      throw std::invalid_argument{what + "two timers have this name: give one of them another .name"};
    }
    entry->schedule = {.interval = options.interval,
                       .max_drift = options.max_drift,
                       .error_backoff = options.error_backoff,
                       .missed_ticks = options.missed_ticks,
                       .eager = options.eager};
    entry->run_on = options.run_on;
    entry->method = make_timer_method<Type, Method>(object);
    entries_.push_back(std::move(entry));
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

  /// Starts a loop for each timer in `tasks`.
  void start(TaskGroup& tasks, const Surroundings& around) {
    const auto plain =
        static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) {
          return entry->run_on == RunOn::worker_pool;
        }));
    if (plain > 0) {
      const std::size_t threads = around.worker_threads > 0 ? std::min(around.worker_threads, plain) : plain;
      workers_.emplace(around.workers_inline ? 0 : threads, around.event_loop);
    }
    context_.emplace(LoopContext{.strand = around.strand,
                                 .queue = around.queue,
                                 .workers = workers_ ? &*workers_ : nullptr,
                                 .log = around.log,
                                 .service = around.service,
                                 .observer = around.observer,
                                 .stop = {}});
    for (const auto& entry : entries_) tasks.spawn("timer " + entry->name, run_timer(*entry, *context_));
  }

  /// No run starts any more, sleeping loops end, runs in progress are asked to end by their stop_token.
  void request_stop() {
    if (!context_) return;
    context_->stop.request_stop();
    for (const auto& entry : entries_) context_->queue.wake(entry->sleeper);
  }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept {
    if (context_) context_->cancelling = true;
  }

  /// After the last loop has ended.
  void stopped() {
    context_.reset();
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
      stats.method_name = entry->method_name;
      stats.interval = entry->schedule.interval;
      stats.max_drift = entry->schedule.max_drift;
      stats.error_backoff = entry->schedule.error_backoff;
      stats.eager = entry->schedule.eager;
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
  std::optional<WorkerPool> workers_;
  std::optional<LoopContext> context_;
};

}  // namespace cliffracer::detail
