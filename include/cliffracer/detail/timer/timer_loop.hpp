#pragma once

#include <cliffracer/detail/task_group.hpp>
#include <cliffracer/detail/time/handler_memory.hpp>
#include <cliffracer/detail/time/suspended.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/run_observer.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/timer/timer_log.hpp>
#include <cliffracer/detail/timer/timer_runs.hpp>
#include <cliffracer/detail/timer/worker_pool.hpp>

#include <asio/awaitable.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The timers of one service from start to stop: wait for a due point, run the method, record, ask the
/// schedule. On the service's strand.
///
/// A timer has no coroutine of its own. Plain methods are called. Coroutine methods are awaited by runners:
/// coroutines that each take one due timer after the other, and of which there are as many as runs were
/// suspended at once.
class TimerLoop final : private TimerQueue::Group, private TaskGroup::Guest {
 public:
  using Entries = std::vector<std::unique_ptr<TimerEntry>>;

  /// `workers` is null when no method runs on workers, `observer` when nobody looks. All of it, and the loop,
  /// must outlive the end of the last run: when `tasks` is empty.
  TimerLoop(const Strand& strand, TimerQueue& queue, TaskGroup& tasks, const Entries& entries,
            WorkerPool* workers, RunObserver* observer, TimerLog log)
      : strand_{strand},
        queue_{queue},
        tasks_{tasks},
        entries_{entries},
        workers_{workers},
        runs_{observer, std::move(log)} {}

  ~TimerLoop() { queue_.release(reserved_); }

  /// Throws std::bad_alloc.
  void start() {
    if (entries_.empty()) return;
    queue_.reserve(entries_.size(), has([](const TimerEntry& entry) { return entry.tolerance.count() > 0; }));
    reserved_ = entries_.size();
    if (has([](const TimerEntry& entry) { return entry.method->start != nullptr; })) spawn_runner();
    tasks_.enter(*this);
    now_ = queue_.now();
    for (const auto& entry : entries_) {
      entry->group = this;
      runs_.start(*entry, now_);
      hold();
      waiting_again_.push_back(entry.get());
    }
    flush();
  }

  /// No run starts any more; runs in progress are asked to end by their stop_token.
  void request_stop() {
    runs_.request_stop();
    for (const auto& entry : entries_) {
      if (queue_.remove(*entry)) leave(*entry);
    }
    while (!batch_.empty()) leave(pop_batch());
    for (Runner* const runner : std::exchange(idle_, {})) runner->turn.post();
  }

  /// From now on a coroutine that ends with operation_aborted counts as cancelled.
  void cancelling() noexcept { runs_.cancelling(); }

  /// A method has returned from its worker. On any thread that runs the io_context.
  void worker_returned(TimerEntry& entry) { asio::dispatch(strand_, Returned{*this, entry}); }

 private:
  // How long runs may follow each other before other work of the event loop gets its turn.
  static constexpr std::chrono::nanoseconds turn_length = std::chrono::milliseconds{1};

  struct Runner {
    Suspended turn;
  };

