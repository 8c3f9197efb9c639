#pragma once

#include <cliffracer/detail/service/environment.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/nats_service.hpp>
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
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cliffracer::testing {

class Broker;
class RunLog;
class VirtualCluster;

/// How a VirtualTime is.
struct VirtualTimeOptions {
  /// Decides the order of what is due at one instant (0: first come, first served) and the timers' jitter.
  std::uint64_t seed = 0;
  /// Plain methods run on the event loop instead of worker threads: then nothing depends on the machine's
  /// threads any more, and a method that waits for another one waits for ever.
  bool workers_inline = false;
  /// What the wall clock shows at the start.
  std::chrono::system_clock::time_point wall_clock = std::chrono::sys_days{std::chrono::January / 1 / 2026};
  /// How long, in real time, one method may keep the test waiting; > 0.
  std::chrono::nanoseconds patience = std::chrono::seconds{10};
};

/// Time that stands still until a test moves it, for the services that are given to it. They run the code
/// that runs in production, on one io_context; only the clock and the broker are others.
///
///     VirtualTime time;
///     const auto service = time.make<MyService>();
///     time.start(*service);
///     time.advance(24h);
///     CHECK(service->get_timer_stats().timers[0].execution_count == 1);
///
/// Whatever is due on the way happens in order, one thing at a time, with all that it causes before the next:
/// timers, sleep_for(), timeouts, messages of a testing::Broker. Plain methods that run on workers are waited
/// for before time moves. What it does not move are other clocks: asio::steady_timer, sockets,
/// std::this_thread::sleep_for.
///
/// Without a testing::Broker services find no broker, and go on without.
///
/// A method that never returns is named: on a worker thread by a std::runtime_error that leaves advance(); on
/// the event loop, where nobody can take over, on stderr before the process is aborted.
///
/// Thread safety: one thread uses it; methods on workers may read elapsed(). From inside a method only
/// jump() and elapsed() are allowed.
///
/// Object lifetimes: must outlive its services; make() sees to it that they are stopped first.
class VirtualTime final : private detail::TimeSource, private detail::RunProbe {
 public:
  using Options = VirtualTimeOptions;

  VirtualTime() : VirtualTime{Options{}} {}
  explicit VirtualTime(const Options& options)
      : seed_{options.seed},
        wall_clock_{options.wall_clock.time_since_epoch()},
        patience_{options.patience},
        watchdog_{options.patience, [this] { runs_.abort_with_names(); }} {
    queue_.shuffle_equals(options.seed);
    asio::make_service<detail::Environment>(
        context_,
        detail::Replacement{
            .queue = queue_,
            .run_probe = this,
            .make_driver = [this](auto core, auto log) { return connect(std::move(core), std::move(log)); },
            .workers_inline = options.workers_inline,
            .jitter_seed = options.seed});
  }

  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;

  // ---- Services

  /// Stops a service before it is deleted.
  struct StopAndDelete {
    VirtualTime* time;
    template <class Service>
    void operator()(Service* service) const {
      time->stop_at_last(*service);
      delete service;
    }
  };
  template <class Service>
  using Owned = std::unique_ptr<Service, StopAndDelete>;

  /// Makes a service that lives in this time, whichever of its constructors it has. It is stopped, if it
  /// still runs, when the pointer dies. Throws what the constructor throws.
  template <class Service, class... Arguments>
  [[nodiscard]] Owned<Service> make(Arguments&&... arguments) {
    struct Given {
      explicit Given(asio::io_context* given) { detail::Environment::given_context = given; }
      ~Given() { detail::Environment::given_context = nullptr; }
    } const given{&context_};
    return Owned<Service>{new Service(std::forward<Arguments>(arguments)...), {this}};
  }

  /// For services that are constructed on an io_context of the caller's.
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }

  /// co_await service.start(), to its end. Throws what that throws.
  void start(NatsService& service) { run(service.start()); }
  /// co_await service.stop(), to its end.
  void stop(NatsService& service) { run(service.stop()); }

  // ---- Time

  /// Since the start.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept { return since_start(now()); }
  /// The same for another instant: TickContext::due.
  [[nodiscard]] static constexpr std::chrono::nanoseconds since_start(
      std::chrono::steady_clock::time_point instant) noexcept {
    return instant - beginning;
  }

  /// Lets everything happen that is due within `duration` (>= 0), which includes its last instant.
  void advance(std::chrono::nanoseconds duration) { run_until(elapsed() + duration); }

  /// Lets everything happen that is due until `since_start`, which is not in the past.
  void run_until(std::chrono::nanoseconds since_start) {
    const detail::TimePoint end = beginning + since_start;
    if (end < now()) throw std::invalid_argument{"VirtualTime: time does not run backwards"};
    settle();
    while (next_instant() <= end) wake_next();
    // A method may have jumped further.
    now_.store(std::max(now(), end), std::memory_order_relaxed);
  }

  /// Moves to the next instant at which something is due, and lets the first thing there happen. False when
  /// nothing is waiting.
  bool run_next() {
    settle();
    if (next_instant() == detail::never) return false;
    wake_next();
    return true;
  }

  /// Lets everything happen that needs no time.
  void settle() {
    if (is_in_cluster_) throw std::logic_error{"VirtualTime: the VirtualCluster that it belongs to moves it"};
    if (inside_)
      throw std::logic_error{"VirtualTime is moved by a method that runs in it: only jump() may be"};
    const Inside inside{inside_};
    for (;;) {
      {
        const detail::Watchdog::Work work{watchdog_};
        context_.poll();
      }
      if (calls_away_ == 0) return;
      if (context_.run_one_for(patience_) == 0) runs_.throw_names();
    }
  }

  /// Time passes and nothing gets a turn: the machine was suspended, or a method blocks the event loop.
  void jump(std::chrono::nanoseconds duration) noexcept {
    now_.store(detail::later(now(), duration), std::memory_order_relaxed);
  }

  /// Somebody sets the wall clock: it shows `duration` more than before (less, if negative). Time does not
  /// pass. Timers with align_to_epoch follow within a second.
  void step_wall_clock(std::chrono::nanoseconds duration) noexcept {
    wall_clock_.store(wall_clock_.load(std::memory_order_relaxed) + duration, std::memory_order_relaxed);
  }

  /// Runs `task` to its end and moves time as far as it needs. Returns or throws what it does; throws
  /// std::runtime_error when it has not ended after `limit` of virtual time.
  template <class Result>
  Result run(asio::awaitable<Result> task, std::chrono::nanoseconds limit = std::chrono::hours{24}) {
    const auto ending = begin(std::move(task));
    wait_for_end(ending->has_ended, limit);
    return ending->result();
  }

  /// Calls `action` when `since_start` has come: what a test wants to happen at that instant. What it throws
  /// leaves advance().
  void call_at(std::chrono::nanoseconds since_start, std::function<void()> action) {
    asio::co_spawn(context_, calling(beginning + since_start, std::move(action)),
                   [](const std::exception_ptr& thrown) {
                     if (thrown) std::rethrow_exception(thrown);
                   });
  }

 private:
  friend class Broker;
  friend class RunLog;
  friend class VirtualCluster;

  // Not 0, so that an instant before the start can be told.
  static constexpr detail::TimePoint beginning{std::chrono::hours{24 * 365}};

  class Inside {
   public:
    explicit Inside(bool& inside) : inside_{inside} { inside_ = true; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { inside_ = false; }

   private:
    bool& inside_;
  };

  // TimeSource
  [[nodiscard]] detail::TimePoint now() const noexcept override {
    return now_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept override {
    return std::chrono::system_clock::time_point{
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            wall_clock_.load(std::memory_order_relaxed) + elapsed())};
  }
  void wake_at(detail::TimePoint due) override { armed_for_.store(due, std::memory_order_relaxed); }
  void worker_called() noexcept override { ++calls_away_; }
  void worker_returned() noexcept override { --calls_away_; }

  // RunProbe
  void run_started(std::string_view service, std::string_view timer, const detail::Schedule::Decision& why,
                   detail::TimePoint started) override {
    runs_.add(service, timer);
    for (RunProbe* const log : logs_) log->run_started(service, timer, why, started);
  }
  void run_ended(std::string_view service, std::string_view timer, detail::Outcome outcome,
                 detail::TimePoint ended) override {
    runs_.remove(service, timer);
    for (RunProbe* const log : logs_) log->run_ended(service, timer, outcome, ended);
  }

  /// How a task ends, or has ended.
  template <class Result>
  struct Ending {
    using Value = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;
    bool has_ended = false;
    std::exception_ptr thrown;
    std::optional<Value> value;

    Result result() {
      if (thrown) std::rethrow_exception(thrown);
      if constexpr (!std::is_void_v<Result>) return std::move(*value);
    }
  };

  template <class Result>
  [[nodiscard]] std::shared_ptr<Ending<Result>> begin(asio::awaitable<Result> task) {
    auto ending = std::make_shared<Ending<Result>>();
    const auto note = [ending](std::exception_ptr thrown, auto... value) {
      ending->has_ended = true;
      ending->thrown = std::move(thrown);
      if (!ending->thrown) ending->value.emplace(std::move(value)...);
    };
    asio::co_spawn(context_, std::move(task), note);
    return ending;
  }

  std::unique_ptr<detail::LinkDriver> connect(std::shared_ptr<detail::LinkCore> core,
                                              detail::ServiceLog log) {
    if (broker_) return broker_(std::move(core), std::move(log));
    return std::make_unique<detail::AbsentBroker>(context_, queue_, std::move(core));
  }

  /// Lets one thing happen that needs no time. False: there is none.
  bool turn() {
    const Inside inside{inside_};
    {
      const detail::Watchdog::Work work{watchdog_};
      if (context_.poll_one() > 0) return true;
    }
    if (calls_away_ == 0) return false;
    if (context_.run_one_for(patience_) == 0) runs_.throw_names();
    return true;
  }

  /// When the queue wants to be woken, but for a waiter that has left since.
  [[nodiscard]] detail::TimePoint next_instant() {
    return std::max(armed_for_.load(std::memory_order_relaxed), queue_.next_wake());
  }

  void wake_next() {
    now_.store(std::max(now(), next_instant()), std::memory_order_relaxed);
    queue_.fire(1);
    settle();
  }

  void wait_for_end(const bool& has_ended, std::chrono::nanoseconds limit) {
    const detail::TimePoint deadline = detail::later(now(), limit);
    settle();
    while (!has_ended) {
      const detail::TimePoint next = next_instant();
      if (next == detail::never)
        throw std::runtime_error{"VirtualTime: nothing is due any more, and the task has not ended"};
      if (next > deadline) {
        throw std::runtime_error{"VirtualTime: the task has not ended after " +
                                 std::to_string(std::chrono::duration<double>{limit}.count()) + " s"};
      }
      wake_next();
    }
  }

  asio::awaitable<void> calling(detail::TimePoint due, std::function<void()> action) {
    const detail::Strand strand{context_.get_executor()};
    co_await detail::sleep_until(queue_, strand, due);
    action();
  }

  void stop_at_last(NatsService& service) noexcept {
    try {
      stop(service);
    } catch (const std::exception&) {
      // Its destructor says that it still runs.
    }
  }

  const std::uint64_t seed_;
  std::atomic<std::chrono::nanoseconds> wall_clock_;  // at the start; workers look at it
  const std::chrono::nanoseconds patience_;
  std::atomic<detail::TimePoint> now_{beginning};
  std::atomic<detail::TimePoint> armed_for_{detail::never};
  detail::TimerQueue queue_{*this};
  bool inside_ = false;
  bool is_in_cluster_ = false;
  int calls_away_ = 0;  // to workers
  detail::RunsInProgress runs_;
  detail::LinkDriverFactory broker_;
  std::vector<detail::RunProbe*> logs_;
  detail::Watchdog watchdog_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
};

}  // namespace cliffracer::testing
