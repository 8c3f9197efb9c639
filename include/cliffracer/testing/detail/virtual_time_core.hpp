#pragma once

#include <cliffracer/detail/link/link_driver.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/outcome.hpp>
#include <cliffracer/detail/timer/run_probe.hpp>
#include <cliffracer/testing/detail/absent_broker.hpp>
#include <cliffracer/testing/detail/runs_in_progress.hpp>
#include <cliffracer/testing/detail/watchdog.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::testing {

class VirtualTime;
struct VirtualTimeOptions;

}  // namespace cliffracer::testing

namespace cliffracer::detail {

/// What a testing::VirtualTime is, which documents the public functions: here they go by instants. One
/// io_context, the queue of what waits on it, and the clock that both go by.
class VirtualTimeCore final : public TimeSource, private RunProbe {
 public:
  /// How a task ends, or has ended.
  struct Ending {
    bool has_ended = false;
    std::exception_ptr thrown;
  };

  /// Something is happening, as long as this object lives.
  class Inside {
   public:
    explicit Inside(bool& inside) : inside_{inside} { inside_ = true; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { inside_ = false; }

   private:
    bool& inside_;
  };

  /// `beginning` is what the clock shows at the start.
  VirtualTimeCore(const testing::VirtualTimeOptions& options, TimePoint beginning);
  VirtualTimeCore(const VirtualTimeCore&) = delete;
  VirtualTimeCore& operator=(const VirtualTimeCore&) = delete;

  [[nodiscard]] static VirtualTimeCore& of(testing::VirtualTime& time) noexcept;

  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] TimerQueue& queue() noexcept { return queue_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

  // ---- Who else is there

  /// Services find the broker that `broker` leads to. Throws std::logic_error when there is one already.
  void add_broker(LinkDriverFactory broker) {
    if (broker_) throw std::logic_error{"VirtualTime: it has a Broker already"};
    broker_ = std::move(broker);
  }
  void remove_broker() noexcept { broker_ = nullptr; }

  /// Is told of every run until it is removed.
  void add_log(RunProbe& log) { logs_.push_back(&log); }
  void remove_log(RunProbe& log) noexcept { std::erase(logs_, &log); }

  /// From here on others move it, with turn(), fire() and jump(); what moves it itself throws
  /// std::logic_error.
  void enter_cluster() noexcept { is_in_cluster_ = true; }
  void leave_cluster() noexcept { is_in_cluster_ = false; }

  // ---- Time

  [[nodiscard]] TimePoint now() const noexcept override { return now_.load(std::memory_order_relaxed); }

  void run_until(TimePoint end) {
    if (end < now()) throw std::invalid_argument{"VirtualTime: time does not run backwards"};
    settle();
    while (next_instant() <= end) wake_next();
    // A method may have jumped further.
    now_.store(std::max(now(), end), std::memory_order_relaxed);
  }

  bool run_next() {
    settle();
    if (next_instant() == never) return false;
    wake_next();
    return true;
  }

  void settle() {
    if (is_in_cluster_) throw std::logic_error{"VirtualTime: the VirtualCluster that it belongs to moves it"};
    if (inside_)
      throw std::logic_error{"VirtualTime is moved by a method that runs in it: only jump() may be"};
    const Inside inside{inside_};
    for (;;) {
      {
        const Watchdog::Work work{watchdog_};
        context_.poll();
      }
      if (calls_away_ == 0) return;
      if (context_.run_one_for(patience_) == 0) runs_.throw_names();
    }
  }

  void jump(std::chrono::nanoseconds duration) noexcept {
    now_.store(later(now(), duration), std::memory_order_relaxed);
  }

  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept override {
    return std::chrono::system_clock::time_point{
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            wall_clock_.load(std::memory_order_relaxed) + (now() - beginning_))};
  }
  void step_wall_clock(std::chrono::nanoseconds duration) noexcept {
    wall_clock_.store(wall_clock_.load(std::memory_order_relaxed) + duration, std::memory_order_relaxed);
    for (ClockWatcher* const watcher : clock_watchers_) watcher->clock_was_set();
  }

  bool tell_of_clock(ClockWatcher& watcher) override {
    clock_watchers_.push_back(&watcher);
    return true;
  }
  void forget(ClockWatcher& watcher) noexcept override { std::erase(clock_watchers_, &watcher); }

