#pragma once

#include <cliffracer/detail/registration/handler_method.hpp>
#include <cliffracer/detail/registration/method_name.hpp>
#include <cliffracer/run_on.hpp>

#include <string>
#include <string_view>

namespace cliffracer {

/// Offers a member function of a service to callers. Its subject is `{service}.rpc.{name}`, and
/// `{service}.async.{name}` for those who want no answer:
///
///     add(rpc<&MyService::get_health>{}, rpc<&MyService::recent>{.name = "get_recent_metrics"});
///
/// The method belongs to the service or a base of it; private, const and noexcept are fine. It takes nothing,
/// or the request's arguments as one nlohmann::json (always a JSON object) or one class with from_json, by
/// value or const&. It returns void (the caller gets null), nlohmann::json or a type with to_json, or an
/// asio::awaitable of one of these. One that returns an awaitable is a coroutine and runs on the service's
/// event loop; a plain one runs on a worker thread and may block.
///
/// The caller gets `{"result": ...}` or `{"error": text}`, with a timestamp and the correlation id. What the
/// method throws is logged, and its what() is the error's text: say nothing there that a caller must not
/// know. Arguments that from_json refuses are the caller's mistake and are not logged as the method's. A
/// member "correlation_id" is taken out of the arguments before the method sees them.
///
/// An error has also the headers of NATS's services protocol: `Nats-Service-Error`, its text in one line of
/// ASCII, and `Nats-Service-Error-Code`: 400 (arguments that are unusable), 404 (no such method), 429 (too
/// many requests wait), 500 (the method failed) or 503 (the service is stopping). The method works in the
/// trace of the header `traceparent`, or begins one; reply, events and calls carry it on.
///
/// Thread safety: requests are served concurrently, also those for one method. Coroutine methods of a service
/// never run at the same instant, but take turns wherever one awaits; plain ones run beside them, and beside
/// each other.
///
/// Cancellation: when the service stops, a coroutine still running after `stop_timeout` is cancelled (what it
/// awaits fails with asio::error::operation_aborted), and the caller is told that the service is stopping.
///
/// Names out of range throw std::invalid_argument from add(), as does a name given twice.
///
/// `Type` is always left out.
template <auto Method, class Type = decltype(Method)>
struct rpc {
 private:
  using Traits = detail::HandlerMethod<Type>;
  static_assert(Traits::is_method, "rpc<...> takes a pointer to a member function: rpc<&Service::method>");
  static_assert(
      Traits::has_rpc_parameters,
      "an rpc method takes no argument, or the request's arguments as one nlohmann::json or one class with "
      "from_json, by value or const&");
  static_assert(Traits::has_rpc_result,
                "an rpc method returns void, nlohmann::json or a type with to_json, or asio::awaitable of "
                "one of these");

 public:
  using service_type = typename Traits::class_type;

  /// The method's name, from the template argument: "get_health".
  static consteval std::string_view method_name() { return detail::method_name<Method>(); }

  /// What callers call it; one NATS subject token, unique among the service's rpc methods.
  std::string name{method_name()};
  /// Where the method runs. A coroutine cannot run on the worker pool; a plain method on the event loop must
  /// not block.
  RunOn run_on = Traits::run_on;
};

}  // namespace cliffracer
