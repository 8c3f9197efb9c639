#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/timer/wall_clock_watch.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::detail::never;
using cliffracer::detail::Strand;
using cliffracer::detail::TaskGroup;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerQueue;
using cliffracer::detail::TimeSource;
using cliffracer::detail::WallClockWatch;

namespace {

using Steps = std::vector<std::chrono::nanoseconds>;

/// A clock that tells when the wall clock is set, if it is asked to.
class Clock final : public TimeSource {
 public:
  explicit Clock(bool tells) : tells_{tells} {}

  [[nodiscard]] TimePoint now() const noexcept override { return now_; }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept override {
    return std::chrono::system_clock::time_point{now_.time_since_epoch() + offset_};
  }
  void wake_at(TimePoint due) override { armed_for = due; }
  bool tell_of_clock(ClockWatcher& watcher) override {
    if (tells_) watcher_ = &watcher;
    return tells_;
  }
  void forget(ClockWatcher& /*watcher*/) noexcept override { watcher_ = nullptr; }

  void set_wall_clock(std::chrono::nanoseconds step) {
    offset_ += step;
    if (watcher_) watcher_->clock_was_set();
  }
  void show(TimePoint now) { now_ = now; }
  [[nodiscard]] bool is_watched() const { return watcher_ != nullptr; }

  TimePoint armed_for = never;

 private:
  const bool tells_;
  TimePoint now_{1000h};
  std::chrono::nanoseconds offset_{24h};
  ClockWatcher* watcher_ = nullptr;
};

struct Fixture {
  explicit Fixture(bool tells) : clock{tells} {
    watch.emplace(queue, strand, [this](std::chrono::nanoseconds step) { steps.push_back(step); });
    watch->start(tasks);
    context.poll();
  }
  ~Fixture() {
    if (watch) watch->stop();
    settle();
  }

  void settle() {
    context.restart();
    context.poll();
  }
  void advance(std::chrono::nanoseconds duration) {
    const TimePoint end = clock.now() + duration;
    settle();
    while (clock.armed_for <= end) {
      clock.show(std::max(clock.now(), std::exchange(clock.armed_for, never)));
      ++wakeups;
      queue.fire();
      settle();
    }
    clock.show(end);
  }

  asio::io_context context{1};
  Clock clock;
  TimerQueue queue{clock};
  Strand strand{context.get_executor()};
  TaskGroup tasks{strand, queue, [](const std::string&, const std::exception_ptr&) {}};
  std::optional<WallClockWatch> watch;
  Steps steps;
  int wakeups = 0;
};

}  // namespace

TEST_CASE("a wall clock that was set is seen within a second, and once") {
  const bool tells = GENERATE(false, true);
  Fixture f{tells};
  CHECK(f.watch->offset() == 24h);
  f.advance(10s + 300ms);
  CHECK(f.steps.empty());
  f.clock.set_wall_clock(-1h);
  f.advance(699ms);
  CHECK(f.steps.empty());
  f.advance(1ms);
  CHECK(f.steps == Steps{-1h});
  CHECK(f.watch->offset() == 23h);
  f.advance(10s);
  CHECK(f.steps == Steps{-1h});
}

TEST_CASE("a wall clock that was set is seen at once by who looks") {
  const bool tells = GENERATE(false, true);
  Fixture f{tells};
  f.advance(300ms);
  f.clock.set_wall_clock(2min);
  f.watch->look();
  CHECK(f.steps == Steps{2min});
  f.advance(10s);
  CHECK(f.steps == Steps{2min});
}

TEST_CASE("who is told of the wall clock does not wake up for it") {
  Fixture f{true};
  CHECK(f.clock.is_watched());
  f.advance(24h);
  CHECK(f.wakeups == 0);
  f.clock.set_wall_clock(1h);
  f.advance(24h);
  CHECK(f.steps == Steps{1h});
  CHECK(f.wakeups == 1);
  f.watch->stop();
  f.settle();
  f.watch.reset();
  CHECK_FALSE(f.clock.is_watched());
}

TEST_CASE("a watch that is stopped tells nobody, and its task ends") {
  const bool tells = GENERATE(false, true);
  Fixture f{tells};
  f.watch->start(f.tasks);
  f.watch->stop();
  f.settle();
  CHECK(f.tasks.empty());
  f.clock.set_wall_clock(1h);
  f.watch->look();
  f.advance(10s);
  CHECK(f.steps.empty());
}
