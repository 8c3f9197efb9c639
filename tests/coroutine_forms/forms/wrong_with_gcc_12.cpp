// Forms that g++ 12 compiles and gets wrong.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "form.hpp"

namespace {

struct Options {
  Tracked name;
  int number = 0;
};

struct Pair {
  Tracked first;
  Tracked second;
};

asio::awaitable<void> take(Options options) {
  co_await pass();
  expect(options.name, "name");
}

asio::awaitable<void> look_at(const Options& options) {
  co_await pass();
  expect(options.name, "name");
}

asio::awaitable<void> take_string(std::string text) {
  co_await pass();
  expect(text, "text");
}

asio::awaitable<void> take_tracked(Tracked object) {
  co_await pass();
  expect(object, "text");
}

asio::awaitable<Tracked> give(const char* text) {
  co_await pass();
  co_return tracked(text);
}

asio::awaitable<bool> truth() {
  co_await pass();
  co_return true;
}

asio::awaitable<void> call_function(std::function<void()> function) {
  co_await pass();
  function();
}

template <class Function>
asio::awaitable<void> call(Function function) {
  co_await pass();
  function();
}

template <class Function>
asio::awaitable<void> call_coroutine(Function function) {
  co_await function();
}

template <class Function>
asio::awaitable<void> call_by_reference(const Function& function) {
  co_await pass();
  function();
}

struct AggregateService {
  Tracked name = tracked("name");
  asio::awaitable<void> serve() const {
    co_await pass();
    expect(name, "name");
  }
};

// ---- Aggregates as arguments of the awaited call

FORM(aggregate_by_value, "a temporary of an aggregate type is an argument of the awaited call") {
  co_await take(Options{.name = tracked("name")});  // found: braces
}

FORM(aggregate_by_reference,
     "a temporary of an aggregate type is an argument by reference of the awaited call") {
  co_await look_at(Options{.name = tracked("name")});  // found: braces
}

FORM(braces_by_value, "an aggregate argument of the awaited call is made by braces alone") {
  co_await take({.name = tracked("name")});  // found: braces
}

FORM(braces_by_reference, "an aggregate argument by reference of the awaited call is made by braces alone") {
  co_await look_at({.name = tracked("name")});  // found: braces
}

FORM(aggregate_of_a_copy, "a temporary of an aggregate type, made of a copy of a local") {
  Tracked name = tracked("name");
  co_await take(Options{.name = name});  // found: braces
}

// ---- Aggregates made of what is awaited

FORM(aggregate_of_awaited, "an aggregate is initialised by braces with co_await in them") {
  Options options{co_await give("name"), 1};  // found: braces
  expect(options.name, "name");
}

FORM(aggregate_of_two_awaited, "an aggregate is initialised by braces with two co_await in them") {
  Pair both{co_await give("first"), co_await give("second")};  // found: braces
  expect(both.first, "first");
  expect(both.second, "second");
}

FORM(c_array, "an array is initialised by braces with co_await in them") {
  Tracked both[]{co_await give("first"), co_await give("second")};  // found: braces
  expect(both[0], "first");
  expect(both[1], "second");
}

FORM(std_array, "a std::array is initialised by braces with co_await in them") {
  std::array<Tracked, 2> both{co_await give("first"), co_await give("second")};  // found: braces
  expect(both[0], "first");
  expect(both[1], "second");
}

FORM(returned_aggregate, "an aggregate made of what is awaited is returned") {
  auto operation = []() -> asio::awaitable<Options> {
    co_return Options{co_await give("name"), 1};  // found: braces
  };
  Options options = co_await operation();
  expect(options.name, "name");
}

// ---- Lambdas with captures

FORM(lambda_by_value, "a lambda with captures is an argument of the awaited call") {
  Tracked text = tracked("text");
  co_await call([text] { expect(text, "text"); });  // found: lambda
}

FORM(lambda_moved_capture, "a lambda with a moved capture is an argument of the awaited call") {
  Tracked text = tracked("text");
  co_await call([text = std::move(text)] { expect(text, "text"); });  // found: lambda
}

FORM(lambda_string_capture, "a lambda that captures a string is an argument of the awaited call") {
  std::string text = long_text("text");
  co_await call([text] { expect(text, "text"); });  // found: lambda
}

FORM(lambda_by_reference, "a lambda with captures is an argument by reference of the awaited call") {
  Tracked text = tracked("text");
  co_await call_by_reference([text] { expect(text, "text"); });  // found: lambda
}

FORM(lambda_into_function, "a lambda with captures becomes a std::function argument of the awaited call") {
  Tracked text = tracked("text");
  co_await call_function([text] { expect(text, "text"); });  // found: lambda
}

FORM(lambda_initiation, "a lambda with captures is the initiation of an awaited async_initiate") {
  Tracked text = tracked("text");
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [text](auto handler) {  // found: lambda
        expect(text, "text");
        std::move(handler)();
      },
      asio::use_awaitable);
}

FORM(lambda_spawned, "a lambda with captures is spawned and awaited in one expression") {
  Tracked text = tracked("text");
  auto executor = co_await asio::this_coro::executor;
  co_await asio::co_spawn(
      executor,
      [text]() -> asio::awaitable<void> {  // found: lambda
        co_await take_tracked(text);
      },
      asio::use_awaitable);
}

FORM(lambda_called, "a coroutine lambda with captures is called where it is written") {
  Tracked text = tracked("text");
  co_await [text]() -> asio::awaitable<void> {  // found: lambda
    co_await pass();
    expect(text, "text");
  }();
}

// ---- Conditional operators

FORM(conditional_awaits, "one arm of a conditional operator awaits an object, the other makes one") {
  bool holds = co_await truth();
  Tracked object = holds ? co_await give("text") : tracked("other");  // found: conditional
  expect(object, "text");
}

FORM(conditional_argument, "a conditional operator makes an object as an argument of the awaited call") {
  bool holds = co_await truth();
  co_await take_tracked(holds ? tracked("text") : tracked("other"));  // found: conditional
}

FORM(conditional_string, "a conditional operator makes a string as an argument of the awaited call") {
  bool holds = co_await truth();
  co_await take_string(holds ? long_text("text") : std::string{});  // found: braces, conditional
}

FORM(conditional_condition, "a conditional operator between objects has a condition that awaits") {
  Tracked object = co_await truth() ? tracked("text") : tracked("other");  // found: conditional
  expect(object, "text");
}

FORM(conditional_empty, "one arm of a conditional operator awaits a string, the other is an empty one") {
  auto text = []() -> asio::awaitable<std::string> { co_return long_text("text"); };
  bool holds = co_await truth();
  std::string got = holds ? co_await text() : std::string{};  // found: braces, conditional
  expect(got, "text");
}

// ---- Temporaries and new

FORM(temporary_aggregate, "a member coroutine of a temporary aggregate is awaited") {
  co_await AggregateService{}.serve();  // found: braces
}

FORM(new_object, "new makes an object of what is awaited") {
  Tracked* object = new Tracked(co_await give("text"));  // found: new
  expect(*object, "text");
  delete object;
}

FORM(new_aggregate, "new makes an aggregate of what is awaited") {
  Options* options = new Options{co_await give("name"), 1};  // found: braces, new
  expect(options->name, "name");
  delete options;
}

}  // namespace
