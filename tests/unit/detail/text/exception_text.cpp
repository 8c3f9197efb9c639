#include "support/catch.hpp"

#include <cliffracer/detail/text/exception_text.hpp>

#include <stdexcept>

using cliffracer::detail::is_abort;
using cliffracer::detail::text_of;

TEST_CASE("whatever was thrown has a text") {
  CHECK(text_of(std::make_exception_ptr(std::runtime_error{"no luck"})) == "no luck");
  CHECK(text_of(std::make_exception_ptr(42)) == "unknown exception");
}

TEST_CASE("an exception whose what() is null has no text") {
  struct Mute : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return nullptr; }
  };
  CHECK(text_of(Mute{}).empty());
  CHECK(text_of(std::make_exception_ptr(Mute{})).empty());
}

TEST_CASE("only operation_aborted is an abort") {
  CHECK(is_abort(std::make_exception_ptr(std::system_error{asio::error::operation_aborted})));
  CHECK_FALSE(is_abort(std::make_exception_ptr(std::system_error{asio::error::timed_out})));
  CHECK_FALSE(is_abort(std::make_exception_ptr(42)));
}
