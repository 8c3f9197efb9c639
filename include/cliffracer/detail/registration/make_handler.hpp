#pragma once

#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/registration/handler_call.hpp>
#include <cliffracer/listener.hpp>
#include <cliffracer/rpc.hpp>

#include <utility>

namespace cliffracer::detail {

template <class Type, Type Method>
void set_function(MessageHandler& handler) {
  if constexpr (HandlerMethod<Type>::is_coroutine) {
    handler.start = &HandlerCall<Type, Method>::start;
  } else {
    handler.call = &HandlerCall<Type, Method>::call;
  }
}

/// `registration` bound to `object`, which must outlive the handler.
template <auto Method, class Type>
[[nodiscard]] MessageHandler make_handler(rpc<Method, Type> registration,
                                          typename rpc<Method, Type>::service_type& object) {
  MessageHandler handler{.kind = MessageKind::rpc,
                         .name = std::move(registration.name),
                         .subject = {},
                         .queue_group = {},
                         .run_on = registration.run_on,
                         .object = &object};
  set_function<Type, Method>(handler);
  return handler;
}

template <auto Method, class Type>
[[nodiscard]] MessageHandler make_handler(listener<Method, Type> registration,
                                          typename listener<Method, Type>::service_type& object) {
  MessageHandler handler{.kind = MessageKind::listener,
                         .name = std::move(registration.name),
                         .subject = std::move(registration.subject).text(),
                         .queue_group = std::move(registration.queue_group),
                         .run_on = registration.run_on,
                         .object = &object};
  set_function<Type, Method>(handler);
  return handler;
}

}  // namespace cliffracer::detail
