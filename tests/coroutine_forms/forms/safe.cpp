// Forms that every compiler gets right. Library, examples and README write these, but for those that are
// marked.
#include <asio/strand.hpp>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "form.hpp"

namespace {

struct Options {
  Tracked name;
  int number = 0;
};

/// Nothing in it needs a destructor.
struct Point {
  int x = 0;
  int y = 0;
};

/// Takes a list in braces, as JSON does.
class List {
 public:
  List() = default;
  List(std::initializer_list<const char*> texts) {
    for (const char* text : texts) values_.push_back(tracked(text));
  }
  std::size_t size() const { return values_.size(); }
  const Tracked& at(std::size_t index) const { return values_.at(index); }

 private:
  std::vector<Tracked> values_;
};

asio::awaitable<void> take(Options options) {
  co_await pass();
  expect(options.name, "name");
}

asio::awaitable<void> look_at(const Options& options) {
  co_await pass();
  expect(options.name, "name");
}

asio::awaitable<void> take_tracked(Tracked object) {
  co_await pass();
  expect(object, "text");
}

asio::awaitable<void> look_at_tracked(const Tracked& object) {
  co_await pass();
  expect(object, "text");
}

asio::awaitable<void> take_string(std::string text) {
  co_await pass();
  expect(text, "text");
}

asio::awaitable<void> take_view(std::string_view text) {
  co_await pass();
  expect(std::string{text}, "text");
}

asio::awaitable<void> take_pointer(std::unique_ptr<Tracked> object) {
  co_await pass();
  expect(*object, "text");
}

asio::awaitable<int> sum(Point point) {
  co_await pass();
  co_return point.x + point.y;
}

asio::awaitable<int> next_after(int number) {
  co_await pass();
  co_return number + 1;
}

asio::awaitable<int> wait(std::chrono::nanoseconds time) {
  co_await pass();
  co_return static_cast<int>(time.count());
}

/// Texts become strings, and the list has a default, as the arguments of call_rpc do.
asio::awaitable<List> call(std::string service, std::string method, List arguments = {}) {
  co_await pass();
  if (service != "service" || method != "method") wrong("a value is not what it should be");
  co_return arguments;
}

asio::awaitable<Tracked> give(const char* text) {
  co_await pass();
  co_return tracked(text);
}

asio::awaitable<std::unique_ptr<Tracked>> give_pointer() {
  co_await pass();
  co_return std::make_unique<Tracked>(tracked("text"));
}

asio::awaitable<std::pair<Tracked, int>> give_pair() {
  co_await pass();
  std::pair<Tracked, int> both{tracked("text"), 7};
  co_return both;
}

asio::awaitable<int> count_down(int& left) {
  co_await pass();
  co_return left--;
}

asio::awaitable<bool> truth(bool value) {
  co_await pass();
  co_return value;
}

asio::awaitable<void> fail() {
  co_await pass();
  throw tracked("text");
}

asio::awaitable<void> fail_with(const Tracked&, Tracked object) {
  co_await pass();
  throw object;
}

Options make_options() { return {.name = tracked("name"), .number = 1}; }

void publish(const char* subject, const List& list) {
  if (*subject == '\0' || list.size() != 2) wrong("a value is not what it should be");
  expect(list.at(1), "second");
}

asio::awaitable<void> call_function(std::function<void()> function) {
  co_await pass();
  function();
}

template <class Function>
asio::awaitable<void> call_by_value(Function function) {
  co_await pass();
  function();
}

template <class Function>
asio::awaitable<void> call_by_reference(const Function& function) {
  co_await pass();
  function();
}

class Service {
 public:
  asio::awaitable<void> serve() {
    co_await pass();
    expect(name_, "name");
  }

  asio::awaitable<Tracked> ask() {
    ++asked_;
    co_return name_;
  }

  Service& itself() { return *this; }

  asio::awaitable<void> capture_this() {
    co_await call_by_value([this] { expect(name_, "name"); });
  }

