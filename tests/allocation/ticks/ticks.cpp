#include "support/catch.hpp"
#include "support/replaced_new.hpp"

#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/alarm.hpp>
#include <cliffracer/detail/time/steady_time.hpp>
#include <cliffracer/detail/timer/timer_set.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <spdlog/sinks/null_sink.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::RunOn;
using cliffracer::timer;
using cliffracer::detail::registration_of;

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void support::before_allocation() { allocations.fetch_add(1, std::memory_order_relaxed); }

namespace {

constexpr std::uint64_t warm_up = 10'000;
constexpr std::uint64_t measured = 1'000'000;
constexpr std::uint64_t measured_waits = 50'000;  // each asks the kernel

/// Ticks as fast as it can, and writes down how many allocations there were between warm-up and end.
class Counting {
 public:
  explicit Counting(std::uint64_t calls = measured) : measured_{calls} {}

  asio::awaitable<void> coroutine() {
    count();
    co_return;
  }
  void plain(const cliffracer::TickContext&) { count(); }

  /// Comes back to its executor from Asio's own operations.
  asio::awaitable<void> waiting() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    asio::steady_timer over{executor, std::chrono::steady_clock::time_point::min()};
    co_await over.async_wait(asio::use_awaitable);
    count();
  }

  /// Runs until the method has been called often enough; returns the allocations in between.
  template <class Register>
  std::uint64_t run(Register&& add) {
    asio::io_context context{1};
    cliffracer::detail::TimerSet timers;
    add(timers);
    const cliffracer::detail::ServiceLog log{
        std::make_shared<spdlog::logger>("allocation", std::make_shared<spdlog::sinks::null_sink_mt>()),
        "allocation"};
    const cliffracer::detail::Strand strand{context.get_executor()};
    cliffracer::detail::SteadyTime time{context};
    cliffracer::detail::TaskGroup tasks{strand, time.queue(),
                                        [](const std::string&, const std::exception_ptr&) {}};
    auto guard = asio::make_work_guard(context);
    stop_ = [&] {
      asio::post(strand, [&] {
        timers.request_stop();
        guard.reset();
      });
    };
    const auto start = [&]() -> asio::awaitable<void> {
      // What a machine that is busy or idle at the right moment would else allocate while ticks are counted:
      // the kernel's timer waits once, ...
      co_await cliffracer::detail::sleep_until(time.queue(), strand, time.queue().now() + 50ms);
      timers.start(tasks, {.strand = strand,
                           .queue = time.queue(),
                           .event_loop = context,
                           .log = log,
                           .blocking_threshold = std::chrono::milliseconds{100}});
      // ... and each timer is late once, and has a place for the cause.
      const auto began = time.queue().now();
      std::this_thread::sleep_for(2ms);
      timers.held_by("the test", began, time.queue().now());
    };
    asio::co_spawn(strand, start(), asio::detached);
    context.run();
    timers.stopped();
    for (const auto& one : timers.stats(time.queue().now(), {}).timers) CHECK(!one.last_blocked_by.empty());
    // A worker may have ended its run after that; what it has posted lies in the memory of the timers.
    context.restart();
    context.run();
    return at_end_ - at_start_;
  }

 private:
  void count() {
    const std::uint64_t calls = ++calls_;
    if (calls == warm_up) at_start_ = allocations.load();
    if (calls != warm_up + measured_) return;
    at_end_ = allocations.load();
    stop_();
  }

  std::uint64_t measured_;
  std::function<void()> stop_;
  std::atomic<std::uint64_t> calls_{0};
  std::uint64_t at_start_ = 0;
  std::uint64_t at_end_ = 0;
};

}  // namespace

TEST_CASE("the counter counts") {
  const auto before = allocations.load();
  ::operator delete(::operator new(1));  // a compiler may leave out a new-expression with its delete
  CHECK(allocations == before + 1);
}

TEST_CASE("a million ticks of a coroutine method allocate nothing") {
  Counting object;
  CHECK(object.run([&](auto& timers) {
    timers.add("allocation",
               registration_of(timer<&Counting::coroutine>{.interval = 1us,
                                                           .max_drift = std::chrono::nanoseconds::max(),
                                                           .missed_ticks = MissedTicks::burst},
                               &object));
  }) == 0);
}

TEST_CASE("ticks of a coroutine method that waits for Asio's objects allocate nothing") {
  Counting object{measured_waits};
  CHECK(object.run([&](auto& timers) {
    timers.add("allocation",
               registration_of(timer<&Counting::waiting>{.interval = 1us,
                                                         .max_drift = std::chrono::nanoseconds::max(),
                                                         .missed_ticks = MissedTicks::burst},
                               &object));
  }) == 0);
}

TEST_CASE("a million ticks of a plain method on the event loop allocate nothing") {
  Counting object;
  CHECK(object.run([&](auto& timers) {
    timers.add("allocation",
               registration_of(timer<&Counting::plain>{.interval = 1us,
                                                       .max_drift = std::chrono::nanoseconds::max(),
                                                       .missed_ticks = MissedTicks::burst,
                                                       .run_on = RunOn::event_loop},
                               &object));
  }) == 0);
}

TEST_CASE("a million ticks of a plain method on a worker allocate nothing") {
  Counting object;
  CHECK(object.run([&](auto& timers) {
    timers.add("allocation",
               registration_of(timer<&Counting::plain>{.interval = 1us,
                                                       .max_drift = std::chrono::nanoseconds::max(),
                                                       .missed_ticks = MissedTicks::burst},
                               &object));
  }) == 0);
}

TEST_CASE("ticks of several timers at once allocate nothing, but for what happens once or rarely") {
  Counting object;
  CHECK(object.run([&](auto& timers) {
    for (const char* name : {"a", "b", "c", "d"}) {
      timers.add("allocation",
                 registration_of(
                     timer<&Counting::coroutine>{
                         .interval = 1us, .max_drift = std::chrono::nanoseconds::max(), .name = name},
                     &object));
      timers.add("allocation",
                 registration_of(timer<&Counting::plain>{.interval = 10us,
                                                         .max_drift = std::chrono::nanoseconds::max(),
                                                         .name = std::string{"plain_"} + name},
                                 &object));
    }
    // A wait that is replaced twice before it can end.
  }) < 10);
}
