#pragma once

#include <cliffracer/detail/time/suspended.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/stats_cell.hpp>
#include <cliffracer/run_on.hpp>
#include <cliffracer/tick_context.hpp>
#include <cliffracer/timer.hpp>

#include <asio/awaitable.hpp>

#include <exception>
#include <string>
#include <tuple>
#include <type_traits>

namespace cliffracer::detail {

/// A timer method without its type: an object and a function pointer. One of the two pointers is set.
struct TimerMethod {
  void* object = nullptr;
  asio::awaitable<void> (*start)(void*, const TickContext&) = nullptr;  // a coroutine method
  void (*call)(void*, const TickContext&) = nullptr;                    // a plain method
};

/// `Type` for the linkage, see timer.
template <class Type, auto Method>
decltype(auto) call_timer_method(void* object, const TickContext& tick) {
  auto& service = *static_cast<typename MethodTraits<Type>::class_type*>(object);
  if constexpr (std::tuple_size_v<typename MethodTraits<Type>::argument_types> == 0) {
    return (service.*Method)();
  } else {
    return (service.*Method)(tick);
  }
}

template <class Type, auto Method>
TimerMethod make_timer_method(typename MethodTraits<Type>::class_type& service) {
  TimerMethod method{.object = &service};
  if constexpr (std::is_void_v<typename MethodTraits<Type>::result_type>) {
    method.call = &call_timer_method<Type, Method>;
  } else {
    method.start = &call_timer_method<Type, Method>;
  }
  return method;
}

/// One registered timer of one service object: what it is, what it did, and what its loop needs between
/// ticks.
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
    const TimerQueue* queue = nullptr;  // for the time
    const TickContext* tick = nullptr;
    TimePoint started{};
    TimePoint ended{};
    std::exception_ptr thrown;
    bool withdrawn = false;  // stop came while it waited for a worker: not run
  } worker_run;
};

}  // namespace cliffracer::detail