 private:
  Tracked name_ = tracked("name");
  int asked_ = 0;
};

struct AggregateService {
  Tracked name = tracked("name");
  asio::awaitable<void> serve() const {
    co_await pass();
    expect(name, "name");
  }
};

Service make_service() { return Service{}; }
AggregateService make_aggregate_service() { return AggregateService{}; }

// ---- Arguments

FORM(moved_local, "a named local of an aggregate type is moved into the awaited call") {
  Options options{.name = tracked("name")};
  co_await take(std::move(options));
}

FORM(copied_local, "a named local of an aggregate type is copied into the awaited call") {
  Options options{.name = tracked("name")};
  co_await take(options);
  expect(options.name, "name");
}

FORM(local_by_reference, "a named local of an aggregate type is an argument by reference") {
  Options options{.name = tracked("name")};
  co_await look_at(options);
}

FORM(build_function, "a function builds the aggregate in the awaited call") { co_await take(make_options()); }

FORM(build_function_by_reference, "a function builds the aggregate for an argument by reference") {
  co_await look_at(make_options());
}

FORM(class_with_constructor, "a temporary of a class with a constructor is an argument") {
  co_await take_tracked(Tracked(long_text("text")));
}

FORM(class_by_reference, "a temporary of a class with a constructor is an argument by reference") {
  co_await look_at_tracked(Tracked(long_text("text")));
}

FORM(string_temporary, "a temporary string is an argument") { co_await take_string(long_text("text")); }

FORM(string_sum, "a string made of two is an argument") {
  std::string dots = long_text("");
  co_await take_string(dots + "text");
}

FORM(string_view_of_local, "a local string becomes a std::string_view argument") {
  std::string text = long_text("text");
  co_await take_view(text);
}

FORM(unique_pointer, "a temporary std::unique_ptr is an argument") {
  co_await take_pointer(std::make_unique<Tracked>(tracked("text")));
}

FORM(literals, "literals become string arguments, and a list argument has a default in braces") {
  List none = co_await call("service", "method");
  expect(none.size() == 0);
}

FORM(named_list, "a list in braces has a name, and is an argument") {
  List arguments{"first", "second"};
  List answer = co_await call("service", "method", arguments);
  publish("subject", answer);
}

FORM(duration, "durations made in place are arguments") {
  int got = co_await wait(
      std::max<std::chrono::nanoseconds>(std::chrono::nanoseconds{5}, std::chrono::nanoseconds{7}));
  expect(got == 7);
}

FORM(plain_call_with_list, "a plain function gets a list in braces in a coroutine") {
  co_await pass();
  publish("subject", {"first", "second"});
  co_await pass();
}

FORM(awaited_argument, "a plain function gets what is awaited") { expect(co_await give("text"), "text"); }

FORM(make_unique, "std::make_unique gets what is awaited") {
  std::unique_ptr<Tracked> object = std::make_unique<Tracked>(co_await give("text"));
  expect(*object, "text");
}

FORM(two_awaited_arguments, "an awaited call gets what another one gives") {
  co_await take_tracked(co_await give("text"));
}

// ---- In two steps

FORM(two_steps, "the operation has a name and is moved into co_await") {
  Tracked object = tracked("text");
  auto operation = take_tracked(std::move(object));
  co_await std::move(operation);
}

FORM(two_steps_with_aggregate,
     "an aggregate made in place is an argument of an operation that is awaited later") {
  auto operation = take(Options{.name = tracked("name")});
  co_await std::move(operation);
}

FORM(spawned_in_two_steps, "an operation with a name is spawned and awaited") {
  auto executor = co_await asio::this_coro::executor;
  auto strand = asio::make_strand(executor);
  auto operation = give("text");
  Tracked object = co_await asio::co_spawn(strand, std::move(operation), asio::use_awaitable);
  expect(object, "text");
}

// ---- Lambdas

FORM(named_lambda, "a lambda with captures has a name and is moved into the awaited call") {
  Tracked text = tracked("text");
  auto check = [text] { expect(text, "text"); };
  co_await call_by_value(std::move(check));
}

FORM(named_lambda_by_reference, "a lambda with captures has a name and is an argument by reference") {
  Tracked text = tracked("text");
  auto check = [text] { expect(text, "text"); };
  co_await call_by_reference(check);
}

FORM(named_lambda_into_function, "a lambda with captures has a name and becomes a std::function argument") {
  Tracked text = tracked("text");
  auto check = [text] { expect(text, "text"); };
  co_await call_function(check);
}

FORM(lambda_without_captures, "a lambda without captures is an argument of the awaited call") {
  co_await call_by_value([] { expect(tracked("text"), "text"); });
}

FORM(lambda_of_references, "a lambda that captures references is an argument of the awaited call") {
  Tracked text = tracked("text");
  int calls = 0;
  co_await call_by_value([&text, &calls] {
    expect(text, "text");
    ++calls;
  });
  co_await call_by_reference([&] { expect(text, "text"); });
  expect(calls == 1);
}

FORM(lambda_of_references_into_function,
     "a lambda that captures references becomes a std::function argument") {
  Tracked text = tracked("text");
  co_await call_function([&text] { expect(text, "text"); });
}

FORM(lambda_of_this, "a lambda that captures this is an argument of the awaited call") {
  Service service;
  co_await service.capture_this();
}

FORM(coroutine_lambda, "a coroutine lambda has a name and is called and awaited") {
  Tracked text = tracked("text");
  auto ask = [text]() -> asio::awaitable<Tracked> {
    co_await pass();
    co_return text;
  };
  Tracked object = co_await ask();
  expect(object, "text");
}

// ---- What is awaited

FORM(initialised, "an object is initialised with what is awaited") {
  Tracked object = co_await give("text");
  auto another = co_await give("text");
  const Tracked& bound = co_await give("text");
  expect(object, "text");
  expect(another, "text");
  expect(bound, "text");
}

FORM(initialised_with_parentheses, "an object is initialised in parentheses with what is awaited") {
  Tracked object(co_await give("text"));
  expect(object, "text");
}

FORM(assigned, "what is awaited is assigned") {
  Tracked object = tracked("other");
  object = co_await give("text");
  expect(object, "text");
}

FORM(assigned_member, "what is awaited is assigned to the member of an aggregate") {
  Options options{.name = tracked("other")};
  options.name = co_await give("name");
  expect(options.name, "name");
}

FORM(discarded, "what is awaited is discarded") {
  co_await give("text");
  static_cast<void>(co_await give("text"));
}

FORM(member_of_awaited, "a member of what is awaited is used") {
  std::string text = (co_await give("text")).text();
  expect(text, "text");
}

FORM(dereferenced, "what an awaited pointer points to is used") { expect(*co_await give_pointer(), "text"); }

FORM(structured_binding, "what is awaited is bound to names") {
  auto [object, number] = co_await give_pair();
  expect(object, "text");
  expect(number == 7);
}

FORM(returned, "what is awaited is returned") {
  auto pass_on = []() -> asio::awaitable<Tracked> { co_return co_await give("text"); };
  Tracked object = co_await pass_on();
  expect(object, "text");
}

FORM(returned_in_place, "objects made in place are returned") {
  auto list = []() -> asio::awaitable<List> { co_return List{"first", "second"}; };
  auto aggregate = []() -> asio::awaitable<Options> { co_return Options{.name = tracked("name")}; };
  auto moved = []() -> asio::awaitable<Tracked> {
    Tracked object = tracked("text");
    co_return std::move(object);
  };
  List texts = co_await list();
  publish("subject", texts);
  Options options = co_await aggregate();
  expect(options.name, "name");
  Tracked object = co_await moved();
  expect(object, "text");
}

FORM(caught_beside_temporary, "an awaited call that got a temporary throws") {
  bool is_caught = false;
  try {
    co_await fail_with(tracked("other"), tracked("text"));
  } catch (const Tracked& object) {
    expect(object, "text");
    is_caught = true;
  }
  expect(is_caught);
}

FORM(destroyed, "an awaited call that got temporaries is destroyed while it waits") {
  auto wait_for_ever = [](Tracked, const Tracked&, std::string, Options) -> asio::awaitable<void> {
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
  };
  auto await_it = [&]() -> asio::awaitable<void> {
    Tracked local = tracked("local");
    co_await wait_for_ever(local, tracked("text"), long_text("text"), make_options());
  };
  asio::io_context inner;
  asio::co_spawn(inner, await_it(), [](std::exception_ptr) { wrong("what is destroyed goes on"); });
  inner.poll();
  co_await pass();
}

FORM(caught, "what an awaited call throws is caught") {
  bool is_caught = false;
  try {
    co_await fail();
  } catch (const Tracked& object) {
    expect(object, "text");
    is_caught = true;
  }
  expect(is_caught);
}

// ---- Conditions

FORM(conditions, "if, while, do and switch have a condition that awaits") {
  if (co_await truth(false)) wrong("a value is not what it should be");
  int left = 3;
  while (co_await count_down(left) > 0) co_await pass();
  expect(left == -1);
  do left = 1;
  while (co_await truth(false));
  switch (co_await count_down(left)) {
    case 1:
      break;
    default:
      wrong("a value is not what it should be");
  }
}

FORM(condition_with_initialiser, "an if has an initialiser that awaits") {
  if (Tracked object = co_await give("text"); !object.text().empty()) {
    expect(object, "text");
  } else {
    wrong("a value is not what it should be");
  }
}

FORM(logical, "logical operators have operands that await") {
  bool both = co_await truth(true) && co_await truth(true);
  bool either = co_await truth(false) || co_await truth(true);
  bool not_reached = co_await truth(false) && (co_await give("text")).text().empty();
  expect(both && either && !not_reached);
}

FORM(range, "a for loop goes over what is awaited before it") {
  List list = co_await call("service", "method");
  for (std::size_t i = 0; i < list.size(); ++i) co_await pass();
  for (int i = 0; i < co_await wait(std::chrono::nanoseconds(3)); ++i) co_await pass();
}

// ---- Objects and operations of Asio

FORM(named_object, "a member coroutine of a named object is awaited") {
  Service service;
  co_await service.serve();
  Tracked name = co_await service.ask();
  expect(name, "name");
}

FORM(object_by_reference, "a member coroutine of what a function refers to is awaited") {
  Service service;
  co_await service.itself().serve();
}

FORM(returned_object, "a member coroutine of an object that a function returns is awaited") {
  co_await make_service().serve();
}

FORM(returned_aggregate_object, "a member coroutine of an aggregate that a function returns is awaited") {
  co_await make_aggregate_service().serve();
}

FORM(shared_object, "a member coroutine of what a named pointer points to is awaited") {
  auto service = std::make_shared<Service>();
  co_await service->serve();
}

FORM(redirected_error, "a wait puts its error into a local") {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::nanoseconds{0});
  std::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  expect(!error);
}

