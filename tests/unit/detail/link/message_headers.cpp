#include "support/catch.hpp"

#include <cliffracer/detail/link/message_headers.hpp>

#include <string>
#include <vector>

using namespace cliffracer::detail;

TEST_CASE("headers are those that there are, in their order, and counted as they are on the wire") {
  MessageHeaders headers;
  CHECK(headers.empty());
  CHECK(wire_bytes(headers) == 0);
  headers.correlation_id = "id";
  CHECK(wire_bytes(headers) == std::string{"NATS/1.0\r\ncorrelation_id: id\r\n\r\n"}.size());
  headers.trace = parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").value();
  headers.service_error = "out of stock";
  headers.service_error_code = 500;
  std::string wire = "NATS/1.0\r\n";
  for_each_header(headers, [&](const std::string& name, const std::string& value) {
    wire.append(name).append(": ").append(value).append("\r\n");
  });
  wire += "\r\n";
  CHECK(wire ==
        "NATS/1.0\r\ncorrelation_id: id\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
        "Nats-Service-Error: out of stock\r\nNats-Service-Error-Code: 500\r\n\r\n");
  CHECK(wire_bytes(headers) == wire.size());
  CHECK(headers.text_bytes() == 14);
}

TEST_CASE("the text of an error is a header of one line that every client can read") {
  CHECK(error_header_text("out of stock") == "out of stock");
  CHECK(error_header_text(" first\r\nForged: yes\t\x7f\x1b[2J\n") == "first  Forged: yes   [2J");
  CHECK(error_header_text("gr\xc3\xb6\xc3\x9f"
                          "er \xe2\x82\xac \xf0\x9f\x98\x80 \xff\x80") == "gr??er ? ? ?");
  CHECK(error_header_text(std::string(300, 'x')) == std::string(255, 'x'));
  CHECK(error_header_text(std::string(255, 'x') + "\n") == std::string(255, 'x'));
  for (const char* none : {"", " ", "\r\n", "\x80"}) CHECK(error_header_text(none) == "unknown error");
}
