#include <cliffracer/detail/link/retry.hpp>

#include <chrono>

#include "support/catch.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;

namespace {
const TimePoint start{1h};
}

TEST_CASE("the first connection is tried at once") {
  RetryPolicy retry{2s, 0};
  REQUIRE(retry.next_attempt());
  CHECK(*retry.next_attempt() <= start);
}

TEST_CASE("attempts are a wait apart, from start to start") {
  RetryPolicy retry{2s, -1};
  retry.attempt_started(start);
  for (int n = 0; n < 1000; ++n) {
    REQUIRE(retry.next_attempt() == start + (n + 1) * 2s);
    retry.attempt_started(start + (n + 1) * 2s);
  }
}

TEST_CASE("a broker that hangs up right after a connection is not hammered") {
  RetryPolicy retry{2s, -1};
  retry.attempt_started(start);
  retry.connected();
  CHECK(retry.next_attempt() == start + 2s);
}

TEST_CASE("with no second attempt the first failure is the end, and so is the first loss") {
  RetryPolicy failed{2s, 0};
  failed.attempt_started(start);
  CHECK_FALSE(failed.next_attempt());

  RetryPolicy lost{2s, 0};
  lost.attempt_started(start);
  lost.connected();
  CHECK_FALSE(lost.next_attempt());
}

TEST_CASE("attempts in a row are counted anew after each connection") {
  RetryPolicy retry{1s, 2};
  retry.attempt_started(start);
  REQUIRE(retry.next_attempt());
  retry.attempt_started(start + 1s);
  REQUIRE(retry.next_attempt());
  retry.attempt_started(start + 2s);
  CHECK_FALSE(retry.next_attempt());

  retry.connected();
  REQUIRE(retry.next_attempt());
  retry.attempt_started(start + 3s);
  REQUIRE(retry.next_attempt());
  retry.attempt_started(start + 4s);
  CHECK_FALSE(retry.next_attempt());
}

TEST_CASE("equal failures are worth one line a minute, new reasons at once") {
  FailureLog log;
  CHECK(log.worth_a_line("refused", start));
  CHECK_FALSE(log.worth_a_line("refused", start + 59s));
  CHECK(log.worth_a_line("refused", start + 60s));
  CHECK(log.worth_a_line("no route", start + 61s));
  CHECK_FALSE(log.worth_a_line("no route", start + 62s));
  log.recovered();
  CHECK(log.worth_a_line("no route", start + 63s));
}

TEST_CASE("a wait beyond the end of the clock is one without end") {
  RetryPolicy retry{std::chrono::nanoseconds::max(), -1};
  retry.attempt_started(start);
  CHECK(retry.next_attempt() == never);
}
