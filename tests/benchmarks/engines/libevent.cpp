// One event per timer, added anew for the next due point in each callback, with libevent's precise timer.
#include "support/arguments.hpp"
#include "support/drive.hpp"
#include "support/meter.hpp"
#include "support/next_due.hpp"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace {

using benchmarks::Arguments;
using benchmarks::Clock;
using benchmarks::Meter;
using benchmarks::TimePoint;

struct Timer {
  event entry;
  std::chrono::nanoseconds interval;
  TimePoint due;
  Meter* meter;
  bool passes_over;

  /// libevent takes microseconds from now: rounded up, no tick is early.
  void arm(TimePoint now) {
    const auto wait =
        std::max(std::chrono::ceil<std::chrono::microseconds>(due - now), std::chrono::microseconds::zero());
    const timeval from_now{.tv_sec = wait.count() / 1'000'000, .tv_usec = wait.count() % 1'000'000};
    event_add(&entry, &from_now);
  }

  static void on_due(evutil_socket_t, short, void* data) {
    Timer& timer = *static_cast<Timer*>(data);
    timer.meter->tick(timer.due);
    const TimePoint now = Clock::now();
    timer.due =
        timer.passes_over ? benchmarks::next_due(timer.due, timer.interval, now) : timer.due + timer.interval;
    timer.arm(now);
  }
};

/// Times from now count from a cached instant by default, which lies before the `now` that arm() takes.
event_base* make_base() {
  event_config* const config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  event_base* const base = event_base_new_with_config(config);
  event_config_free(config);
  return base;
}

class EventTimers {
 public:
  EventTimers(const Arguments& arguments, Meter& meter) : arguments_{arguments}, meter_{meter} {}

  void start() {
    timers_.resize(arguments_.timers);
    for (std::size_t n = 0; n < timers_.size(); ++n) {
      Timer& timer = timers_[n];
      evtimer_assign(&timer.entry, base_.get(), &Timer::on_due, &timer);
      timer.meter = &meter_;
      timer.passes_over = arguments_.passes_over();
      timer.interval = arguments_.interval(n);
      const TimePoint now = Clock::now();
      timer.due = now + timer.interval;
      timer.arm(now);
    }
  }

  void run() { event_base_dispatch(base_.get()); }

  void stop() {
    for (Timer& timer : timers_) event_del(&timer.entry);
    timers_.clear();
    timers_.shrink_to_fit();
  }

 private:
  struct Free {
    void operator()(event_base* base) const { event_base_free(base); }
  };

  const Arguments& arguments_;
  Meter& meter_;
  std::unique_ptr<event_base, Free> base_{make_base()};
  std::vector<Timer> timers_;
};

}  // namespace

int main(int count, char** values) { return benchmarks::drive<EventTimers>(count, values); }
