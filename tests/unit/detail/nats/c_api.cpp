#include <cliffracer/detail/nats/c_api.hpp>

#include <string>
#include <system_error>

#include "support/catch.hpp"

using namespace cliffracer::detail;

TEST_CASE("a status of nats.c is a std::error_code with its text") {
  const std::error_code code{NATS_TIMEOUT, nats_category()};
  CHECK(std::string{code.category().name()} == "nats");
  CHECK(code.message() == "Timeout");
  CHECK_FALSE(std::error_code{NATS_OK, nats_category()});
}

TEST_CASE("a failed call throws with what was tried") {
  CHECK_NOTHROW(require_ok(NATS_OK, "anything"));
  try {
    require_ok(NATS_NO_SERVER, "connect");
    FAIL("no exception");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::error_code{NATS_NO_SERVER, nats_category()});
    CHECK(std::string{error.what()}.find("connect") == 0);
  }
}

TEST_CASE("what nats.c says last is told once, without a place in its source") {
  // Refused, because there is no subject.
  natsMsg* message = nullptr;
  const natsStatus status = natsMsg_Create(&message, nullptr, nullptr, nullptr, 0);
  REQUIRE(status == NATS_INVALID_ARG);
  CHECK(last_error_text(status) == "Invalid Argument");
  // Another failure than the recorded one.
  CHECK(last_error_text(NATS_TIMEOUT) == "Timeout");
}
