#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
#include <cliffracer/detail/coroutine/timer_coroutine.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/method_runners.hpp>
#include <cliffracer/detail/timer/plain_methods.hpp>
#include <cliffracer/detail/timer/tick_claims.hpp>
#include <cliffracer/detail/timer/time_limits.hpp>
#include <cliffracer/detail/timer/timer_claims.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_places.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/timer/wall_clock_watch.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/timer_observer.hpp>

#include <asio/awaitable.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timers of one service from start to stop, each of them a coroutine: run(). On the service's strand.
class TimerLoop final : private TimerQueue::Group, private TaskGroup::Guest {
 public:
  using Entries = std::vector<std::shared_ptr<TimerEntry>>;

  /// Where the timers run, and with what.
  struct Surroundings {
    const Strand& strand;
    TimerQueue& queue;
    asio::io_context& event_loop;
    ServiceLog log;
    PlainMethods::Workers workers{};
    std::chrono::nanoseconds blocking_threshold{0};  ///< As ServiceConfig says.
    RunProbe* run_probe = nullptr;
    std::shared_ptr<TimerObserver> observer{};
    TickClaims* claims = nullptr;  ///< Null: no timer is the cluster's.
  };

  /// All of it, and the loop, must outlive the end of the last run: when `tasks` is empty.
  TimerLoop(TaskGroup& tasks, const Surroundings& around)
      : strand_{around.strand},
        queue_{around.queue},
        tasks_{tasks},
        runs_{{.log = TimerLog{around.log},
               .blocking_threshold = around.blocking_threshold,
               .run_probe = around.run_probe,
               .observer = around.observer}},
        places_{queue_, tasks, *this, runs_.log()},
        limits_{strand_, queue_, places_, runs_},
        plain_methods_{queue_, around.event_loop, around.workers,
                       runs_,  limits_,           [this](TimerEntry& timer) { worker_returned(timer); }},
        claims_{runs_, around.claims},
        runners_{*this, strand_, tasks_, runs_.watch().is_on() ? &queue_.source() : nullptr},
        wall_clock_{queue_, strand_, [this](std::chrono::nanoseconds step) { follow_clock(step); }} {}

  /// Starts the timers. Throws std::bad_alloc, and std::system_error without threads.
  void start(Entries entries) {
    entries_ = std::move(entries);
    const bool has_tolerance = std::any_of(entries_.begin(), entries_.end(),
                                           [](const auto& timer) { return timer->schedule.has_tolerance(); });
    places_.reserve(entries_.size(), has_tolerance);
    for (const auto& timer : entries_) prepare(timer);
    claims_.start();
    now_ = queue_.now();
    for (std::size_t index = 0; index < entries_.size(); ++index) {
      entries_[index]->index = index;
      admit(*entries_[index]);
    }
    places_.flush(now_);
  }

  /// One more. One that is here already, because it was added while the timers started, is left alone.
  void add(const std::shared_ptr<TimerEntry>& timer) noexcept {
    if (runs_.is_stopping() || timer->state != TimerState::stopped || timer->has_ended()) return;
    now_ = queue_.now();
    try {
      entries_.reserve(entries_.size() + 1);
      places_.reserve(1, timer->schedule.has_tolerance());
      prepare(timer);
      claims_.start();
    } catch (...) {
      return runs_.log().not_started(*timer, std::current_exception());
    }
    timer->index = entries_.size();
    entries_.push_back(timer);
    admit(*timer);
    places_.flush(now_);
  }

  /// Its last run is the one in progress, if there is one.
  void remove(TimerEntry& timer) {
    timer.mode = TimerMode::removed;
    runs_.log().removed(timer);
    now_ = queue_.now();
    // It may be among those that have run in this turn.
    places_.flush(now_);
    if (places_.take_out(timer)) leave(timer);
  }

