#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <tuple>
#include <type_traits>

namespace cliffracer::detail {

/// What a pointer to member function says about its method. `is_method` is false for everything else.
template <class>
struct MethodTraits {
  static constexpr bool is_method = false;
};

template <class Result, class Class, class... Arguments>
struct MethodParts {
  static constexpr bool is_method = true;
  using result_type = Result;
  using class_type = Class;
  using argument_types = std::tuple<Arguments...>;
};

template <class R, class C, class... A>
struct MethodTraits<R (C::*)(A...)> : MethodParts<R, C, A...> {};
template <class R, class C, class... A>
struct MethodTraits<R (C::*)(A...) const> : MethodParts<R, C, A...> {};
template <class R, class C, class... A>
struct MethodTraits<R (C::*)(A...) noexcept> : MethodParts<R, C, A...> {};
template <class R, class C, class... A>
struct MethodTraits<R (C::*)(A...) const noexcept> : MethodParts<R, C, A...> {};

/// `value_type` is T for asio::awaitable<T>; asio::awaitable with another executor type is not one of ours.
template <class>
struct AwaitableTraits {
  static constexpr bool is_awaitable = false;
};
template <class T>
struct AwaitableTraits<asio::awaitable<T, asio::any_io_executor>> {
  static constexpr bool is_awaitable = true;
  using value_type = T;
};

}  // namespace cliffracer::detail
