#include <cliffracer/rpc.hpp>

#include <cliffracer/detail/registration/handler_registration.hpp>

#include <asio.hpp>

#include "support/catch.hpp"

namespace {

using cliffracer::RunOn;

struct Query {
  int limit = 0;
  std::string text;
};
void from_json(const nlohmann::json& json, Query& query) {
  query.limit = json.at("limit").get<int>();
  query.text = json.value("text", std::string{});
}

// An aggregate that does not fit into a register: what compilers get wrong around co_await.
struct Answer {
  std::string text;
  std::vector<int> numbers;
};
void to_json(nlohmann::json& json, const Answer& answer) {
  json = nlohmann::json::object();
  json["text"] = answer.text;
  json["numbers"] = answer.numbers;
}

class Base {
 public:
  virtual ~Base() = default;
  int inherited() { return 7; }
};

class Service : public Base {
 public:
  // Private methods are named where a service names them: inside itself.
  template <class Check>
  void with_private_methods(Check check) {
    using namespace cliffracer;
    using detail::registration_of;
    check(registration_of(rpc<&Service::nothing>{}, this));
    check(registration_of(rpc<&Service::get_const>{}, this));
  }

  nlohmann::json echo(nlohmann::json arguments) { return arguments; }
  nlohmann::json echo_reference(const nlohmann::json& arguments) noexcept { return arguments; }
  Answer answer(Query query) { return {query.text, {query.limit}}; }
  Answer answer_reference(const Query& query) const { return {query.text, {query.limit}}; }
  void fails() { throw 42; }
  const nlohmann::json& reference() const { return stored; }

  asio::awaitable<nlohmann::json> later_echo(nlohmann::json arguments) {
    co_await asio::post(asio::use_awaitable);
    co_return arguments;
  }
  asio::awaitable<Answer> later_answer(Query query) {
    co_await asio::post(asio::use_awaitable);
    co_return Answer{query.text, {query.limit}};
  }
  asio::awaitable<Answer> later_answer_reference(const Query& query) const {
    co_await asio::post(asio::use_awaitable);
    co_return Answer{query.text, {query.limit}};
  }
  asio::awaitable<void> later_nothing() noexcept {
    co_await asio::post(asio::use_awaitable);
    ++runs;
  }

  int runs = 0;
  nlohmann::json stored = nlohmann::json::array({1, 2});

 private:
  void nothing() { ++runs; }
  int get_const() const noexcept { return 3; }
};

// There is another one in listener.cpp.
struct Twin {
  int which() { return 1; }
};

using namespace cliffracer::detail;

template <auto Method>
HandlerRegistration handler_for(Service& service) {
  return registration_of(cliffracer::rpc<Method>{}, &service);
}

nlohmann::json run(const HandlerRegistration& handler, nlohmann::json arguments = nlohmann::json::object()) {
  Request request{.subject = "s.rpc.m", .payload = std::move(arguments)};
  if (handler.call != nullptr) return handler.call(handler.object, request);
  asio::io_context io;
  nlohmann::json result = "never set";
  std::exception_ptr thrown;
  asio::co_spawn(io, handler.start(handler.object, request),
                 [&](std::exception_ptr escaped, nlohmann::json value) {
                   thrown = escaped;
                   result = std::move(value);
                 });
  io.run();
  if (thrown) std::rethrow_exception(thrown);
  return result;
}

nlohmann::json query() {
  return {{"limit", 5}, {"text", "a text that is too long for the small string optimisation"}};
}

}  // namespace

TEST_CASE("an rpc knows its method's name and class") {
  using Rpc = cliffracer::rpc<&Service::later_answer>;
  STATIC_REQUIRE(Rpc::method_name() == "later_answer");
  STATIC_REQUIRE(std::is_same_v<Rpc::service_type, Service>);
  STATIC_REQUIRE(std::is_aggregate_v<Rpc>);
  STATIC_REQUIRE(std::is_same_v<cliffracer::rpc<&Service::inherited>::service_type, Base>);
  CHECK(Rpc{}.name == "later_answer");
  CHECK(Rpc{.name = "other"}.name == "other");
}

TEST_CASE("an rpc runs where its method's type belongs") {
  CHECK(cliffracer::rpc<&Service::echo>{}.run_on == RunOn::worker_pool);
  CHECK(cliffracer::rpc<&Service::later_echo>{}.run_on == RunOn::event_loop);
  CHECK(cliffracer::rpc<&Service::echo>{.run_on = RunOn::event_loop}.run_on == RunOn::event_loop);
}

TEST_CASE("an rpc becomes a handler with a name, a place and one function") {
  Service service;
  const auto plain = registration_of(cliffracer::rpc<&Service::echo>{.name = "say"}, &service);
  CHECK(plain.kind == MessageKind::rpc);
  CHECK(plain.name == "say");
  CHECK(plain.run_on == RunOn::worker_pool);
  CHECK(plain.call != nullptr);
  CHECK(plain.start == nullptr);
  const auto coroutine = handler_for<&Service::later_echo>(service);
  CHECK(coroutine.call == nullptr);
  CHECK(coroutine.start != nullptr);
}

TEST_CASE("private, const, noexcept and inherited methods are called") {
  Service service;
  std::vector<nlohmann::json> results;
  service.with_private_methods([&](const HandlerRegistration& handler) { results.push_back(run(handler)); });
  CHECK(results == std::vector<nlohmann::json>{nullptr, 3});
  CHECK(service.runs == 1);
  CHECK(run(registration_of(cliffracer::rpc<&Service::inherited>{}, &service)) == 7);
}

TEST_CASE("an rpc method takes json or a type with from_json, by value or const&") {
  Service service;
  const nlohmann::json answer = {{"text", query()["text"]}, {"numbers", {5}}};
  CHECK(run(handler_for<&Service::echo>(service), query()) == query());
  CHECK(run(handler_for<&Service::echo_reference>(service), query()) == query());
  CHECK(run(handler_for<&Service::answer>(service), query()) == answer);
  CHECK(run(handler_for<&Service::answer_reference>(service), query()) == answer);
  CHECK(run(handler_for<&Service::later_echo>(service), query()) == query());
  CHECK(run(handler_for<&Service::later_answer>(service), query()) == answer);
  CHECK(run(handler_for<&Service::later_answer_reference>(service), query()) == answer);
}

TEST_CASE("a void method's result is null") {
  Service service;
  CHECK(run(handler_for<&Service::later_nothing>(service)).is_null());
  CHECK(service.runs == 1);
}

TEST_CASE("a result that is json stays as it is") {
  Service service;
  CHECK(run(handler_for<&Service::reference>(service)) == service.stored);
  CHECK(run(handler_for<&Service::echo>(service), {{"a", {1}}}) == nlohmann::json({{"a", {1}}}));
}

TEST_CASE("arguments that do not fit are the caller's mistake") {
  Service service;
  CHECK_THROWS_AS(run(handler_for<&Service::answer>(service)), BadArgument);
  CHECK_THROWS_AS(run(handler_for<&Service::later_answer>(service), {{"limit", "five"}}), BadArgument);
  CHECK_THROWS_AS(run(handler_for<&Service::fails>(service)), int);
}

TEST_CASE("classes of one name in two files are two classes to an rpc") {
  Twin twin;
  CHECK(run(registration_of(cliffracer::rpc<&Twin::which>{}, &twin)) == 1);
}
