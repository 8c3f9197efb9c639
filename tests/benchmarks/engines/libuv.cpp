// One uv_timer_t per timer, armed anew for the next due point in each callback. libuv knows whole
// milliseconds.
#include "support/arguments.hpp"
#include "support/drive.hpp"
#include "support/meter.hpp"
#include "support/next_due.hpp"

#include <uv.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using benchmarks::Arguments;
using benchmarks::Clock;
using benchmarks::Meter;
using benchmarks::TimePoint;

struct Timer {
  uv_timer_t handle;
  std::chrono::nanoseconds interval;
  TimePoint due;
  Meter* meter;
  bool passes_over;

  /// The loop's time is the steady clock's, in milliseconds: rounded up, no tick is early.
  void arm() {
    const auto due_ms = static_cast<std::uint64_t>(
        std::chrono::ceil<std::chrono::milliseconds>(due.time_since_epoch()).count());
    const std::uint64_t now_ms = uv_now(handle.loop);
    uv_timer_start(&handle, &Timer::on_due, due_ms > now_ms ? due_ms - now_ms : 0, 0);
  }

  static void on_due(uv_timer_t* handle) {
    Timer& timer = *static_cast<Timer*>(handle->data);
    timer.meter->tick(timer.due);
    // The loop's time is at hand: cheaper than the clock.
    const TimePoint now{std::chrono::milliseconds{uv_now(handle->loop)}};
    timer.due =
        timer.passes_over ? benchmarks::next_due(timer.due, timer.interval, now) : timer.due + timer.interval;
    timer.arm();
  }
};

class UvTimers {
 public:
  UvTimers(const Arguments& arguments, Meter& meter) : arguments_{arguments}, meter_{meter} {
    uv_loop_init(&loop_);
  }
  UvTimers(const UvTimers&) = delete;
  UvTimers& operator=(const UvTimers&) = delete;
  ~UvTimers() { uv_loop_close(&loop_); }

  void start() {
    timers_.resize(arguments_.timers);
    for (std::size_t n = 0; n < timers_.size(); ++n) {
      Timer& timer = timers_[n];
      uv_timer_init(&loop_, &timer.handle);
      timer.handle.data = &timer;
      timer.meter = &meter_;
      timer.passes_over = arguments_.passes_over();
      timer.interval = arguments_.interval(n);
      timer.due = Clock::now() + timer.interval;
      timer.arm();
    }
  }

  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

  void stop() {
    for (Timer& timer : timers_) uv_close(reinterpret_cast<uv_handle_t*>(&timer.handle), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    timers_.clear();
    timers_.shrink_to_fit();
  }

 private:
  const Arguments& arguments_;
  Meter& meter_;
  uv_loop_t loop_{};
  std::vector<Timer> timers_;
};

}  // namespace

int main(int count, char** values) { return benchmarks::drive<UvTimers>(count, values); }
