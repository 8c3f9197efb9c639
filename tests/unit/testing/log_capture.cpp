#include "support/catch.hpp"

#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/testing/log_capture.hpp>

#include <spdlog/spdlog.h>

using cliffracer::testing::LogCapture;

TEST_CASE("the lines of a service are kept as long as the capture lives") {
  const auto logger = cliffracer::detail::service_logger("captured_service");
  const auto sinks = logger->sinks();
  {
    LogCapture log{"captured_service", spdlog::level::warn};
    logger->info("below the level");
    logger->warn("one of {}", 2);
    logger->error("two of {}", 2);
    REQUIRE(log.lines().size() == 2);
    CHECK(log.lines()[0].text == "one of 2");
    CHECK(log.lines()[1].level == spdlog::level::err);
    CHECK(log.count("of 2") == 2);
    CHECK(log.count("one") == 1);
  }
  CHECK(logger->sinks() == sinks);
  CHECK(logger->level() == spdlog::level::info);
}
