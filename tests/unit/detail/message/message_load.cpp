#include "support/captured_log.hpp"
#include "support/catch.hpp"

#include <cliffracer/detail/message/message_load.hpp>

using cliffracer::detail::MessageLoad;

TEST_CASE("the load is full at its bound and has room again below it") {
  CapturedLog log;
  MessageLoad load{2, log.of_service("s")};
  load.begin();
  CHECK_FALSE(load.is_full());
  load.begin();
  CHECK(load.is_full());
  load.end();
  CHECK_FALSE(load.is_full());
  CHECK(log.lines().empty());
}

TEST_CASE("refused messages are told once at the first and once when the load has halved") {
  CapturedLog log;
  MessageLoad load{4, log.of_service("s")};
  for (int i = 0; i < 4; ++i) load.begin();
  load.refuse();
  load.refuse();
  CHECK(log.lines().size() == 1);
  load.end();
  CHECK(log.lines().size() == 1);
  load.end();
  CHECK(log.count("refused messages since there were too many: 2") == 1);
  load.end(2);
  CHECK(log.lines().size() == 2);
  CHECK(load.total_refused() == 2);
}
