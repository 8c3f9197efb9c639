#pragma once

#include <cliffracer/detail/registration/handler_method.hpp>

#include <asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include <concepts>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

/// One message on its way into a handler, which may take the payload out of it.
struct Request {
  std::string subject;
  nlohmann::json payload;  ///< A JSON object, without its correlation_id.
};

/// The payload does not fit the method's argument: the caller's mistake.
class BadArgument : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The payload as the method takes it. Throws BadArgument with the text of whatever from_json threw.
template <class Payload>
Payload take_payload(Request& request) {
  if constexpr (std::same_as<Payload, NoPayload>) {
    return {};
  } else if constexpr (std::same_as<Payload, nlohmann::json>) {
    return std::move(request.payload);
  } else {
    try {
      return request.payload.get<Payload>();
    } catch (const std::exception& error) {
      const char* const text = error.what();
      throw BadArgument{text ? text : ""};
    } catch (...) {
      throw BadArgument{"unknown exception"};
    }
  }
}

/// Calls a method, known at compile time, on an object whose type is erased. Subject and payload outlive the
/// method, coroutine or not, so that it may take them (and the string_view itself) by reference.
///
/// The type is a parameter of its own, because g++ 12 gives a template over `auto` external linkage even for
/// a class in an unnamed namespace: two such classes of one name, in two files, would share what is meant for
/// one of them.
template <class Type, Type Method>
struct HandlerCall {
  using Traits = HandlerMethod<Type>;
  using Payload = typename Traits::Parameters::payload_type;

  static nlohmann::json call(void* object, Request& request) {
    const std::string_view subject = request.subject;
    auto payload = take_payload<Payload>(request);
    if constexpr (std::is_void_v<typename Traits::value_type>) {
      apply(object, subject, payload);
      return nullptr;
    } else {
      return nlohmann::json(apply(object, subject, payload));
    }
  }

  // Steps apart: g++ 12 mishandles aggregate temporaries in an expression that awaits.
  static asio::awaitable<nlohmann::json> start(void* object, Request& request) {
    const std::string_view subject = request.subject;
    auto payload = take_payload<Payload>(request);
    auto running = apply(object, subject, payload);
    if constexpr (std::is_void_v<typename Traits::value_type>) {
      co_await std::move(running);
      co_return nlohmann::json(nullptr);
    } else {
      auto result = co_await std::move(running);
      co_return nlohmann::json(std::move(result));
    }
  }

 private:
  static decltype(auto) apply(void* object, [[maybe_unused]] const std::string_view& subject,
                              [[maybe_unused]] Payload& payload) {
    auto& service = *static_cast<typename Traits::class_type*>(object);
    if constexpr (std::same_as<Payload, NoPayload>) {
      return (service.*Method)();
    } else if constexpr (Traits::Parameters::takes_subject) {
      return (service.*Method)(subject, std::move(payload));
    } else {
      return (service.*Method)(std::move(payload));
    }
  }
};

}  // namespace cliffracer::detail
