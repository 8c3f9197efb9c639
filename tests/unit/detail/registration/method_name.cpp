#include "support/catch.hpp"

#include <cliffracer/detail/registration/method_name.hpp>

#include <map>
#include <string>

using cliffracer::detail::method_name;

namespace named {
struct Service {
  void tick() {}
  void with_const() const noexcept {}
  template <class T>
  void generic() {}
  struct Nested {
    void inner() {}
  };
};
template <class T>
struct Template {
  void member(int) {}
};
}  // namespace named

namespace {
struct Hidden {
  void quiet() {}
};
}  // namespace

TEST_CASE("a method's name is what stands behind its class") {
  STATIC_REQUIRE(method_name<&named::Service::tick>() == "tick");
  STATIC_REQUIRE(method_name<&named::Service::with_const>() == "with_const");
  STATIC_REQUIRE(method_name<&named::Service::Nested::inner>() == "inner");
  STATIC_REQUIRE(method_name<&named::Template<std::map<std::string, int>>::member>() == "member");
  STATIC_REQUIRE(method_name<&Hidden::quiet>() == "quiet");
}

TEST_CASE("a class inside a function has names, too") {
  struct Local {
    void here() {}
  };
  STATIC_REQUIRE(method_name<&Local::here>() == "here");
}
