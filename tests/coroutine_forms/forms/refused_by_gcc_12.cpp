// Forms that g++ 12 does not compile: "array used as initializer", or it crashes.
#include <initializer_list>
#include <utility>
#include <vector>

#include "form.hpp"

namespace {

/// Takes lists in braces, nested ones, too, as JSON does.
class Value {
 public:
  Value(const char* text) : text_{tracked(text)} {}
  Value(std::initializer_list<Value> values) : text_{tracked("list")}, values_{values} {}

  static Value object(std::initializer_list<Value> values) { return Value{values}; }

  const Tracked& text() const { return text_; }
  const Value& at(std::size_t index) const { return values_.at(index); }

 private:
  Tracked text_;
  std::vector<Value> values_;
};

asio::awaitable<void> take_value(const char* subject, Value value) {
  co_await pass();
  expect(subject != nullptr);
  expect(value.at(0).at(1).text(), "value");
}

asio::awaitable<void> take_vector(std::vector<Tracked> objects) {
  co_await pass();
  expect(objects.at(1), "second");
}

asio::awaitable<Tracked> give(const char* text) {
  co_await pass();
  co_return tracked(text);
}

FORM(nested_braces, "a list in braces is an argument of the awaited call") {
  co_await take_value("subject", {{"key", "value"}});  // found: braces
}

FORM(list_in_a_call, "a function gets a list in braces in the awaited call") {
  co_await take_value("subject", Value::object({{"key", "value"}}));  // found: braces
}

FORM(vector_in_braces, "a std::vector argument of the awaited call is made by braces") {
  co_await take_vector({tracked("first"), tracked("second")});  // found: braces
}

FORM(vector_of_awaited, "a std::vector is initialised by braces with co_await in them") {
  std::vector<Tracked> both{co_await give("first"), co_await give("second")};  // found: braces
  expect(both.at(0), "first");
  expect(both.at(1), "second");
}

}  // namespace
