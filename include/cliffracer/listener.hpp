#pragma once

#include <cliffracer/detail/registration/handler_method.hpp>
#include <cliffracer/detail/registration/method_name.hpp>
#include <cliffracer/run_on.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace cliffracer {

/// The subjects that a listener hears: `*` stands for one token, `>` for one or more at the end.
class SubjectPattern {
 public:
  SubjectPattern() = delete;  // a listener needs .subject: listener<&Service::method>{.subject = "orders.*"}
  SubjectPattern(const char* text) : text_{text} {}
  SubjectPattern(std::string text) : text_{std::move(text)} {}
  SubjectPattern(std::string_view text) : text_{text} {}

  [[nodiscard]] const std::string& text() const& noexcept { return text_; }
  [[nodiscard]] std::string text() && noexcept { return std::move(text_); }

 private:
  std::string text_;
};

/// Gives a member function of a service the events of a subject:
///
///     add(listener<&MyService::on_alert>{.subject = "system.alerts.*"},
///         listener<&MyService::on_order>{.subject = "orders.>", .queue_group = "billing"});
///
/// The method belongs to the service or a base of it; private, const and noexcept are fine. It takes the
/// message, or (std::string_view subject, message); the message is a nlohmann::json (always a JSON object) or
/// a class with from_json. Each is taken by value or const&, and lives until the method, or its coroutine,
/// has ended. It returns void or asio::awaitable<void>. One that returns an awaitable is a coroutine and runs
/// on the service's event loop; a plain one runs on a worker thread and may block.
///
/// Messages of one listener are handled one at a time, in the order in which they arrived; different
/// listeners do not wait for each other. What the method throws is logged and the next message is handled. A
/// message that is no JSON object, or that from_json refuses, gets one warning. A member "correlation_id" is
/// taken out of the message before the method sees it. Delivery is at most once, as always with core NATS.
///
/// Cancellation: when the service stops, messages that wait are still handled; after `stop_timeout` a
/// coroutine that runs is cancelled (what it awaits fails with asio::error::operation_aborted), and what
/// waits is dropped with a warning that counts it.
///
/// Values out of range throw std::invalid_argument from add(), naming service, listener and rule.
///
/// `Type` is always left out.
template <auto Method, class Type = decltype(Method)>
struct listener {
 private:
  using Traits = detail::HandlerMethod<Type>;
  static_assert(Traits::is_method,
                "listener<...> takes a pointer to a member function: listener<&Service::method>");
  static_assert(
      Traits::has_listener_parameters,
      "a listener method takes the message, or (std::string_view subject, message); the message is one "
      "nlohmann::json or one class with from_json; by value or const&");
  static_assert(
      Traits::has_listener_result,
      "a listener method returns void (plain, runs on a worker thread) or asio::awaitable<void> (coroutine)");

 public:
  using service_type = typename Traits::class_type;

  /// The method's name, from the template argument: "on_alert".
  static consteval std::string_view method_name() { return detail::method_name<Method>(); }

  /// What it hears. Required.
  SubjectPattern subject;
  /// Of all listeners with one group, also in other processes, one gets each message; empty: this one gets
  /// every message. One NATS subject token otherwise.
  std::string queue_group{};
  /// What logs and reports call it; one NATS subject token. Need not be unique.
  std::string name{method_name()};
  /// Where the method runs. A coroutine cannot run on the worker pool; a plain method on the event loop must
  /// not block.
  RunOn run_on = Traits::run_on;
};

}  // namespace cliffracer
