#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/time/wall_clock.hpp>
#include <cliffracer/detail/timer/method_runners.hpp>
#include <cliffracer/detail/timer/tick_claims.hpp>
#include <cliffracer/detail/timer/time_limits.hpp>
#include <cliffracer/detail/timer/timer_claims.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_places.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/timer/worker_pool.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/detail/work/work_context.hpp>

#include <asio/awaitable.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timers of one service from start to stop: wait for a due point, run the method, record, ask the
/// schedule. On the service's strand.
///
/// A timer has no coroutine of its own. Plain methods are called, coroutine methods are awaited by the
/// runners.
class TimerLoop final : private TimerQueue::Group, private TaskGroup::Guest {
 public:
  using Entries = std::vector<std::unique_ptr<TimerEntry>>;

  /// `workers` is null when no method runs on workers, `claims` when no timer is the cluster's. All of it,
  /// and the loop, must outlive the end of the last run: when `tasks` is empty.
  TimerLoop(const Strand& strand, TimerQueue& queue, TaskGroup& tasks, const Entries& entries,
            WorkerPool* workers, TickClaims* claims, const TimerRuns::Told& told)
      : strand_{strand},
        queue_{queue},
        tasks_{tasks},
        entries_{entries},
        workers_{workers},
        runs_{told},
        places_{queue, tasks, runs_},
        limits_{places_, runs_},
        claims_{places_, runs_, claims},
        runners_{*this, strand_, tasks_, runs_.watch().is_on() ? &queue.source() : nullptr},
        clock_alarm_{queue_, strand_} {}

  /// Throws std::bad_alloc.
  void start() {
    if (entries_.empty()) return;
    places_.reserve(entries_.size(),
                    has([](const TimerEntry& entry) { return entry.schedule.tolerance().count() > 0; }));
    if (has([](const TimerEntry& entry) { return entry.method->start != nullptr; })) runners_.spawn();
    if (has([](const TimerEntry& entry) { return entry.schedule.is_aligned(); })) {
      wall_clock_.emplace(queue_.source());
      tasks_.spawn({}, watch_wall_clock());
    }
    tasks_.enter(*this);
    now_ = queue_.now();
    for (const auto& entry : entries_) {
      entry->group = this;
      if (entry->schedule.is_aligned()) entry->extras->wall_offset = wall_clock_->offset();
      runs_.start(*entry, now_);
      places_.hold();
      places_.put_back(*entry);
    }
    places_.flush(now_);
  }

  /// No run starts any more; runs in progress are asked to end by their stop_token.
  void request_stop() {
    runs_.request_stop();
    for (const auto& entry : entries_) {
      const bool is_out = places_.take_out(*entry);
      // A run in progress leaves when it has ended.
      if (!TimeLimits::stop(*entry, is_out) && is_out) places_.leave(*entry);
    }
    while (!places_.is_batch_empty()) dismiss(places_.pop());
    runners_.stop();
    clock_alarm_.ring();
    claims_.request_stop();
  }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept { runs_.cancelling(); }

  /// A method has returned from its worker. On any thread that runs the io_context.
  void worker_returned(TimerEntry& entry) { asio::dispatch(strand_, Returned{*this, entry}); }

  /// What came of a claim.
  void claim_decided(TimerEntry& entry, ClaimOutcome outcome) {
    now_ = queue_.now();
    claims_.decided(entry, outcome, now_);
  }

  // ---- Control, also from inside a method

  void pause(TimerEntry& entry, std::string_view reason) {
    now_ = queue_.now();
    runs_.pause(entry, reason);
    queue_again(entry);
  }

  /// Something ("rpc get_health") held the event loop that is no timer.
  void held_by(std::string_view what, TimePoint began, TimePoint ended) {
    runs_.watch().held(what, began, ended);
  }

  void resume(TimerEntry& entry) {
    if (!entry.is_paused) return;
    now_ = queue_.now();
    runs_.resume(entry, now_);
    queue_again(entry);
  }

  void trigger(TimerEntry& entry) {
    now_ = queue_.now();
    runs_.trigger(entry, now_);
    queue_again(entry);
  }

  void set_interval(TimerEntry& entry, std::chrono::nanoseconds interval) {
    now_ = queue_.now();
    runs_.set_interval(entry, interval, now_);
    queue_again(entry);
  }

