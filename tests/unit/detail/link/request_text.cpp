#include <cliffracer/detail/link/request_text.hpp>

#include <string>

#include "support/catch.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;
using cliffracer::RpcError;

TEST_CASE("a header's value is one line of bounded length") {
  CHECK(header_text("id-1") == "id-1");
  CHECK(header_text("a\r\nb\x7f\tc") == "abc");
  CHECK(header_text(std::string(300, 'x')).size() == 256);
}

TEST_CASE("no two tokens are alike") {
  CHECK(unique_token().size() == 22);
  CHECK(unique_token() != unique_token());
}

TEST_CASE("times are said in seconds") {
  CHECK(seconds_text(100ms) == "0.1 s");
  CHECK(seconds_text(30s) == "30 s");
}

TEST_CASE("a failed request names service and method, or the subject that is none of a method") {
  const RpcError of_method = rpc_error(RpcError::Reason::bad_reply, "a.rpc.b", "why");
  CHECK(of_method.service() == "a");
  CHECK(of_method.method() == "b");
  CHECK(of_method.detail() == "why");
  const RpcError of_subject = rpc_error(RpcError::Reason::no_responders, "a.b", "");
  CHECK(of_subject.service() == "a.b");
  CHECK(of_subject.method().empty());
}