  /// No run starts any more; runs in progress are asked to end by their stop_token.
  void request_stop() {
    runs_.request_stop();
    for (const auto& timer : entries_) {
      if (timer->limit) timer->limit->stop.request_stop();
      if (places_.take_out(*timer)) leave(*timer);
    }
    while (TimerEntry* const timer = places_.take_entering()) leave(*timer);
    // A timer whose claim or run is in progress leaves after it.
    while (!places_.is_batch_empty()) dismiss(places_.pop());
    runners_.stop();
    wall_clock_.stop();
    claims_.request_stop();
  }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept { runs_.cancelling(); }

  /// What came of a claim.
  void claim_decided(TimerEntry& timer, ClaimOutcome outcome) {
    TimerClaims::decided(timer, outcome, queue_.now());
    if (timer.state != TimerState::claiming) return;
    places_.append_to_batch(timer);
    if (!is_turn_pending_ && !runners_.is_starting()) post_turn();
  }

  /// Nobody has run a tick. It is due now, unless the timer may not run, or runs anyway: false.
  [[nodiscard]] bool catch_up(TimerEntry& entry, const MissedPoint& missed) {
    if (runs_.is_stopping() || entry.state != TimerState::waiting || !entry.may_run()) return false;
    now_ = queue_.now();
    if (!entry.schedule.catch_up(missed, now_)) return false;
    wait_again(entry);
    return true;
  }

  // ---- Control, also from inside a method

  void pause(TimerEntry& entry, std::string_view reason, TimePoint end) {
    now_ = queue_.now();
    runs_.pause(entry, reason, end, now_);
    wait_again(entry);
  }

  /// Something ("rpc get_health") held the event loop that is no timer.
  void held_by(std::string_view what, TimePoint began, TimePoint ended) {
    runs_.watch().held(what, began, ended);
  }

  void resume(TimerEntry& entry) {
    if (!entry.is_paused()) return;
    now_ = queue_.now();
    runs_.resume(entry, now_);
    wait_again(entry);
  }

  void trigger(TimerEntry& entry) {
    if (entry.state == TimerState::stopped || entry.has_ended()) return;
    now_ = queue_.now();
    runs_.trigger(entry, now_);
    wait_again(entry);
  }

  void set_interval(TimerEntry& entry, std::chrono::nanoseconds interval) {
    now_ = queue_.now();
    runs_.set_interval(entry, interval, now_);
    wait_again(entry);
  }

  // ---- For the runners

  [[nodiscard]] bool is_stopping() const noexcept { return runs_.is_stopping(); }
  /// As of the newest look at the clock.
  [[nodiscard]] TimePoint last_seen() const noexcept { return now_; }
  [[nodiscard]] TickContext context_of(const TimerEntry& timer) const { return runs_.context_of(timer); }

  /// The timer goes on until it waits again. True: for the end of its run.
  [[gnu::always_inline]] bool advance(TimerEntry& timer) {
    timer.coroutine.resume();
    if (timer.state == TimerState::stopped) [[unlikely]] {
      leave(timer);
      return false;
    }
    return timer.is_executing();
  }

  /// Advances the timers of plain methods at the head of the batch. True: that of a coroutine method comes
  /// next, in this turn.
  bool next_coroutine() {
    while (!places_.is_batch_empty() && now_ < turn_end_) {
      const TimerEntry& next = places_.front();
      if (runs_.is_stopping() || !next.may_run()) {
        dismiss(places_.pop());
      } else if (next.method->start) {
        return true;
      } else {
        advance(places_.pop());
      }
    }
    return false;
  }

  TimerEntry& pop_batch() noexcept { return places_.pop(); }

  void method_ended(MethodRunner& runner, std::exception_ptr& thrown, bool was_never_suspended) {
    TimerEntry& timer = *runner.timer;
    now_ = queue_.now();
    if (was_never_suspended) runs_.held(timer, timer.schedule.last_start(), now_);
    if (thrown) timer.thrown.swap(thrown);
    timer.context = &runner;
    advance(timer);
    if (!was_never_suspended) places_.flush(now_);
  }

  void runner_started() {
    if (!places_.is_batch_empty()) post_turn();
  }

