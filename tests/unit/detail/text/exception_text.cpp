#include "support/catch.hpp"

#include <cliffracer/detail/text/exception_text.hpp>

#include <stdexcept>

using cliffracer::detail::is_abort;
using cliffracer::detail::text_of;

TEST_CASE("whatever was thrown has a text") {
  CHECK(text_of(std::make_exception_ptr(std::runtime_error{"no luck"})) == "no luck");
  CHECK(text_of(std::make_exception_ptr(42)) == "unknown exception");
}

TEST_CASE("only operation_aborted is an abort") {
  CHECK(is_abort(std::make_exception_ptr(std::system_error{asio::error::operation_aborted})));
  CHECK_FALSE(is_abort(std::make_exception_ptr(std::system_error{asio::error::timed_out})));
  CHECK_FALSE(is_abort(std::make_exception_ptr(42)));
}