  /// Returns when `task` has ended. Throws what it does, std::runtime_error after `limit` or when nothing is
  /// due any more.
  void run(asio::awaitable<void> task, std::chrono::nanoseconds limit) {
    const auto ending = begin(std::move(task));
    wait_for_end(*ending, limit);
    if (ending->thrown) std::rethrow_exception(ending->thrown);
  }

  [[nodiscard]] std::shared_ptr<const Ending> begin(asio::awaitable<void> task) {
    auto ending = std::make_shared<Ending>();
    const auto note = [ending](std::exception_ptr thrown) {
      ending->has_ended = true;
      ending->thrown = std::move(thrown);
    };
    asio::co_spawn(context_, std::move(task), note);
    return ending;
  }

  void call_at(TimePoint due, std::function<void()> action) {
    asio::co_spawn(context_, calling(due, std::move(action)), [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  // ---- One step at a time

  /// Lets one thing happen that needs no time. False: there is none.
  bool turn() {
    const Inside inside{inside_};
    {
      const Watchdog::Work work{watchdog_};
      if (context_.poll_one() > 0) return true;
    }
    if (calls_away_ == 0) return false;
    if (context_.run_one_for(patience_) == 0) runs_.throw_names();
    return true;
  }

  /// When the queue wants to be woken, but for a waiter that has left since.
  [[nodiscard]] TimePoint next_instant() {
    return std::max(armed_for_.load(std::memory_order_relaxed), queue_.next_wake());
  }

  /// One round: serves what is due now, as in production together, or, if the seed says so, the first few of
  /// it, as a wake-up that comes between two of them does.
  void fire() { queue_.fire(round_size()); }

 private:
  // TimeSource
  void wake_at(TimePoint due) override { armed_for_.store(due, std::memory_order_relaxed); }
  void worker_called() noexcept override { ++calls_away_; }
  void worker_returned() noexcept override { --calls_away_; }

  // RunProbe
  void run_started(std::string_view service, std::string_view timer, const Schedule::Decision& why,
                   TimePoint started) override {
    runs_.add(service, timer);
    for (RunProbe* const log : logs_) log->run_started(service, timer, why, started);
  }
  void run_ended(std::string_view service, std::string_view timer, Outcome outcome,
                 TimePoint ended) override {
    runs_.remove(service, timer);
    for (RunProbe* const log : logs_) log->run_ended(service, timer, outcome, ended);
  }

  std::unique_ptr<LinkDriver> connect(std::shared_ptr<LinkCore> core, ServiceLog log) {
    if (broker_) return broker_(std::move(core), std::move(log));
    return std::make_unique<AbsentBroker>(context_, queue_, std::move(core));
  }

  void wake_next() {
    now_.store(std::max(now(), next_instant()), std::memory_order_relaxed);
    fire();
    settle();
  }

  [[nodiscard]] std::size_t round_size() noexcept {
    if (seed_ == 0 || rounds_.below(2) == 0) return TimerQueue::most_at_once;
    return 1 + rounds_.below(4);
  }

  void wait_for_end(const Ending& ending, std::chrono::nanoseconds limit) {
    const TimePoint deadline = later(now(), limit);
    settle();
    while (!ending.has_ended) {
      const TimePoint next = next_instant();
      if (next == never)
        throw std::runtime_error{"VirtualTime: nothing is due any more, and the task has not ended"};
      if (next > deadline) {
        throw std::runtime_error{"VirtualTime: the task has not ended after " +
                                 std::to_string(std::chrono::duration<double>{limit}.count()) + " s"};
      }
      wake_next();
    }
  }

  asio::awaitable<void> calling(TimePoint due, std::function<void()> action) {
    const Strand strand{context_.get_executor()};
    co_await sleep_until(queue_, strand, due);
    action();
  }

  const std::uint64_t seed_;
  const TimePoint beginning_;
  std::vector<ClockWatcher*> clock_watchers_;
  std::atomic<std::chrono::nanoseconds> wall_clock_;  // at the start; workers look at it
  const std::chrono::nanoseconds patience_;
  std::atomic<TimePoint> now_;
  std::atomic<TimePoint> armed_for_{never};
  TimerQueue queue_{*this};
  RandomSequence rounds_{~seed_};  // not the sequence that the queue shuffles by
  bool inside_ = false;
  bool is_in_cluster_ = false;
  int calls_away_ = 0;  // to workers
  RunsInProgress runs_;
  LinkDriverFactory broker_;
  std::vector<RunProbe*> logs_;
  Watchdog watchdog_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
};

}  // namespace cliffracer::detail
