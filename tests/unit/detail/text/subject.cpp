#include <cliffracer/detail/text/subject.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace cliffracer::detail;

TEST_CASE("a subject token is one word without a dot or a wildcard") {
  for (const std::string_view good : {"a", "my_service", "my-service", "x$1", "grün"})
    CHECK(is_subject_token(good));
  for (const std::string_view bad : {"", "a.b", ".", "*", ">", "a*", "a b", "a\tb", "a\nb", "a\r", "\x7f"})
    CHECK_FALSE(is_subject_token(bad));
  CHECK_FALSE(is_subject_token(std::string_view{"a\0b", 3}));
}

TEST_CASE("a subject to publish to has no wildcards and no empty tokens") {
  for (const std::string_view good : {"a", "a.b", "metrics.collected", "_INBOX.x.1", "$SRV.PING"})
    CHECK(is_publish_subject(good));
  for (const std::string_view bad :
       {"", ".", "a.", ".a", "a..b", "*", "a.*", "a.>", "a.b*", "a.>b", "a b", "a.b\r\nPUB c 0", " a", "a "})
    CHECK_FALSE(is_publish_subject(bad));
  CHECK_FALSE(is_publish_subject(std::string_view{"a.\0", 3}));
}

TEST_CASE("a subject to subscribe to may have whole-token wildcards, '>' at the end only") {
  for (const std::string_view good : {"a", "a.*", "*", "*.a", "a.*.b", ">", "a.>", "*.>"})
    CHECK(is_subscription_subject(good));
  for (const std::string_view bad :
       {"", "a.", "a..b", "a*", "a.b*", "**", ">.a", "a.>.b", "a>", "*>", "a.*>", "a *"})
    CHECK_FALSE(is_subscription_subject(bad));
}

TEST_CASE("a subject is at most 1024 bytes long") {
  CHECK(is_publish_subject(std::string(1024, 'a')));
  CHECK_FALSE(is_publish_subject(std::string(1025, 'a')));
  CHECK_FALSE(is_subscription_subject(std::string(1025, 'a')));
  CHECK_FALSE(is_subject_token(std::string(1025, 'a')));
}

TEST_CASE("the violated rule is named") {
  CHECK(violated_publish_rule("a") == "");
  CHECK(violated_publish_rule("") == "not empty");
  CHECK(violated_publish_rule("a.*") == "without wildcards ('*', '>')");
  CHECK(violated_publish_rule("a..b") == "without an empty token between its dots");
  CHECK(violated_publish_rule("a b") == "without white space and control characters");
  CHECK(violated_subscription_rule("a.b*") == "one where '*' is a whole token");
  CHECK(violated_subscription_rule("a.>.b") == "one where '>' is the whole last token");
  CHECK_NOTHROW(require_publish_subject("a.b"));
  CHECK_NOTHROW(require_subscription_subject("a.*"));
  CHECK_THROWS_AS(require_subscription_subject("a*"), std::invalid_argument);
  try {
    require_publish_subject("a\nb");
    FAIL("no exception");
  } catch (const std::invalid_argument& refused) {
    CHECK(std::string{refused.what()} ==
          "subject \"a\\nb\" must be without white space and control characters");
  }
}
