#pragma once

#include <cliffracer/detail/registration/handler_call.hpp>
#include <cliffracer/listener.hpp>
#include <cliffracer/rpc.hpp>
#include <cliffracer/run_on.hpp>

#include <asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace cliffracer::detail {

enum class MessageKind : std::uint8_t { rpc, listener };

/// An rpc or listener method as the engine gets it: without its type. Exactly one of `start` and `call` is
/// set. Both throw BadArgument when the payload does not fit the method's argument, and whatever the method
/// throws; the result of a void method is null. `request` must outlive the call, and the coroutine.
struct HandlerRegistration {
  MessageKind kind;
  std::string name;
  std::string subject{};      ///< Listener: what it subscribes to. Rpc: empty.
  std::string queue_group{};  ///< Listener: replicas with one group share the messages; empty: each gets all.
  RunOn run_on;
  void* object;  ///< Null: the method belongs to a class that the service is not.
  asio::awaitable<nlohmann::json> (*start)(void* object,
                                           Request& request) = nullptr;  ///< A coroutine method.
  nlohmann::json (*call)(void* object, Request& request) = nullptr;      ///< A plain method.
};

template <class Type, Type Method>
void set_function(HandlerRegistration& handler) {
  if constexpr (HandlerMethod<Type>::is_coroutine) {
    handler.start = &HandlerCall<Type, Method>::start;
  } else {
    handler.call = &HandlerCall<Type, Method>::call;
  }
}

/// `registration` bound to `object`, which must outlive the handler.
template <auto Method, class Type>
[[nodiscard]] HandlerRegistration registration_of(const rpc<Method, Type>& registration,
                                                  typename rpc<Method, Type>::service_type* object) {
  HandlerRegistration handler{
      .kind = MessageKind::rpc, .name = registration.name, .run_on = registration.run_on, .object = object};
  set_function<Type, Method>(handler);
  return handler;
}

template <auto Method, class Type>
[[nodiscard]] HandlerRegistration registration_of(const listener<Method, Type>& registration,
                                                  typename listener<Method, Type>::service_type* object) {
  HandlerRegistration handler{.kind = MessageKind::listener,
                              .name = registration.name,
                              .subject = registration.subject.text(),
                              .queue_group = registration.queue_group,
                              .run_on = registration.run_on,
                              .object = object};
  set_function<Type, Method>(handler);
  return handler;
}

}  // namespace cliffracer::detail