  void held(TimerEntry& entry, TimePoint began, TimePoint ended) noexcept { runs_.held(entry, began, ended); }

 private:
  /// What the timer needs is there. May throw.
  void prepare(const std::shared_ptr<TimerEntry>& timer) {
    if (timer->method->start && runners_.empty()) runners_.spawn();
    if (timer->schedule.grid().follows_wall_clock()) wall_clock_.start(tasks_);
    plain_methods_.prepare(*timer);
    claims_.add(timer);
  }

  /// The timer begins to wait.
  void admit(TimerEntry& timer) {
    timer.group = this;
    if (timer.schedule.grid().follows_wall_clock()) timer.extras->grid.wall_offset = wall_clock_.offset();
    runs_.start(timer, now_);
    places_.hold();
    timer.coroutine = run(timer);
    advance(timer);
  }

  // What a timer awaits. Conditions do not: g++ 12 destroys the frame where one awaits a bool.
  static constexpr std::suspend_always due{};
  static constexpr std::suspend_always answer{};
  static constexpr std::suspend_always end_of_run{};

  /// From its start to the stop.
  TimerCoroutine run(TimerEntry& timer) {
    while (waits(timer)) {
      co_await due;
      if (timer.cluster && needs_claim(timer)) {
        if (!claims_.ask(timer, now_)) co_await answer;
        if (!is_granted(timer)) continue;
      }
      if (!runs_.begin(timer, now_)) continue;
      if (timer.cluster) claims_.run_began(timer);
      if (!is_called_here(timer) || !call(timer)) co_await end_of_run;
      end(timer);
    }
  }

  // Other replicas go by their wall clocks. This one may have been set since it was last looked at, in
  // particular while the process stood still.
  [[gnu::noinline]] bool needs_claim(TimerEntry& timer) {
    wall_clock_.look();
    runs_.give_way(timer, now_);
    return claims_.is_missing(timer, now_);
  }
  [[gnu::noinline]] bool is_granted(TimerEntry& timer) {
    wall_clock_.look();
    return claims_.grants_run(timer, now_);
  }

  /// False: the timer ends, or all do.
  bool waits(TimerEntry& timer) noexcept {
    if (runs_.is_stopping() || timer.has_ended()) [[unlikely]] {
      timer.state = TimerState::stopped;
      return false;
    }
    places_.wait(timer);
    return true;
  }

  /// Else the runner that advances the timer awaits its method.
  static bool is_called_here(const TimerEntry& timer) noexcept {
    return !timer.method->start || timer.thrown;
  }

  /// Unless that was not possible. True: the run has ended.
  bool call(TimerEntry& timer) { return timer.thrown || plain_methods_.call(timer, now_); }

  void end(TimerEntry& timer) {
    if (timer.has_extra_end) return end_special(timer);
    runs_.end(timer, now_, false);
  }

  /// Of a timer that has more than a method.
  [[gnu::noinline]] void end_special(TimerEntry& timer) {
    if (timer.max_runs > 0 && ++timer.runs >= timer.max_runs && !timer.has_ended())
      timer.mode = timer.is_paused() ? TimerMode::finished_paused : TimerMode::finished;
    const bool is_worker_run = timer.worker_run && !timer.thrown;
    if (timer.limit) limits_.run_ended(timer, is_worker_run ? timer.worker_run->ended : now_);
    const bool has_passed = TimeLimits::has_passed(timer);
    if (is_worker_run) {
      runs_.end_worker_run(timer, now_, has_passed);
    } else {
      runs_.end(timer, now_, has_passed);
    }
    if (timer.limit) limits_.disarm(timer);
    if (timer.cluster) claims_.run_ended(timer);
  }

  // How long runs may follow each other before other work of the event loop gets its turn.
  static constexpr std::chrono::nanoseconds turn_length = std::chrono::milliseconds{1};

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

  /// On any thread that runs the io_context.
  void worker_returned(TimerEntry& entry) { asio::dispatch(strand_, Returned{*this, entry}); }