FORM(coroutine_state, "the coroutine's own state is asked and changed") {
  co_await asio::this_coro::throw_if_cancelled(false);
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  expect(state.cancelled() == asio::cancellation_type::none);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

// ---- Right, but like wrong ones in looks: whether a type is an aggregate, or needs a destructor, is not
// seen where it is used. Library, examples and README do without them.

FORM(class_in_braces, "a temporary of a class with a constructor, made with braces, is an argument") {
  co_await take_tracked(Tracked{long_text("text")});  // found: braces
}

FORM(class_of_awaited, "an object with a constructor is initialised by braces with co_await in them") {
  Tracked object{co_await give("text")};  // found: braces
  expect(object, "text");
}

FORM(class_temporary, "a member coroutine of a temporary of a class with private members is awaited") {
  co_await Service{}.serve();  // found: braces
  co_await Service().serve();  // found: temporary
}

FORM(trivial_aggregate, "a temporary of an aggregate type without destructors is an argument") {
  int got = co_await sum(Point{.x = 1, .y = 2});  // found: braces
  expect(got == 3);
}

FORM(conditional_of_numbers, "a conditional operator between numbers is in the awaited call") {
  bool holds = co_await truth(true);
  int got = co_await next_after(holds ? 5 : 7);  // found: conditional
  expect(got == 6);
}

}  // namespace
