#include <cliffracer/error.hpp>

#include "support/catch.hpp"

using cliffracer::RpcError;

TEST_CASE("a remote failure names service, method and the text that was sent") {
  const RpcError error{RpcError::Reason::remote, "billing", "charge", "card declined"};
  CHECK(std::string{error.what()} == "billing.charge failed: card declined");
  CHECK(error.reason() == RpcError::Reason::remote);
  CHECK(error.service() == "billing");
  CHECK(error.method() == "charge");
  CHECK(error.detail() == "card declined");
}

TEST_CASE("a method that nobody serves says so") {
  const RpcError error{RpcError::Reason::no_responders, "billing", "charge", ""};
  CHECK(std::string{error.what()} == "billing.charge: nobody serves it");
}

TEST_CASE("an unusable reply says why") {
  const RpcError error{RpcError::Reason::bad_reply, "billing", "charge", "malformed JSON at byte 1"};
  CHECK(std::string{error.what()} == "billing.charge: unusable reply: malformed JSON at byte 1");
}
