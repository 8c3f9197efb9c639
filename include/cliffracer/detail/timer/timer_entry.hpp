#pragma once

#include <cliffracer/detail/timer/handler_memory.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/stats_cell.hpp>
#include <cliffracer/detail/timer/suspended.hpp>
#include <cliffracer/detail/timer/timer_queue.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/tick_context.hpp>
#include <cliffracer/timer.hpp>

#include <asio/awaitable.hpp>

#include <exception>
#include <string>
#include <tuple>

namespace cliffracer::detail {

/// A timer method without its type: an object and a function pointer. One of the two pointers is set.
struct TimerMethod {
  void* object = nullptr;
  asio::awaitable<void> (*start)(void*, const TickContext&) = nullptr;  // a coroutine method
  void (*call)(void*, const TickContext&) = nullptr;                    // a plain method
};

template <auto Method, class Service>
decltype(auto) call_timer_method(void* object, const TickContext& tick) {
  auto& service = *static_cast<Service*>(object);
  if constexpr (std::tuple_size_v<typename MethodTraits<decltype(Method)>::arguments> == 0) {
    return (service.*Method)();
  } else {
    return (service.*Method)(tick);
  }
}

template <auto Method>
TimerMethod make_timer_method(typename timer<Method>::service_type& service) {
  using Service = typename timer<Method>::service_type;
  TimerMethod method{.object = &service};
  if constexpr (is_coroutine_method<Method>) {
    method.start = [](void* object, const TickContext& tick) { return call_timer_method<Method, Service>(object, tick); };
  } else {
    method.call = [](void* object, const TickContext& tick) { call_timer_method<Method, Service>(object, tick); };
  }
  return method;
}

/// One registered timer of one service object: what it is, what it did, and what its loop needs between ticks.
struct TimerEntry {
  std::string name;
  std::string method_name;
  Schedule::Options schedule;
  RunOn run_on = RunOn::event_loop;
  TimerMethod method;

  StatsCell stats;

  // Only the timer's loop, and the worker while the loop waits for it.
  TimerQueue::Sleeper sleeper;
  struct WorkerRun {
    Suspended loop;
    HandlerMemory memory;
    TimePoint started{};
    TimePoint ended{};
    std::exception_ptr thrown;
  } worker_run;
};

}  // namespace cliffracer::detail
