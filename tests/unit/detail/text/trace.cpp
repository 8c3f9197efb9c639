#include "support/catch.hpp"

#include <cliffracer/detail/text/trace.hpp>

#include <set>
#include <string>

using namespace cliffracer::detail;

namespace {

constexpr const char* usual = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

}  // namespace

TEST_CASE("a traceparent is read and written") {
  const auto trace = parse_traceparent(usual);
  REQUIRE(trace.has_value());
  CHECK(trace->high == 0x0af7651916cd43dd);
  CHECK(trace->low == 0x8448eb211c80319c);
  CHECK(trace->span == 0xb7ad6b7169203331);
  CHECK(trace->flags == 1);
  CHECK(traceparent_of(*trace) == usual);
  CHECK(trace_id_text(*trace) == "0af7651916cd43dd8448eb211c80319c");
}

TEST_CASE("what W3C allows in a traceparent is read") {
  const std::string text = usual;
  // Half of an id may be zero, and so may the flags.
  for (const char* good : {"00-0000000000000000000000000000000a-0000000000000001-00",
                           "00-a0000000000000000000000000000000-b7ad6b7169203331-ff"}) {
    INFO(good);
    const auto trace = parse_traceparent(good);
    REQUIRE(trace.has_value());
    CHECK(traceparent_of(*trace) == good);
  }
  // Later versions are read as the one that is known, and may go on behind another hyphen.
  for (const std::string& later : {"cc" + text.substr(2), "cc" + text.substr(2) + "-what-the-future",
                                   "01" + text.substr(2) + "-", "fe" + text.substr(2)}) {
    INFO(later);
    const auto trace = parse_traceparent(later);
    REQUIRE(trace.has_value());
    CHECK(traceparent_of(*trace) == usual);
  }
}

TEST_CASE("a traceparent that W3C has ignored is ignored") {
  const std::string text = usual;
  for (const std::string& bad : {std::string{},
                                 std::string{"00"},
                                 text.substr(0, 54),
                                 text + " ",
                                 text + "-",
                                 text + "-more",
                                 " " + text,
                                 "ff" + text.substr(2),
                                 "cc" + text.substr(2) + ".more",
                                 "cc" + text.substr(2) + "0",
                                 std::string{"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319c-B7ad6b7169203331-01"},
                                 std::string{"00-00000000000000000000000000000000-b7ad6b7169203331-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333.-01"},
                                 std::string{"0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x"},
                                 std::string{"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01"},
                                 std::string{"00-0af7651916cd43dd8448eb211c8031-b7ad6b716920333111-01"},
                                 std::string(55, '\0')}) {
    INFO(bad);
    CHECK_FALSE(parse_traceparent(bad).has_value());
  }
}

TEST_CASE("a trace that is made is valid, and a child is another span of the same trace") {
  std::set<std::string> seen;
  for (int n = 0; n < 1000; ++n) {
    const Trace trace = make_trace();
    REQUIRE(trace.is_valid());
    REQUIRE(parse_traceparent(traceparent_of(trace)) == trace);
    REQUIRE(seen.insert(trace_id_text(trace)).second);
    const Trace child = child_of(trace);
    REQUIRE(child.is_valid());
    CHECK(trace_id_text(child) == trace_id_text(trace));
    CHECK(child.span != trace.span);
    CHECK(child.flags == trace.flags);
  }
  CHECK_FALSE(Trace{}.is_valid());
  Trace parent = make_trace();
  parent.flags = 0xff;
  CHECK(child_of(parent).flags == 0x03);
  parent.flags = 0;
  CHECK(child_of(parent).flags == 0);
}