  // ---- For the runners

  [[nodiscard]] bool is_stopping() const noexcept { return runs_.is_stopping(); }
  /// As of the newest look at the clock.
  [[nodiscard]] TimePoint last_seen() const noexcept { return now_; }
  [[nodiscard]] TickContext context_of(const TimerEntry& entry, const Schedule::Decision& decision) const {
    return runs_.context_of(entry, decision);
  }

  /// Runs the plain methods at the head of the batch. True: a coroutine method comes next, in this turn.
  bool next_coroutine() {
    while (!places_.is_batch_empty() && now_ < turn_end_) {
      const TimerEntry& entry = places_.front();
      if (runs_.is_stopping() || TimeLimits::is_armed(entry) || TimerPlaces::is_resting(entry)) {
        dismiss(places_.pop());
      } else if (claims_.is_missing(entry, now_)) {
        claims_.ask(places_.pop(), now_);
      } else if (entry.method->start) {
        return true;
      } else {
        TimerEntry& next = places_.pop();
        if (const Schedule::Decision decision = begin(next); decision.run) run_plain(next, decision);
      }
    }
    return false;
  }

  TimerEntry& pop_batch() noexcept { return places_.pop(); }

  Schedule::Decision begin(TimerEntry& entry) {
    const Schedule::Decision decision = runs_.begin(entry, now_);
    if (decision.run) {
      claims_.run_began(entry);
    } else {
      claims_.run_ended(entry);
      places_.put_back(entry);
    }
    return decision;
  }

  void method_ended(MethodRunner& runner, const std::exception_ptr& thrown, bool was_never_suspended) {
    now_ = queue_.now();
    if (was_never_suspended) runs_.held(*runner.entry, runner.began, now_);
    end(*runner.entry, runner.began, thrown, runner);
    if (!was_never_suspended) places_.flush(now_);
  }

  void runner_started() {
    if (!places_.is_batch_empty()) post_turn();
  }

  void held(TimerEntry& entry, TimePoint began, TimePoint ended) noexcept { runs_.held(entry, began, ended); }

 private:
  // How long runs may follow each other before other work of the event loop gets its turn.
  static constexpr std::chrono::nanoseconds turn_length = std::chrono::milliseconds{1};
  // How long after it was set aligned timers still go by the old wall clock at most.
  static constexpr std::chrono::nanoseconds wall_clock_period = std::chrono::seconds{1};

