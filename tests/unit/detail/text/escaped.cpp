#include "support/catch.hpp"

#include <cliffracer/detail/text/service_log.hpp>

#include <spdlog/sinks/null_sink.h>

#include <string>

using cliffracer::detail::escaped;
using cliffracer::detail::service_logger;

TEST_CASE("control characters cannot forge a line or a colour") {
  CHECK(escaped("a\nb\r\tc\\") == "a\\nb\\r\\tc\\\\");
  CHECK(escaped(std::string{"\x1b[31m\0\x7f", 7}) == "\\x1b[31m\\x00\\x7f");
  CHECK(escaped("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("control characters of one byte in two are none the less") {
  CHECK(escaped("a\xc2\x9bz") == "a\\xc2\\x9bz");
  CHECK(escaped("\xc3\xa9") == "\xc3\xa9");
}

TEST_CASE("a long text is cut and said to be cut") {
  CHECK(escaped(std::string(2000, 'x'), 10) == "xxxxxxxxxx... (2000 bytes)");
  CHECK(escaped("short", 5) == "short");
}

TEST_CASE("a registered logger of the service's name is used") {
  const auto mine =
      std::make_shared<spdlog::logger>("log_test_mine", std::make_shared<spdlog::sinks::null_sink_mt>());
  spdlog::register_logger(mine);
  CHECK(service_logger("log_test_mine") == mine);
  spdlog::drop("log_test_mine");
}

TEST_CASE("a new logger writes where the default one does and can be found by its name") {
  const auto made = service_logger("log_test_new");
  CHECK(made->sinks() == spdlog::default_logger()->sinks());
  CHECK(spdlog::get("log_test_new") == made);
  CHECK(service_logger("log_test_new") == made);
  spdlog::drop("log_test_new");
}