  struct Due {
    using allocator_type = HandlerAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.due_memory_}; }
    void operator()() const { self.take_due(); }
    TimerLoop& self;
  };

  struct NextTurn {
    using allocator_type = HandlerAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{self.turn_memory_}; }
    void operator()() const {
      self.is_turn_pending_ = false;
      self.run_batch();
      self.release();
    }
    TimerLoop& self;
  };

  struct Returned {
    using allocator_type = HandlerAllocator<std::byte>;
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
    batch_.append(queue_.take(*this));
    // Else they follow those that wait already.
    if (runs_.is_stopping() || !(is_turn_pending_ || is_runner_starting_)) run_batch();
  }

  /// Runs what is due, until nothing is left or it is somebody else's turn.
  void run_batch() {
    now_ = queue_.now();
    turn_end_ = later(now_, turn_length);
    while (next_coroutine()) {
      if (idle_.empty()) {
        try {
          spawn_runner();
          break;
        } catch (...) {
          // A failed run, though the method was not called.
          TimerEntry& entry = pop_batch();
          if (begin(entry).run) end(entry, now_, std::current_exception());
          continue;
        }
      }
      driver_ = idle_.back();
      idle_.pop_back();
      driver_->turn.resume();
      driver_ = nullptr;
    }
    flush();
    if (!batch_.empty() && !is_runner_starting_ && !is_turn_pending_) post_turn();
  }

  void post_turn() {
    hold();
    is_turn_pending_ = true;
    try {
      asio::post(strand_, NextTurn{*this});
    } catch (...) {
      runs_.log().end_without_memory(std::current_exception());
    }
  }

  /// Runs the plain methods at the head of the batch. True: a coroutine method comes next, in this turn.
  bool next_coroutine() {
    while (!batch_.empty() && now_ < turn_end_) {
      TimerEntry& entry = static_cast<TimerEntry&>(*batch_.front());
      if (runs_.is_stopping()) {
        leave(pop_batch());
      } else if (entry.method->start) {
        return true;
      } else if (const Schedule::Decision decision = begin(pop_batch()); decision.run) {
        run_plain(entry, decision);
      }
    }
    return false;
  }

  void run_plain(TimerEntry& entry, const Schedule::Decision& decision) {
    const TimePoint started = now_;
    std::exception_ptr thrown;
    try {
      if (entry.worker_run) {
        entry.worker_run->tick = runs_.context_of(entry, decision);
        entry.worker_run->asked = started;
        workers_->post(entry);
        now_ = queue_.now();
        return;
      }
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
    end(entry, started, thrown);
  }

  void end_worker_run(TimerEntry& entry) {
    now_ = queue_.now();
    runs_.end_worker_run(entry, now_);
    waiting_again_.push_back(&entry);
    flush();
  }

  void spawn_runner() {
    idle_.reserve(runners_.size() + 1);
    runners_.push_back(std::make_unique<Runner>());
    // It may come to its wait inside spawn().
    is_runner_starting_ = true;
    try {
      tasks_.spawn({}, await_methods(*runners_.back()));
    } catch (...) {
      if (!std::exchange(is_runner_starting_, false)) return;  // only Asio could not say that it started
      runners_.pop_back();
      throw;
    }
  }

  asio::awaitable<void> await_methods(Runner& self) {
    while (!runs_.is_stopping()) {
      try {
        co_await self.turn.suspend(strand_, [this, &self] { wait_for_turn(self); });
      } catch (...) {
        // No memory to wait: whoever needs a runner makes another one.
        runner_started();
        co_return;
      }
      // While a method is suspended another runner drives.
      while (driver_ == &self && next_coroutine()) {
        TimerEntry& entry = pop_batch();
        const Schedule::Decision decision = begin(entry);
        if (!decision.run) continue;
        const TimePoint started = now_;
        std::exception_ptr thrown;
        try {
          if (entry.method->takes_context) {
            const TickContext tick = runs_.context_of(entry, decision);
            auto run = entry.method->start(entry.object, &tick);
            co_await std::move(run);
          } else {
            auto run = entry.method->start(entry.object, nullptr);
            co_await std::move(run);
          }
        } catch (...) {
          thrown = std::current_exception();
        }
        // What the method did to it is none of the next one's business.
        co_await asio::this_coro::reset_cancellation_state();
        co_await asio::this_coro::throw_if_cancelled(true);
        now_ = queue_.now();
        end(entry, started, thrown);
        if (driver_ != &self) flush();
      }
    }
  }

  void wait_for_turn(Runner& runner) {
    idle_.push_back(&runner);
    runner_started();
  }

  void runner_started() {
    if (std::exchange(is_runner_starting_, false) && !batch_.empty()) post_turn();
  }

  TimerEntry& pop_batch() noexcept {
    auto& entry = static_cast<TimerEntry&>(*batch_.pop_front());
    // With many timers a tick would wait for memory several times: what the next but one needs comes
    // meanwhile.
    if (const auto* const next = batch_.front(); next && next->next)
      static_cast<const TimerEntry*>(next->next)->prefetch();
    return entry;
  }

  Schedule::Decision begin(TimerEntry& entry) {
    const Schedule::Decision decision = runs_.begin(entry, now_);
    if (!decision.run) waiting_again_.push_back(&entry);
    return decision;
  }

  void end(TimerEntry& entry, TimePoint started, const std::exception_ptr& thrown) {
    runs_.end(entry, now_, elapsed(started, now_), thrown);
    waiting_again_.push_back(&entry);
  }

  /// Puts what has been run back into the queue.
  void flush() {
    TimerQueue::List timers = std::exchange(waiting_again_, {});
    if (runs_.is_stopping()) {
      while (!timers.empty()) leave(static_cast<TimerEntry&>(*timers.pop_front()));
      return;
    }
    try {
      queue_.insert(timers, now_);
    } catch (...) {
      runs_.log().end_without_memory(std::current_exception());
    }
  }

  void leave(TimerEntry& entry) noexcept {
    entry.stats.loop_ended();
    release();
  }

  void hold() noexcept { ++held_; }
  void release() noexcept {
    if (--held_ == 0) tasks_.leave();
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
  std::size_t reserved_ = 0;
  std::size_t held_ = 0;  // timers that have not ended, handlers on their way

  TimePoint now_{};  // as of the newest look at the clock
  TimePoint turn_end_{};
  TimerQueue::List batch_;          // due
  TimerQueue::List waiting_again_;  // until flush()
  bool is_turn_pending_ = false;
  bool is_runner_starting_ = false;
  HandlerMemory due_memory_;
  HandlerMemory turn_memory_;

  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<Runner*> idle_;
  Runner* driver_ = nullptr;  // runs the batch at this moment
};

}  // namespace cliffracer::detail
