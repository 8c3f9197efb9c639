#include <cliffracer/listener.hpp>

#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/registration/handler_registration.hpp>
#include <cliffracer/rpc.hpp>

#include <asio.hpp>

#include "support/catch.hpp"

namespace {

using cliffracer::RunOn;

struct Alert {
  std::string text;
  std::vector<std::string> tags;
};
void from_json(const nlohmann::json& json, Alert& alert) { alert.text = json.at("text").get<std::string>(); }

class Service {
 public:
  void json(nlohmann::json data) { heard.push_back(data.at("text")); }
  void json_reference(const nlohmann::json& data) { heard.push_back(data.at("text")); }
  void typed(Alert alert) { heard.push_back(alert.text); }
  void typed_reference(const Alert& alert) noexcept { heard.push_back(alert.text); }
  void with_subject(std::string_view subject, nlohmann::json data) {
    heard.push_back(std::string{subject} + " " + data.at("text").get<std::string>());
  }
  asio::awaitable<void> later_json(nlohmann::json data) {
    co_await asio::post(asio::use_awaitable);
    heard.push_back(data.at("text"));
  }
  asio::awaitable<void> later_typed(const std::string_view& subject, Alert alert) {
    co_await asio::post(asio::use_awaitable);
    heard.push_back(std::string{subject} + " " + alert.text);
  }
  asio::awaitable<void> later_reference(std::string_view subject, const Alert& alert) const {
    co_await asio::post(asio::use_awaitable);
    heard.push_back(std::string{subject} + " " + alert.text);
  }
  asio::awaitable<void> later_json_reference(std::string_view subject, const nlohmann::json& data) {
    co_await asio::post(asio::use_awaitable);
    heard.push_back(std::string{subject} + " " + data.at("text").get<std::string>());
  }

  mutable std::vector<std::string> heard;
};

// There is another one in rpc.cpp.
struct Twin {
  int which() { return 2; }
};

using namespace cliffracer::detail;

const std::string long_subject = "system.alerts.a_token_that_is_too_long_for_the_small_string_optimisation";
const std::string long_text = "a text that is too long for the small string optimisation";

// The request dies as soon as the handler has ended.
template <auto Method>
std::string heard_by() {
  Service service;
  const auto handler = registration_of(cliffracer::listener<Method>{.subject = "system.alerts.*"}, &service);
  auto request = std::make_unique<Request>();
  request->subject = long_subject;
  request->payload = {{"text", long_text}};
  if (handler.call != nullptr) {
    handler.call(handler.object, *request);
  } else {
    asio::io_context io;
    asio::co_spawn(io, handler.start(handler.object, *request),
                   [&](std::exception_ptr, const nlohmann::json&) { request.reset(); });
    io.run();
  }
  REQUIRE(service.heard.size() == 1);
  return service.heard.front();
}

void check_refused(HandlerRegistration handler, const std::string& message) {
  INFO(message);
  try {
    check_validity("x", handler);
    FAIL("accepted");
  } catch (const std::invalid_argument& refused) {
    CHECK(refused.what() == message);
  }
}

}  // namespace

TEST_CASE("a listener knows its method's name and class, and has no subject by default") {
  using Listener = cliffracer::listener<&Service::typed>;
  STATIC_REQUIRE(Listener::method_name() == "typed");
  STATIC_REQUIRE(std::is_same_v<Listener::service_type, Service>);
  STATIC_REQUIRE(std::is_aggregate_v<Listener>);
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<cliffracer::SubjectPattern>);
}

TEST_CASE("a listener becomes a handler with subject, group, name and place") {
  Service service;
  const auto handler = registration_of(
      cliffracer::listener<&Service::typed>{.subject = std::string{"a.*"}, .queue_group = "g", .name = "n"},
      &service);
  CHECK(handler.kind == MessageKind::listener);
  CHECK(handler.subject == "a.*");
  CHECK(handler.queue_group == "g");
  CHECK(handler.name == "n");
  CHECK(handler.run_on == RunOn::worker_pool);
  const auto coroutine = registration_of(
      cliffracer::listener<&Service::later_json>{.subject = std::string_view{"a.>"}}, &service);
  CHECK(coroutine.name == "later_json");
  CHECK(coroutine.run_on == RunOn::event_loop);
}

TEST_CASE("a listener's subject can be read before it is registered") {
  const cliffracer::listener<&Service::typed> listener{.subject = "a.*"};
  CHECK(listener.subject.text() == "a.*");
}

TEST_CASE("a listener method takes the message, alone or after the subject, by value or const&") {
  const std::string both = long_subject + " " + long_text;
  CHECK(heard_by<&Service::json>() == long_text);
  CHECK(heard_by<&Service::json_reference>() == long_text);
  CHECK(heard_by<&Service::typed>() == long_text);
  CHECK(heard_by<&Service::typed_reference>() == long_text);
  CHECK(heard_by<&Service::with_subject>() == both);
  CHECK(heard_by<&Service::later_json>() == long_text);
  CHECK(heard_by<&Service::later_typed>() == both);
  CHECK(heard_by<&Service::later_reference>() == both);
  CHECK(heard_by<&Service::later_json_reference>() == both);
}

TEST_CASE("what a listener must not be is refused with service, handler and rule") {
  Service service;
  const auto make = [&](std::string subject, std::string queue_group = "", std::string name = "on_alert") {
    return registration_of(
        cliffracer::listener<&Service::typed>{
            .subject = std::move(subject), .queue_group = std::move(queue_group), .name = std::move(name)},
        &service);
  };
  CHECK_NOTHROW(check_validity("x", make("a.*.b.>", "billing")));
  check_refused(make(""), "service x: listener on_alert: subject \"\" must be not empty");
  check_refused(
      make("a..b"),
      "service x: listener on_alert: subject \"a..b\" must be without an empty token between its dots");
  check_refused(
      make("a.>.b"),
      "service x: listener on_alert: subject \"a.>.b\" must be one where '>' is the whole last token");
  check_refused(make("a b\n"),
                "service x: listener on_alert: subject \"a b\\n\" must be without white space and "
                "control characters");
  check_refused(
      make("a", "two words"),
      "service x: listener on_alert: queue_group \"two words\" must be one NATS subject token (no '.', '*', "
      "'>', white space or control character)");
  check_refused(make("a", "", ""), "service x: listener : name must be not empty");
}

TEST_CASE("a coroutine is refused on the worker pool") {
  Service service;
  check_refused(
      registration_of(
          cliffracer::listener<&Service::later_json>{.subject = "a", .run_on = RunOn::worker_pool}, &service),
      "service x: listener later_json: run_on must be RunOn::event_loop for a coroutine");
}

TEST_CASE("a class of the same name in another file is another class") {
  Twin twin;
  Request request;
  const auto handler = registration_of(cliffracer::rpc<&Twin::which>{}, &twin);
  CHECK(handler.call(handler.object, request) == 2);
}
