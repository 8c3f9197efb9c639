#include <cliffracer/detail/link/link_status.hpp>

#include "support/catch.hpp"

using namespace cliffracer::detail;

TEST_CASE("every state of a link has a name") {
  CHECK(to_string(LinkState::idle) == "idle");
  CHECK(to_string(LinkState::connecting) == "connecting");
  CHECK(to_string(LinkState::connected) == "connected");
  CHECK(to_string(LinkState::reconnecting) == "reconnecting");
  CHECK(to_string(LinkState::closed) == "closed");
}
