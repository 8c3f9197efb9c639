#pragma once

#include <cliffracer/detail/registration/timer_registration.hpp>
#include <cliffracer/detail/timer/timer_control.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_loop.hpp>
#include <cliffracer/detail/timer/timer_rules.hpp>
#include <cliffracer/detail/timer/timer_table.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timers of one service object: their list, their loop from start to stop, and who controls them.
/// start() to stopped() on the service's strand; all else on any thread.
class TimerSet {
 public:
  using Entry = TimerTable::Entry;
  using Surroundings = TimerLoop::Surroundings;

  TimerSet() = default;
  TimerSet(const TimerSet&) = delete;
  TimerSet& operator=(const TimerSet&) = delete;

  /// Throws std::invalid_argument naming service, timer and rule.
  void add(const std::string& service, TimerRegistration registration, const TimerDefaults& defaults = {}) {
    std::string& name = registration.name;
    const TimerMethod& method = *registration.method;
    if (registration.calendar) registration.calendar = spread(*registration.calendar, service, name);
    registration.options.calendar = registration.calendar.get();
    const TimerOptions options = checked_options(service, name, registration.options, method, defaults);
    const std::uint64_t seed = seed_of(defaults.jitter_seed, service, name);
    const auto entry = std::make_shared<TimerEntry>(std::move(name), method, registration.object, options,
                                                    seed, std::move(registration.calendar));
    if (!table_.add(entry)) {
      throw std::invalid_argument{"service " + service + ": timer " + entry->name +
                                  ": two timers have this name: give one of them another .name"};
    }
    control_->submit([entry](TimerLoop* loop) {
      if (loop) loop->add(entry);
    });
  }

  [[nodiscard]] std::size_t size() const { return table_.size(); }

  /// Starts the timers, which run in `tasks`.
  void start(TaskGroup& tasks, const Surroundings& around) {
    loop_.emplace(tasks, around);
    // From here on a timer that is added tells the loop, which may know it already.
    control_->attach(*loop_, around.strand);
    loop_->start(table_.all());
  }

  /// Something ("rpc get_health") held the event loop that is no timer.
  void held_by(std::string_view what, TimePoint began, TimePoint ended) {
    if (loop_) loop_->held_by(what, began, ended);
  }

  /// What came of a claim.
  void claim_decided(TimerEntry& entry, ClaimOutcome outcome) {
    if (loop_) loop_->claim_decided(entry, outcome);
  }

  /// Nobody has run a tick. Returns whether the timer makes up for it.
  [[nodiscard]] bool catch_up(TimerEntry& entry, const MissedPoint& missed) {
    return loop_ && loop_->catch_up(entry, missed);
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
  }

  // ---- Each throws std::invalid_argument when there is no timer of that name.

  void remove(const std::string& service, std::string_view name) {
    const Entry entry = table_.remove(name);
    if (!entry) throw_unknown(service, name);
    control_->submit([entry](TimerLoop* loop) {
      if (loop) loop->remove(*entry);
    });
  }

  /// `end`: `never` if it does not end by itself.
  void pause(const std::string& service, std::string_view name, std::string reason, TimePoint end = never) {
    const Entry entry = find(service, name);
    control_->submit([entry, reason = std::move(reason), end](TimerLoop* loop) {
      if (loop) return loop->pause(*entry, reason, end);
      entry->mode = TimerMode::paused;
      entry->pause_end = end;
      entry->stats.paused(reason, end);
    });
  }

  void resume(const std::string& service, std::string_view name) {
    const Entry entry = find(service, name);
    control_->submit([entry](TimerLoop* loop) {
      if (loop) return loop->resume(*entry);
      entry->mode = TimerMode::active;
      entry->pause_end = never;
      entry->stats.resumed();
    });
  }

  /// Throws std::logic_error when the timers do not run.
  void trigger(const std::string& service, std::string_view name) {
    const Entry entry = find(service, name);
    if (!entry->stats.is_running())
      throw std::logic_error{"service " + service + ": trigger(" + entry->name + "): the timer does not run"};
    control_->submit([entry](TimerLoop* loop) {
      if (loop) loop->trigger(*entry);
    });
  }

  /// Throws std::invalid_argument, too, for an interval that breaks a rule.
  void set_interval(const std::string& service, std::string_view name, const OptionDuration& interval) {
    const Entry shared = find(service, name);
    TimerEntry& entry = *shared;
    if (entry.calendar) {
      throw std::invalid_argument{"service " + service + ": timer " + entry.name +
                                  ": interval: a cron timer has a calendar and no interval"};
    }
    if (entry.cluster) {
      throw std::invalid_argument{"service " + service + ": timer " + entry.name +
                                  ": interval: a cluster timer's stays: all replicas need the same"};
    }
    const std::string what = "service " + service + ": timer " + entry.name + ": ";
    check_duration(what + "interval", interval, false);
    check_less(what + "tolerance", entry.schedule.tolerance(interval), interval);
    if (entry.extras) {
      check_less(what + "jitter", entry.extras->jitter, interval);
      check_less(what + "offset", entry.extras->grid.points.offset(), interval);
    }
    control_->submit([shared, value = interval.value()](TimerLoop* loop) {
      if (loop && !shared->is_over()) return loop->set_interval(*shared, value);
      static_cast<void>(shared->schedule.set_interval(value, TimePoint{}, true));
      shared->stats.interval_set(value, 0, never);
    });
  }

  [[nodiscard]] std::optional<TimePoint> next_due(const std::string& service, std::string_view name) const {
    const TimePoint due = find(service, name)->stats.next_due();
    return due == never ? std::nullopt : std::optional{due};
  }

