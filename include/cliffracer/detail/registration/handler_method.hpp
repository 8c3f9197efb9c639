#pragma once

#include <cliffracer/detail/registration/method_traits.hpp>
#include <cliffracer/run_on.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace cliffracer::detail {

/// A type that a JSON object can become: json itself, or a class with from_json.
template <class T>
concept payload_type = std::same_as<T, nlohmann::json> ||
    (std::is_class_v<T> && !std::convertible_to<const T&, std::string_view> &&
     requires(const nlohmann::json& json) {
       { json.get<T>() } -> std::same_as<T>;
     });

/// A type that can become JSON, or nothing.
template <class T>
concept result_type = std::is_void_v<T> || std::constructible_from<nlohmann::json, T>;

/// By value or const&: what another parameter type refers to would change or end under the method's feet.
template <class T>
concept input_parameter = std::is_same_v<T, std::remove_cvref_t<T>> ||
    std::is_same_v<T, std::add_lvalue_reference_t<std::add_const_t<std::remove_cvref_t<T>>>>;

template <class T>
concept payload_parameter = input_parameter<T> && payload_type<std::remove_cvref_t<T>>;

template <class T>
concept subject_parameter = input_parameter<T> && std::same_as<std::remove_cvref_t<T>, std::string_view>;

/// Stands for the payload of a method that does not take one.
struct NoPayload {};

/// The parameters of a handler's method. `is_valid` is false for a list that no handler has.
template <class Arguments>
struct HandlerParameters {
  static constexpr bool is_valid = false;
};
template <>
struct HandlerParameters<std::tuple<>> {
  static constexpr bool is_valid = true;
  static constexpr bool takes_subject = false;
  using payload_type = NoPayload;
};
template <payload_parameter Payload>
struct HandlerParameters<std::tuple<Payload>> {
  static constexpr bool is_valid = true;
  static constexpr bool takes_subject = false;
  using payload_type = std::remove_cvref_t<Payload>;
};
template <subject_parameter Subject, payload_parameter Payload>
struct HandlerParameters<std::tuple<Subject, Payload>> {
  static constexpr bool is_valid = true;
  static constexpr bool takes_subject = true;
  using payload_type = std::remove_cvref_t<Payload>;
};

/// What rpc and listener ask of a method. For what is no method every answer but the first is harmless, so
/// that the advice of their static_asserts stands alone.
template <class Method>
struct HandlerMethod {
  static constexpr bool is_method = false;
  static constexpr bool has_rpc_parameters = true;
  static constexpr bool has_listener_parameters = true;
  static constexpr bool has_rpc_result = true;
  static constexpr bool has_listener_result = true;
  static constexpr RunOn run_on = RunOn::event_loop;
  using class_type = void;
};

template <class Method>
requires MethodTraits<Method>::is_method struct HandlerMethod<Method> {
 private:
  using Traits = MethodTraits<Method>;
  using Arguments = typename Traits::argument_types;
  using Result = typename Traits::result_type;

  template <class T>
  struct ValueOf {
    using type = T;
  };
  template <class T>
  struct ValueOf<asio::awaitable<T, asio::any_io_executor>> {
    using type = T;
  };

 public:
  static constexpr bool is_method = true;
  static constexpr bool is_coroutine = AwaitableTraits<Result>::is_awaitable;
  /// What the method returns, or what its coroutine does.
  using value_type = typename ValueOf<Result>::type;
  using class_type = typename Traits::class_type;
  using Parameters = HandlerParameters<Arguments>;
  static constexpr bool has_rpc_parameters = Parameters::is_valid && std::tuple_size_v<Arguments> <= 1;
  static constexpr bool has_listener_parameters = Parameters::is_valid && std::tuple_size_v<Arguments> >= 1;
  static constexpr bool has_rpc_result = result_type<value_type>;
  static constexpr bool has_listener_result = std::is_void_v<value_type>;
  static constexpr RunOn run_on = is_coroutine ? RunOn::event_loop : RunOn::worker_pool;
};

}  // namespace cliffracer::detail