  void on_due() noexcept override {
    // The loop may be gone when dispatch() returns.
    const Strand strand{strand_};
    asio::dispatch(strand, Due{*this});
  }

  void add_names(std::vector<std::string>& names) const override {
    for (const auto& entry : entries_) {
      if (entry->is_executing()) names.push_back("timer " + entry->name);
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
          TimerEntry& timer = places_.pop();
          timer.thrown = std::current_exception();
          timer.context = &plain_methods_.context();
          advance(timer);
          timer.thrown = nullptr;
          continue;
        }
      }
      if (const MethodRunner* const suspended = runners_.drive()) {
        now_ = queue_.now();
        TimerEntry& timer = *suspended->timer;
        runs_.held(timer, timer.schedule.last_start(), now_);
        limits_.arm(timer, suspended->task, now_);
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

  void end_worker_run(TimerEntry& timer) {
    now_ = queue_.now();
    advance(timer);
    places_.flush(now_);
  }

  /// One of the batch that does not run now.
  void dismiss(TimerEntry& timer) {
    if (timer.state == TimerState::claiming) {
      // It has its answer.
      advance(timer);
    } else if (runs_.is_stopping() || timer.has_ended()) {
      leave(timer);
    } else {
      if (timer.pause_end <= now_) runs_.resume(timer, now_);
      places_.wait(timer);
    }
  }

  /// The timer does not come back.
  [[gnu::noinline]] void leave(TimerEntry& timer) noexcept {
    const bool is_finished = timer.has_finished();
    timer.coroutine = {};
    timer.state = TimerState::stopped;
    timer.stats.loop_ended(is_finished);
    if (is_finished) runs_.log().finished(timer);
    if (timer.mode == TimerMode::removed) forget(timer);
    places_.release();
  }

  /// Destroys the timer, unless somebody else looks at it.
  void forget(TimerEntry& timer) noexcept {
    runners_.forget(timer);
    plain_methods_.forget(timer);
    claims_.forget(timer);
    places_.release_room();
    const std::size_t place = timer.index;
    const std::shared_ptr<TimerEntry> last_holder = std::move(entries_[place]);
    limits_.keep(last_holder);
    if (place + 1 < entries_.size()) {
      entries_[place] = std::move(entries_.back());
      entries_[place]->index = place;
    }
    entries_.pop_back();
  }

  /// After its schedule has changed, or whether it rests.
  void wait_again(TimerEntry& timer) {
    if (timer.is_executing()) return;
    timer.stats.due_again(timer.schedule.due());
    places_.wait_again(timer, now_);
  }

  /// The wall clock was set.
  void follow_clock(std::chrono::nanoseconds step) {
    now_ = queue_.now();
    runs_.log().clock_stepped(step);
    std::vector<std::pair<std::shared_ptr<TimerEntry>, std::uint64_t>> set_over;
    for (const auto& entry : entries_) {
      if (!entry->schedule.grid().follows_wall_clock() || entry->is_over()) continue;
      const std::uint64_t skipped = runs_.follow_clock(*entry, wall_clock_.offset(), now_);
      wait_again(*entry);
      if (skipped > 0) set_over.emplace_back(entry, skipped);
    }
    // Observers may add and remove timers.
    for (const auto& [entry, skipped] : set_over) runs_.tell_missed(*entry, skipped);
  }

  Strand strand_;
  TimerQueue& queue_;
  TaskGroup& tasks_;
  Entries entries_;
  TimerRuns runs_;
  TimerPlaces places_;
  TimeLimits limits_;
  PlainMethods plain_methods_;
  TimerClaims claims_;

  TimePoint now_{};  // as of the newest look at the clock
  TimePoint turn_end_{};
  bool is_turn_pending_ = false;
  OperationMemory due_memory_;
  OperationMemory turn_memory_;
  MethodRunners<TimerLoop> runners_;
  WallClockWatch wall_clock_;
};

}  // namespace cliffracer::detail
