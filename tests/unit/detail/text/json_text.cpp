#include <cliffracer/detail/text/json_text.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using cliffracer::detail::nesting_depth;
using cliffracer::detail::parse_bounded;
using cliffracer::detail::to_text;

namespace {

std::string refusal(std::string_view text, std::size_t max_bytes = 1'000'000, std::size_t max_depth = 64) {
  try {
    static_cast<void>(parse_bounded(text, max_bytes, max_depth));
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "accepted";
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

}  // namespace

TEST_CASE("well-formed JSON within the bounds is parsed") {
  CHECK(parse_bounded(R"({"a":[1,2,{"b":"c"}]})", 100, 3).at("a").at(2).at("b") == "c");
  CHECK(parse_bounded("1", 1, 1) == 1);
}

TEST_CASE("a text longer than the bound is refused unparsed") {
  CHECK(refusal("\"12345678\"", 10) == "accepted");
  CHECK(refusal("\"123456789\"", 10) == "payload of 11 bytes exceeds the limit of 10 bytes");
}

TEST_CASE("nesting is bounded before anything is parsed") {
  CHECK(refusal(nested(64)) == "accepted");
  CHECK(refusal(nested(65)) == "JSON is nested deeper than the limit of 64 levels");
  // Never closed: what a parser would build is as deep.
  CHECK(refusal(std::string(200'000, '[')) == "JSON is nested deeper than the limit of 64 levels");
  CHECK(refusal(std::string(200'000, '{')) == "JSON is nested deeper than the limit of 64 levels");
}

TEST_CASE("brackets in strings do not nest") {
  CHECK(nesting_depth(R"(["[[[[", "{\"[[", "\\", ["]"]])") == 2);
  CHECK(nesting_depth(R"("\\")") == 0);
  CHECK(nesting_depth(R"({"a":{}, "b":{"c":[]}})") == 3);
  CHECK(nesting_depth("[][][]") == 1);
  CHECK(nesting_depth("\"[[[") == 0);
  CHECK(nesting_depth("\"\\") == 0);
  CHECK(nesting_depth("]]][") == 1);
}

TEST_CASE("malformed JSON is refused with its position and without its text") {
  CHECK(refusal(R"({"password":"hush)") == "malformed JSON at byte 18");
  CHECK(refusal("nonsense").starts_with("malformed JSON at byte "));
  CHECK(refusal("").starts_with("malformed JSON at byte "));
  CHECK(refusal("{}x").starts_with("malformed JSON at byte "));
  CHECK(refusal("\"\xff\"").starts_with("malformed JSON at byte "));
  CHECK(refusal("1e999") == "JSON holds a number out of range");
}

TEST_CASE("a NUL does not end the text") {
  using namespace std::string_view_literals;
  CHECK_THROWS_AS(parse_bounded("{}\0x"sv, 100, 10), std::invalid_argument);
}

TEST_CASE("text that is no UTF-8 is written with replacements instead of an exception") {
  CHECK(to_text({{"a", "x\xff"}}) == "{\"a\":\"x\xEF\xBF\xBD\"}");
  CHECK(to_text({1, nullptr, "b"}) == "[1,null,\"b\"]");
}
