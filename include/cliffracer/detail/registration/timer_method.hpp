#pragma once

#include <cliffracer/detail/registration/method_name.hpp>
#include <cliffracer/detail/registration/method_traits.hpp>
#include <cliffracer/tick_context.hpp>

#include <asio/awaitable.hpp>

#include <string_view>
#include <tuple>
#include <type_traits>

namespace cliffracer::detail {

/// A timer method without its type. One of the two functions is set; the context may be null when the method
/// does not take it.
struct TimerMethod {
  std::string_view name;
  bool takes_context = false;
  asio::awaitable<void> (*start)(void* object, const TickContext*) = nullptr;  // a coroutine method
  void (*call)(void* object, const TickContext*) = nullptr;                    // a plain method
};

/// `Type` is a parameter of its own for the linkage; see timer.
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
  TimerMethod method{.name = detail::method_name<Method>(),
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

}  // namespace cliffracer::detail
