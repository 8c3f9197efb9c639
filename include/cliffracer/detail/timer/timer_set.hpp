#pragma once

#include <cliffracer/detail/registration/timer_registration.hpp>
#include <cliffracer/detail/timer/timer_control.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_loop.hpp>
#include <cliffracer/detail/timer/timer_rules.hpp>
#include <cliffracer/detail/timer/worker_pool.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/timer_observer.hpp>
#include <cliffracer/timer_stats.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timers of one service object. add() before the first start(); start() to stopped() on the service's
/// strand.
class TimerSet {
 public:
  TimerSet() = default;
  TimerSet(const TimerSet&) = delete;
  TimerSet& operator=(const TimerSet&) = delete;

  /// Throws std::invalid_argument naming service, timer and rule.
  void add(const std::string& service, TimerRegistration registration, const TimerDefaults& defaults = {}) {
    std::string& name = registration.name;
    const TimerMethod& method = *registration.method;
    const TimerOptions options = checked_options(service, name, registration.options, method, defaults);
    if (names_.contains(name)) {
      throw std::invalid_argument{"service " + service + ": timer " + name +
                                  ": two timers have this name: give one of them another .name"};
    }
    const std::uint64_t seed = seed_of(defaults.jitter_seed, service, name);
    entries_.push_back(
        std::make_unique<TimerEntry>(std::move(name), method, registration.object, options, seed));
    names_.emplace(entries_.back()->name, entries_.back().get());
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  /// Where the loops run, and with what.
  struct Surroundings {
    const Strand& strand;
    TimerQueue& queue;
    asio::io_context& event_loop;
    ServiceLog log;
    std::size_t worker_threads = 0;                  ///< As ServiceConfig says.
    bool workers_inline = false;                     ///< Plain methods run on the event loop instead.
    std::chrono::nanoseconds blocking_threshold{0};  ///< As ServiceConfig says.
    RunProbe* run_probe = nullptr;
    std::shared_ptr<TimerObserver> observer{};
    TickClaims* claims = nullptr;  ///< Null: no timer is the cluster's.
  };

  /// Starts the timers, which run in `tasks`.
  void start(TaskGroup& tasks, const Surroundings& around) {
    const auto plain = static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto& entry) { return entry->worker_run != nullptr; }));
    if (plain > 0) {
      const std::size_t threads = around.worker_threads > 0 ? std::min(around.worker_threads, plain) : plain;
      workers_.emplace(around.workers_inline ? 0 : threads, around.event_loop, around.queue.source(),
                       [this](TimerEntry& entry) { loop_->worker_returned(entry); });
    }
    const TimerRuns::Told told{.log = TimerLog{around.log},
                               .blocking_threshold = around.blocking_threshold,
                               .run_probe = around.run_probe,
                               .observer = around.observer};
    loop_.emplace(around.strand, around.queue, tasks, entries_, workers_ ? &*workers_ : nullptr,
                  around.claims, told);
    control_->attach(*loop_, around.strand);
    loop_->start();
  }

  /// Something ("rpc get_health") held the event loop that is no timer.
  void held_by(std::string_view what, TimePoint began, TimePoint ended) {
    if (loop_) loop_->held_by(what, began, ended);
  }

  /// The timers that replicas share.
  [[nodiscard]] std::vector<TimerEntry*> cluster_timers() const {
    std::vector<TimerEntry*> found;
    for (const auto& entry : entries_) {
      if (entry->cluster) found.push_back(entry.get());
    }
    return found;
  }

  /// What came of a claim.
  void claim_decided(TimerEntry& entry, ClaimOutcome outcome) {
    if (loop_) loop_->claim_decided(entry, outcome);
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
    control_->detach();
    loop_.reset();
    workers_.reset();
  }

  // ---- Any thread. Each throws std::invalid_argument when there is no timer of that name.

  void pause(const std::string& service, std::string_view name, std::string reason) {
    TimerEntry& entry = find(service, name);
    control_->submit([&entry, reason = std::move(reason)](TimerLoop* loop) {
      if (loop) return loop->pause(entry, reason);
      entry.mode = TimerMode::paused;
      entry.stats.paused(reason);
    });
  }

  void resume(const std::string& service, std::string_view name) {
    TimerEntry& entry = find(service, name);
    control_->submit([&entry](TimerLoop* loop) {
      if (loop) return loop->resume(entry);
      entry.mode = TimerMode::active;
      entry.stats.resumed();
    });
  }

  /// Throws std::logic_error when the timers do not run.
  void trigger(const std::string& service, std::string_view name) {
    TimerEntry& entry = find(service, name);
    if (!entry.stats.is_running())
      throw std::logic_error{"service " + service + ": trigger(" + entry.name + "): the timer does not run"};
    control_->submit([&entry](TimerLoop* loop) {
      if (loop) loop->trigger(entry);
    });
  }

  /// Throws std::invalid_argument, too, for an interval that breaks a rule.
  void set_interval(const std::string& service, std::string_view name, const OptionDuration& interval) {
    TimerEntry& entry = find(service, name);
    if (entry.cluster) {
      throw std::invalid_argument{"service " + service + ": timer " + entry.name +
                                  ": interval: a cluster timer's ticks are counted in it: it stays"};
    }
    check_interval("service " + service + ": timer " + entry.name + ": ", interval,
                   entry.schedule.tolerance(),
                   entry.extras ? entry.extras->jitter : std::chrono::nanoseconds::zero());
    control_->submit([&entry, value = interval.value()](TimerLoop* loop) {
      if (loop) return loop->set_interval(entry, value);
      static_cast<void>(entry.schedule.set_interval(value, TimePoint{}, true));
      entry.stats.interval_set(value, 0, never);
    });
  }

  [[nodiscard]] std::optional<TimePoint> next_due(const std::string& service, std::string_view name) const {
    const TimePoint due = find(service, name).stats.next_due();
    return due == never ? std::nullopt : std::optional{due};
  }

  /// Without a lock.
  [[nodiscard]] TimerStats stats_of(const std::string& service, std::string_view name, TimePoint now,
                                    std::chrono::system_clock::time_point wall_clock) const {
    TimerStats stats;
    describe(find(service, name), stats, now, wall_clock);
    return stats;
  }

  /// Without a lock.
  [[nodiscard]] ServiceTimerStats stats(TimePoint now,
                                        std::chrono::system_clock::time_point wall_clock) const {
    ServiceTimerStats all{.timer_count = entries_.size()};
    all.timers.reserve(entries_.size());
    for (const auto& entry : entries_) describe(*entry, all.timers.emplace_back(), now, wall_clock);
    return all;
  }

 private:
  [[nodiscard]] TimerEntry& find(const std::string& service, std::string_view name) const {
    const auto found = names_.find(name);
    if (found == names_.end())
      throw std::invalid_argument{"service " + service + ": there is no timer \"" + escaped(name, 128) +
                                  "\""};
    return *found->second;
  }

  static void describe(const TimerEntry& entry, TimerStats& stats, TimePoint now,
                       std::chrono::system_clock::time_point wall_clock) {
    stats.name = entry.name;
    stats.method_name = entry.method->name;
    const Schedule& schedule = entry.schedule;
    stats.max_drift = schedule.max_drift();
    stats.error_backoff = schedule.error_backoff();
    stats.tolerance = schedule.tolerance();
    stats.eager = schedule.is_eager();
    if (entry.limit) stats.timeout = entry.limit->timeout;
    if (entry.cluster) stats.scope = Scope::cluster;
    const StatsCell::Instants instants = entry.stats.snapshot(stats);
    stats.initial_delay = schedule.is_eager() ? std::chrono::nanoseconds::zero() : stats.interval;
    if (entry.extras) {
      const ScheduleExtras& extras = *entry.extras;
      stats.initial_delay = extras.initial_delay.value_or(stats.initial_delay);
      stats.jitter = extras.jitter;
      stats.max_error_backoff = extras.max_error_backoff;
      stats.max_consecutive_errors = extras.max_consecutive_errors;
      stats.align_to_epoch = extras.align_to_epoch;
    }
    const auto on_wall_clock = [&](TimePoint instant) {
      return wall_clock + std::chrono::duration_cast<std::chrono::system_clock::duration>(instant - now);
    };
    if (instants.due != never) stats.next_execution = on_wall_clock(instants.due);
    if (instants.last_success != never) stats.last_success = on_wall_clock(instants.last_success);
  }

  std::vector<std::unique_ptr<TimerEntry>> entries_;
  std::unordered_map<std::string_view, TimerEntry*> names_;
  std::shared_ptr<TimerControl> control_ = std::make_shared<TimerControl>();
  std::optional<WorkerPool> workers_;
  std::optional<TimerLoop> loop_;
};

}  // namespace cliffracer::detail
