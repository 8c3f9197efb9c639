#include "support/catch.hpp"

#include <cliffracer/detail/registration/method_traits.hpp>

#include <tuple>
#include <type_traits>

using cliffracer::detail::AwaitableTraits;
using cliffracer::detail::MethodTraits;

namespace {

struct Service {
  int plain(char, const long&);
  void constant() const;
  void quiet() noexcept;
  asio::awaitable<int> both() const noexcept;
  static void no_method();
  int data;
};

}  // namespace

TEST_CASE("a method's parts are known, const and noexcept or not") {
  using Plain = MethodTraits<decltype(&Service::plain)>;
  STATIC_REQUIRE(Plain::is_method);
  STATIC_REQUIRE(std::is_same_v<Plain::class_type, Service>);
  STATIC_REQUIRE(std::is_same_v<Plain::result_type, int>);
  STATIC_REQUIRE(std::is_same_v<Plain::argument_types, std::tuple<char, const long&>>);
  STATIC_REQUIRE(MethodTraits<decltype(&Service::constant)>::is_method);
  STATIC_REQUIRE(MethodTraits<decltype(&Service::quiet)>::is_method);
  STATIC_REQUIRE(MethodTraits<decltype(&Service::both)>::is_method);
}

TEST_CASE("what is no member function is no method") {
  STATIC_REQUIRE_FALSE(MethodTraits<decltype(&Service::no_method)>::is_method);
  STATIC_REQUIRE_FALSE(MethodTraits<decltype(&Service::data)>::is_method);
  STATIC_REQUIRE_FALSE(MethodTraits<int>::is_method);
}

TEST_CASE("an awaitable's value is known") {
  using Both = AwaitableTraits<MethodTraits<decltype(&Service::both)>::result_type>;
  STATIC_REQUIRE(Both::is_awaitable);
  STATIC_REQUIRE(std::is_same_v<Both::value_type, int>);
  STATIC_REQUIRE_FALSE(AwaitableTraits<int>::is_awaitable);
}