  struct Due {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.due_memory_}; }
    void operator()() const { self.take_due(); }
    TimerLoop& self;
  };

  struct NextTurn {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.turn_memory_}; }
    void operator()() const {
      self.is_turn_pending_ = false;
      self.run_batch(self.queue_.now());
      self.places_.release();
    }
    TimerLoop& self;
  };

  struct Returned {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type{entry.worker_run->memory};
    }
    void operator()() const { self.end_worker_run(entry); }
    TimerLoop& self;
    TimerEntry& entry;
  };

  void on_due() noexcept override {
    // The loop may be gone when dispatch() returns.
    const Strand strand{strand_};
    asio::dispatch(strand, Due{*this});
  }

  void add_names(std::vector<std::string>& names) const override {
    for (const auto& entry : entries_) {
      if (entry->stats.is_executing()) names.push_back("timer " + entry->name);
    }
  }

  void take_due() {
    places_.append_to_batch(queue_.take(*this));
    // Else they follow those that wait already.
    if (!runs_.is_stopping() && (is_turn_pending_ || runners_.is_starting())) return;
    const TimePoint now = queue_.now();
    runs_.watch().runs_begin(now);
    run_batch(now);
  }

  /// Runs what is due, until nothing is left or it is somebody else's turn.
  void run_batch(TimePoint now) {
    now_ = now;
    turn_end_ = later(now_, turn_length);
    while (next_coroutine()) {
      if (!runners_.has_idle()) {
        try {
          runners_.spawn();
          break;
        } catch (...) {
          // A failed run, though the method was not called.
          TimerEntry& entry = places_.pop();
          if (begin(entry).run) end(entry, now_, std::current_exception(), context_);
          continue;
        }
      }
      if (const MethodRunner* const suspended = runners_.drive()) {
        now_ = queue_.now();
        runs_.held(*suspended->entry, suspended->began, now_);
        limits_.arm(*suspended->entry, suspended->began, suspended->task, now_);
      }
    }
    places_.flush(now_);
    if (!places_.is_batch_empty() && !runners_.is_starting() && !is_turn_pending_) post_turn();
  }

  void post_turn() {
    places_.hold();
    is_turn_pending_ = true;
    try {
      asio::post(strand_, NextTurn{*this});
    } catch (...) {
      runs_.log().end_without_memory(std::current_exception());
    }
  }

  void run_plain(TimerEntry& entry, const Schedule::Decision& decision) {
    const TimePoint started = now_;
    std::exception_ptr thrown;
    try {
      if (entry.worker_run) {
        entry.worker_run->tick = runs_.context_of(entry, decision);
        entry.worker_run->asked = started;
        entry.worker_run->context.begin();
        workers_->post(entry);
        now_ = queue_.now();
        limits_.arm(entry, started, nullptr, now_);
        return;
      }
      context_.begin();
      const WorkContextScope scope{&context_};
      if (entry.method->takes_context) {
        const TickContext tick = runs_.context_of(entry, decision);
        entry.method->call(entry.object, &tick);
      } else {
        entry.method->call(entry.object, nullptr);
      }
    } catch (...) {
      thrown = std::current_exception();
    }
    now_ = queue_.now();
    runs_.held(entry, started, now_);
    end(entry, started, thrown, context_);
  }

  void end_worker_run(TimerEntry& entry) {
    now_ = queue_.now();
    runs_.end_worker_run(entry, now_);
    run_ended(entry);
    places_.flush(now_);
  }

  [[gnu::always_inline]] void end(TimerEntry& entry, TimePoint started, const std::exception_ptr& thrown,
                                  WorkContext& context) {
    runs_.end(entry, now_, elapsed(started, now_), thrown, context);
    run_ended(entry);
  }

  void run_ended(TimerEntry& entry) {
    if (entry.cluster) claims_.run_ended(entry);
    if (!entry.limit || limits_.disarm(entry)) places_.put_back(entry);
  }

  /// An entry of the batch that does not run now.
  void dismiss(TimerEntry& entry) {
    if (TimeLimits::is_armed(entry)) {
      limits_.is_due(entry);
    } else {
      places_.put_back(entry);
    }
    if (runs_.is_stopping()) places_.flush(now_);
  }

  /// After its schedule has changed, or whether it rests.
  void queue_again(TimerEntry& entry) {
    if (entry.stats.is_executing()) return;
    entry.stats.due_again(entry.schedule.due());
    // It may be among those that have run in this turn.
    places_.flush(now_);
    // Else the schedule is asked when its turn comes.
    if (!places_.take_out(entry)) return;
    places_.put_back(entry);
    places_.flush(now_);
  }

  // ---- The wall clock

  asio::awaitable<void> watch_wall_clock() {
    while (!runs_.is_stopping()) {
      co_await clock_alarm_.wait_until(later(queue_.now(), wall_clock_period));
      if (const auto step = wall_clock_->look(); step.count() != 0 && !runs_.is_stopping())
        follow_clock(step);
    }
  }

  void follow_clock(std::chrono::nanoseconds step) {
    now_ = queue_.now();
    runs_.log().clock_stepped(step);
    for (const auto& entry : entries_) {
      if (!entry->schedule.is_aligned()) continue;
      runs_.follow_clock(*entry, wall_clock_->offset(), now_);
      queue_again(*entry);
    }
  }

  template <class Is>
  [[nodiscard]] bool has(Is is) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return is(*entry); });
  }

  Strand strand_;
  TimerQueue& queue_;
  TaskGroup& tasks_;
  const Entries& entries_;
  WorkerPool* workers_;
  TimerRuns runs_;
  TimerPlaces places_;
  TimeLimits limits_;
  TimerClaims claims_;

  TimePoint now_{};  // as of the newest look at the clock
  TimePoint turn_end_{};
  bool is_turn_pending_ = false;
  OperationMemory due_memory_;
  OperationMemory turn_memory_;
  WorkContext context_;  // of plain methods on the event loop
  MethodRunners<TimerLoop> runners_;
  std::optional<WallClock> wall_clock_;
  Alarm clock_alarm_;
};

}  // namespace cliffracer::detail
