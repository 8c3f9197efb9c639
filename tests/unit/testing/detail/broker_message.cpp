#include <cliffracer/testing/detail/broker_message.hpp>

#include "support/catch.hpp"

#include <string>

using cliffracer::detail::BrokerMessage;
using cliffracer::detail::json_of;
using cliffracer::detail::subject_matches;

TEST_CASE("a star is one token of a subject, and a tail is one or more at its end") {
  CHECK(subject_matches("a", "a"));
  CHECK(subject_matches("a.b", "a.b"));
  CHECK(subject_matches("a.*", "a.b"));
  CHECK(subject_matches("*.b", "a.b"));
  CHECK(subject_matches("*.*.*", "a.b.c"));
  CHECK(subject_matches("a.>", "a.b"));
  CHECK(subject_matches("a.>", "a.b.c.d"));
  CHECK(subject_matches(">", "a"));
  CHECK(subject_matches(">", "a.b.c"));
  CHECK(subject_matches("*.>", "a.b"));

  CHECK_FALSE(subject_matches("a", "b"));
  CHECK_FALSE(subject_matches("a", "ab"));
  CHECK_FALSE(subject_matches("ab", "a"));
  CHECK_FALSE(subject_matches("a.b", "a"));
  CHECK_FALSE(subject_matches("a", "a.b"));
  CHECK_FALSE(subject_matches("a.*", "a"));
  CHECK_FALSE(subject_matches("a.*", "a.b.c"));
  CHECK_FALSE(subject_matches("a.>", "a"));
  CHECK_FALSE(subject_matches("*.>", "a"));
  CHECK_FALSE(subject_matches("a.*.c", "a.b.d"));
}

TEST_CASE("a message is as long as its payload and its header") {
  const BrokerMessage bare{.payload = "{}"};
  CHECK(bare.size() == 2);
  const BrokerMessage with_header{.payload = "{}", .headers = {.correlation_id = "id"}};
  CHECK(with_header.size() == 2 + std::string{"NATS/1.0\r\ncorrelation_id: id\r\n\r\n"}.size());
}

TEST_CASE("a payload that is no JSON, or none that can be copied, is shown as a string") {
  CHECK(json_of({.payload = R"({"a":1})"}) == nlohmann::json{{"a", 1}});
  CHECK(json_of({}) == nlohmann::json::object());
  CHECK(json_of({.payload = "{a"}) == "{a");
  const std::string deep(100'000, '[');
  CHECK(json_of({.payload = deep}) == deep);
}
