#include <cliffracer/detail/link/link_log.hpp>

#include "support/catch.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;

namespace {
const TimePoint start{1h};
}

TEST_CASE("one message is no messages") {
  CHECK(message_count(0) == "0 messages");
  CHECK(message_count(1) == "1 message");
  CHECK(message_count(2) == "2 messages");
}

TEST_CASE("places in the source of nats.c are left out of its texts") {
  CHECK(without_source_places("(conn.c:2088): No server available") == "No server available");
  CHECK(without_source_places("Invalid protocol: (a_b.c:1): bad: (c.c:22): worse") ==
        "Invalid protocol: bad: worse");
  CHECK(without_source_places("Connection refused") == "Connection refused");
  CHECK(without_source_places("") == "");
  for (const char* kept : {"x.c:1): y", "(x.c:): y", "(x.c:1", "(x.c:1) y", "(see x.c:1): y", ".c:"})
    CHECK(without_source_places(kept) == kept);
}

TEST_CASE("a text and its detail are said once each") {
  CHECK(with_detail("Timeout", "") == "Timeout");
  CHECK(with_detail("Timeout", "Timeout") == "Timeout");
  CHECK(with_detail("Connection Timeout", "Timeout") == "Connection Timeout");
  CHECK(with_detail("Timeout", "Timeout of a flush") == "Timeout of a flush");
  CHECK(with_detail("Not Permitted", "publish to a") == "Not Permitted: publish to a");
}

TEST_CASE("messages that can never be sent are told in one line") {
  CHECK(lost_messages(1, "a.b", "Maximum Payload") == "lost 1 message to a.b: Maximum Payload");
  CHECK(lost_messages(3, "a\n", "no") == "lost 3 messages, the first to a\\n: no");
}

TEST_CASE("nothing dropped is nothing told") {
  DropLog drops;
  CHECK(drops.told_now(0, start) == 0);
  CHECK(drops.rest() == 0);
}

TEST_CASE("the first drops are told at once, later ones together after a pause") {
  DropLog drops;
  CHECK(drops.told_now(90, start) == 90);
  CHECK(drops.told_now(0, start) == 0);
  CHECK(drops.told_now(5, start + 1s) == 0);
  CHECK(drops.told_now(2, start + DropLog::pause - 1ns) == 0);
  CHECK(drops.told_now(0, start + DropLog::pause) == 7);
  CHECK(drops.told_now(0, start + 2 * DropLog::pause) == 0);
  CHECK(drops.told_now(3, start + 2 * DropLog::pause) == 3);
}

TEST_CASE("what was not told is told at the end") {
  DropLog drops;
  CHECK(drops.told_now(1, start) == 1);
  CHECK(drops.told_now(4, start) == 0);
  CHECK(drops.rest() == 4);
  CHECK(drops.rest() == 0);
}
