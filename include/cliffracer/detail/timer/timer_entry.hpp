#pragma once

#include <cliffracer/detail/time/handler_memory.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/schedule.hpp>
#include <cliffracer/detail/timer/stats_cell.hpp>
#include <cliffracer/tick_context.hpp>
#include <cliffracer/timer.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

/// A timer method without its type. One of the two functions is set; the context may be null when the method
/// does not take it.
struct TimerMethod {
  std::string_view name;
  bool takes_context = false;
  asio::awaitable<void> (*start)(void* object, const TickContext*) = nullptr;  // a coroutine method
  void (*call)(void* object, const TickContext*) = nullptr;                    // a plain method
};

/// `Type` for the linkage, see timer.
template <class Type, auto Method>
decltype(auto) call_timer_method(void* object, [[maybe_unused]] const TickContext* tick) {
  auto& service = *static_cast<typename MethodTraits<Type>::class_type*>(object);
  if constexpr (std::tuple_size_v<typename MethodTraits<Type>::argument_types> == 0) {
    return (service.*Method)();
  } else {
    return (service.*Method)(*tick);
  }
}

template <class Type, auto Method>
[[nodiscard]] constexpr TimerMethod make_timer_method() {
  TimerMethod method{.name = timer<Method, Type>::method_name(),
                     .takes_context = std::tuple_size_v<typename MethodTraits<Type>::argument_types> != 0};
  if constexpr (std::is_void_v<typename MethodTraits<Type>::result_type>) {
    method.call = &call_timer_method<Type, Method>;
  } else {
    method.start = &call_timer_method<Type, Method>;
  }
  return method;
}

template <class Type, auto Method>
inline constexpr TimerMethod timer_method = make_timer_method<Type, Method>();

/// A run of a plain method on a worker thread. Only the timer's loop, and the worker while the loop waits for
/// it.
struct WorkerRun {
  HandlerMemory memory;
  TickContext tick{};
  TimePoint asked{};
  TimePoint started{};
  TimePoint ended{};
  std::exception_ptr thrown;
  bool withdrawn = false;  // stop came while it waited for a worker: not run
};

/// One registered timer of one service object: when it is due, what it is, what it did. What every tick
/// touches lies at the beginning, in as few cache lines as possible.
struct alignas(64) TimerEntry : TimerQueue::Waiter {
  TimerEntry(std::string timer_name, const TimerMethod& timer_method, void* service,
             const Schedule::Options& options, bool on_workers)
      : object{service},
        method{&timer_method},
        schedule{options, TimePoint{}},
        stats{{.deferral = options.tolerance > std::chrono::nanoseconds::zero(), .worker_wait = on_workers}},
        worker_run{on_workers ? std::make_unique<WorkerRun>() : nullptr},
        name{std::move(timer_name)} {
    tolerance = options.tolerance;
  }

  /// Has fetched from memory what every tick touches, but for the statistics' buckets.
  void prefetch() const noexcept {
    for (std::size_t line = 0; line < 4; ++line)
      __builtin_prefetch(reinterpret_cast<const std::byte*>(this) + 64 * line, 1);
  }

  void* object;
  const TimerMethod* method;
  Schedule schedule;
  StatsCell stats;
  std::unique_ptr<WorkerRun> worker_run;  // null: the method runs on the event loop
  std::string name;
};

}  // namespace cliffracer::detail
