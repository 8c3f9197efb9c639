#pragma once

#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/timer_set.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <spdlog/sinks/ostream_sink.h>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace support {

using cliffracer::detail::TimePoint;
using Queue = cliffracer::detail::TimerQueue;

/// A clock that stands still until it is moved, and wakes the queue on its way.
class VirtualTime final : public cliffracer::detail::TimeSource {
 public:
  explicit VirtualTime(asio::io_context& context) : context_{context} {}

  [[nodiscard]] TimePoint now() const noexcept override { return now_; }
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept override {
    return std::chrono::system_clock::time_point{wall_offset + now().time_since_epoch()};
  }
  void wake_at(TimePoint due) override {
    armed_for_ = due;
    ++times_armed;
  }

  Queue& queue() { return queue_; }
  [[nodiscard]] TimePoint armed_for() const { return armed_for_; }

  /// Lets everything happen that is due until `later` from now, in order.
  void advance(std::chrono::nanoseconds later) {
    const TimePoint end = now() + later;
    settle();
    while (armed_for_ <= end) {
      now_ = std::max(now(), armed_for_);
      armed_for_ = TimePoint::max();
      queue_.fire();
      settle();
    }
    now_ = end;
  }

  /// Time passes without the event loop getting a turn: as when a method blocks it.
  void pass(std::chrono::nanoseconds later) { now_ = now() + later; }

  void settle() {
    context_.restart();
    context_.poll();
  }

  int times_armed = 0;
  std::chrono::nanoseconds wall_offset{std::chrono::hours{24 * 365 * 55}};  // to the wall clock

 private:
  asio::io_context& context_;
  std::atomic<TimePoint> now_{TimePoint{std::chrono::hours{1000}}};  // workers look at it
  TimePoint armed_for_ = TimePoint::max();
  Queue queue_{*this};
};

/// The timers of one object under virtual time.
class TimerWorld {
 public:
  template <auto Method, class Type>
  void add(const cliffracer::timer<Method, Type>& registration,
           typename cliffracer::timer<Method, Type>::service_type& object,
           const cliffracer::detail::TimerDefaults& defaults = {}) {
    timers.add(service_, cliffracer::detail::registration_of(registration, &object), defaults);
  }

  void start() {
    timers.start(tasks, {.strand = strand,
                         .queue = time.queue(),
                         .event_loop = context,
                         .log = {logger_, service_},
                         .workers = {.threads = worker_threads, .inlined = workers_inline},
                         .blocking_threshold = blocking_threshold,
                         .observer = observer,
                         .claims = claims});
    time.settle();
  }

  void stop() {
    timers.request_stop();
    time.settle();
  }

  ~TimerWorld() {
    timers.request_stop();
    timers.cancelling();
    tasks.cancel();
    time.settle();
    // A coroutine that sleeps on the queue by itself cannot be cancelled.
    time.queue().destroy_sleepers();
  }

  [[nodiscard]] cliffracer::TimerStats stats(std::size_t index = 0) const {
    return timers.stats(time.now(), time.wall_clock()).timers.at(index);
  }
  [[nodiscard]] std::string logged() const { return text_.str(); }

  std::chrono::nanoseconds blocking_threshold{0};
  std::shared_ptr<cliffracer::TimerObserver> observer;
  cliffracer::detail::TickClaims* claims = nullptr;
  std::size_t worker_threads = 0;
  bool workers_inline = false;
  asio::io_context context{1};
  VirtualTime time{context};
  cliffracer::detail::Strand strand{context.get_executor()};
  cliffracer::detail::TimerSet timers;
  std::vector<std::string> escaped;
  cliffracer::detail::TaskGroup tasks{
      strand, time.queue(),
      [this](const std::string& name, const std::exception_ptr&) { escaped.push_back(name); }};

 private:
  std::string service_ = "svc";
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> logger_ =
      std::make_shared<spdlog::logger>("svc", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
};

}  // namespace support