  /// Those of calendars but for UTC, each once, with the version of its data.
  [[nodiscard]] std::vector<std::string> time_zones() const {
    std::vector<std::string> zones;
    for (const auto& entry : table_.all()) {
      if (!entry->calendar || entry->calendar->zone.rules() == nullptr) continue;
      const TimeZone& zone = entry->calendar->zone;
      std::string text = zone.name();
      if (!zone.version().empty()) text += " " + zone.version();
      if (std::find(zones.begin(), zones.end(), text) == zones.end()) zones.push_back(std::move(text));
    }
    return zones;
  }

  /// Up to `count` coming due points, by `wall_clock`, which is shown at `now`.
  [[nodiscard]] std::vector<std::chrono::system_clock::time_point> next_runs(
      const std::string& service, std::string_view name, std::size_t count, TimePoint now,
      std::chrono::system_clock::time_point wall_clock) const {
    const Entry entry = find(service, name);
    TimerStats stats;
    const StatsCell::Instants instants = entry->stats.snapshot(stats);
    std::vector<std::chrono::system_clock::time_point> runs;
    if (!stats.is_running || stats.is_paused) return runs;
    const std::chrono::nanoseconds offset = wall_clock.time_since_epoch() - now.time_since_epoch();
    const auto add = [&](TimePoint instant) {
      runs.push_back(std::chrono::system_clock::time_point{
          std::chrono::duration_cast<std::chrono::system_clock::duration>(instant.time_since_epoch() +
                                                                          offset)});
    };
    const TimePoint phase{std::chrono::nanoseconds{entry->grid_phase.load(std::memory_order_relaxed)}};
    TimePoint newest = now;
    if (instants.due != never && count > 0) {
      add(instants.due);
      newest = std::max(now, instants.due);
    }
    while (runs.size() < count) {
      newest = entry->schedule.grid().point_after(newest, stats.interval, phase, offset);
      if (newest == never) break;
      add(newest);
    }
    return runs;
  }

  [[nodiscard]] TimerStats stats_of(const std::string& service, std::string_view name, TimePoint now,
                                    std::chrono::system_clock::time_point wall_clock) const {
    TimerStats stats;
    describe(*find(service, name), stats, now, wall_clock);
    return stats;
  }

  [[nodiscard]] ServiceTimerStats stats(TimePoint now,
                                        std::chrono::system_clock::time_point wall_clock) const {
    const std::vector<Entry> entries = table_.all();
    ServiceTimerStats all{.timer_count = entries.size()};
    all.timers.reserve(entries.size());
    for (const auto& entry : entries) describe(*entry, all.timers.emplace_back(), now, wall_clock);
    return all;
  }

 private:
  [[nodiscard]] Entry find(const std::string& service, std::string_view name) const {
    Entry entry = table_.find(name);
    if (!entry) throw_unknown(service, name);
    return entry;
  }

  [[noreturn]] static void throw_unknown(const std::string& service, std::string_view name) {
    throw std::invalid_argument{"service " + service + ": there is no timer \"" + escaped(name, 128) + "\""};
  }

  /// With values for its H.
  [[nodiscard]] static std::shared_ptr<const Calendar> spread(const Calendar& calendar,
                                                              const std::string& service,
                                                              std::string_view name) {
    return std::make_shared<const Calendar>(
        Calendar{.at = calendar.at.spread(seed_of(0, service, name)), .zone = calendar.zone});
  }

  static void describe(const TimerEntry& entry, TimerStats& stats, TimePoint now,
                       std::chrono::system_clock::time_point wall_clock) {
    stats.name = entry.name;
    stats.method_name = entry.method->name;
    const Schedule& schedule = entry.schedule;
    stats.max_drift = schedule.max_drift();
    stats.error_backoff = schedule.error_backoff();
    stats.eager = schedule.is_eager();
    if (schedule.grid().kind() == Grid::Kind::after_run) stats.pacing = Pacing::after_run;
    if (entry.limit) stats.timeout = entry.limit->timeout;
    if (entry.cluster) stats.scope = Scope::cluster;
    stats.max_runs = entry.max_runs;
    const StatsCell::Instants instants = entry.stats.snapshot(stats);
    // Of a calendar's grid it does not change.
    const std::chrono::nanoseconds interval = entry.calendar ? schedule.interval() : stats.interval;
    stats.schedule = schedule_text(entry, stats.interval);
    stats.tolerance = schedule.tolerance(interval);
    stats.max_error_backoff = schedule.max_error_backoff(interval);
    stats.initial_delay = schedule.is_eager() ? std::chrono::nanoseconds::zero() : stats.interval;
    if (entry.extras) {
      const ScheduleExtras& extras = *entry.extras;
      stats.initial_delay = extras.grid.initial_delay.value_or(stats.initial_delay);
      stats.jitter = extras.jitter;
      stats.max_consecutive_errors = extras.max_consecutive_errors;
      stats.align_to_epoch = schedule.grid().kind() == Grid::Kind::aligned;
      stats.offset = extras.grid.points.offset();
    }
    const auto on_wall_clock = [&](TimePoint instant) {
      return wall_clock + std::chrono::duration_cast<std::chrono::system_clock::duration>(instant - now);
    };
    if (instants.due != never) stats.next_execution = on_wall_clock(instants.due);
    if (instants.pause_end != never) stats.paused_until = on_wall_clock(instants.pause_end);
    if (instants.started != never) stats.executing_since = on_wall_clock(instants.started);
    if (instants.last_success != never) stats.last_success = on_wall_clock(instants.last_success);
  }

  TimerTable table_;
  std::shared_ptr<TimerControl> control_ = std::make_shared<TimerControl>();
  std::optional<TimerLoop> loop_;
};

}  // namespace cliffracer::detail
