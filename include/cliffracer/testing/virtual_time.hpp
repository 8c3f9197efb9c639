#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/nats_service.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

class VirtualTimeCore;

/// As long as it lives, services that are constructed on this thread without an io_context get this one.
class GivenContext {
 public:
  explicit GivenContext(asio::io_context& context) noexcept;
  GivenContext(const GivenContext&) = delete;
  GivenContext& operator=(const GivenContext&) = delete;
  ~GivenContext();
};

/// Leaves what `task` returns in `result`.
template <class Result>
asio::awaitable<void> keep_result(asio::awaitable<Result> task,
                                  std::shared_ptr<std::optional<Result>> result) {
  Result value = co_await std::move(task);
  result->emplace(std::move(value));
}

/// What `task` returns, which `run` brings to its end. The task may go on when `run` throws.
template <class Result, class Run>
Result result_after(asio::awaitable<Result> task, const Run& run) {
  if constexpr (std::is_void_v<Result>) {
    run(std::move(task));
  } else {
    const auto result = std::make_shared<std::optional<Result>>();
    run(keep_result(std::move(task), result));
    return std::move(**result);
  }
}

}  // namespace cliffracer::detail

namespace cliffracer::testing {

/// How a VirtualTime is.
struct VirtualTimeOptions {
  /// Decides the order of what is due at one instant, how much of it comes together (0: first come, first
  /// served, all of it at once), and the timers' jitter.
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
/// Whatever is due on the way happens in order, one step after the other, with all that a step causes before
/// the next: timers, sleep_for(), timeouts, messages of a testing::Broker. A step is what one wake-up serves
/// in production: all that is due then (128 things at most), first the coroutines that sleep, then the
/// timers, those of a service in one turn of the event loop. Unless the seed is 0 some steps serve less, as
/// when a wake-up comes between two due points that are close to each other. A test that passes with several
/// seeds relies on neither.
///
/// Plain methods that run on workers are waited for before time moves; those that are due together run at the
/// same time, as in production, and in no certain order unless `workers_inline` is set. What it does not move
/// are other clocks: asio::steady_timer, sockets, std::this_thread::sleep_for.
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
class VirtualTime final {
 public:
  using Options = VirtualTimeOptions;

  VirtualTime();
  explicit VirtualTime(const Options& options);
  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;
  ~VirtualTime();

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
    const detail::GivenContext given{context()};
    return Owned<Service>{new Service(std::forward<Arguments>(arguments)...), {this}};
  }

  /// For services that are constructed on an io_context of the caller's.
  [[nodiscard]] asio::io_context& context() noexcept;

  /// co_await service.start(), to its end. Throws what that throws.
  void start(NatsService& service);
  /// co_await service.stop(), to its end.
  void stop(NatsService& service);

  // ---- Time

  /// Since the start.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept;
  /// The same for another instant: TickContext::due.
  [[nodiscard]] static constexpr std::chrono::nanoseconds since_start(
      std::chrono::steady_clock::time_point instant) noexcept {
    return instant - beginning;
  }

  /// What the wall clock shows.
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept;

  /// Lets everything happen that is due within `duration` (>= 0), which includes its last instant.
  void advance(std::chrono::nanoseconds duration);

  /// Lets everything happen that is due until `since_start`, which is not in the past.
  void run_until(std::chrono::nanoseconds since_start);

  /// Moves to the next instant at which something is due, and lets one step happen there: with seed 0 all
  /// that is due then, but for what it causes to be due at the same instant. False when nothing is waiting.
  bool run_next();

  /// Lets everything happen that needs no time.
  void settle();

  /// Time passes and nothing gets a turn: the machine was suspended, or a method blocks the event loop.
  void jump(std::chrono::nanoseconds duration) noexcept;

  /// Somebody sets the wall clock: it shows `duration` more than before (less, if negative). Time does not
  /// pass. Timers with align_to_epoch follow within a second.
  void step_wall_clock(std::chrono::nanoseconds duration) noexcept;

  /// Runs `task` to its end and moves time as far as it needs. Returns or throws what it does; throws
  /// std::runtime_error when it has not ended after `limit` of virtual time.
  template <class Result>
  Result run(asio::awaitable<Result> task, std::chrono::nanoseconds limit = std::chrono::hours{24}) {
    return detail::result_after(std::move(task),
                                [&](asio::awaitable<void> whole) { run_to_end(std::move(whole), limit); });
  }

  /// Calls `action` when `since_start` has come: what a test wants to happen at that instant. What it throws
  /// leaves advance().
  void call_at(std::chrono::nanoseconds since_start, std::function<void()> action);

 private:
  friend class detail::VirtualTimeCore;

  // Not 0, so that an instant before the start can be told.
  static constexpr std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds> beginning{
      std::chrono::hours{24 * 365}};

  void run_to_end(asio::awaitable<void> task, std::chrono::nanoseconds limit);
  void stop_at_last(NatsService& service) noexcept;

  const std::unique_ptr<detail::VirtualTimeCore> core_;
};

}  // namespace cliffracer::testing

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/testing/impl/virtual_time.ipp>
#endif
