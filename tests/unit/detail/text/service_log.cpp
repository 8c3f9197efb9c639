#include "support/captured_log.hpp"
#include "support/catch.hpp"

#include <cliffracer/detail/text/service_log.hpp>

#include <spdlog/spdlog.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using cliffracer::detail::service_logger;
using cliffracer::detail::ServiceLog;
using Lines = std::vector<std::string>;

namespace {

/// Counts how often it is formatted.
struct Counted {
  int* times;
};

/// Cannot be formatted.
struct Broken {
  bool is_std = true;
};

}  // namespace

template <>
struct fmt::formatter<Counted> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const Counted& value, fmt::format_context& context) const {
    ++*value.times;
    return context.out();
  }
};

template <>
struct fmt::formatter<Broken> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  fmt::format_context::iterator format(const Broken& value, fmt::format_context&) const {
    if (value.is_std) throw std::runtime_error{"broken"};
    throw 42;
  }
};

TEST_CASE("each line begins with the service's name") {
  CapturedLog captured;
  captured.logger()->set_level(spdlog::level::debug);
  const ServiceLog log = captured.of_service("shop");
  log.debug("one");
  log.info("two {}", 2);
  log.warn("{} {:.3f} s", std::string{"three"}, 0.25);
  log.error("{}", "four");
  log.critical("{}", std::string_view{"five"});
  CHECK(captured.lines() == Lines{"debug: service shop: one", "info: service shop: two 2",
                                  "warning: service shop: three 0.250 s", "error: service shop: four",
                                  "critical: service shop: five"});
}

TEST_CASE("braces in a line's arguments and in the service's name stay as they are") {
  CapturedLog captured;
  const ServiceLog log = captured.of_service("{} {0} {");
  log.info("{} {{}}", "{:d} }{ {}");
  CHECK(captured.lines() == Lines{"info: service {} {0} {: {:d} }{ {} {}"});
}

TEST_CASE("a line of any length is whole") {
  CapturedLog captured;
  const std::string longest(100'000, 'x');
  captured.of_service("shop").info("{}", longest);
  CHECK(captured.lines() == Lines{"info: service shop: " + longest});
}

TEST_CASE("a line of a level that is off is not formatted") {
  CapturedLog captured;
  captured.logger()->set_level(spdlog::level::warn);
  const ServiceLog log = captured.of_service("shop");
  int times = 0;
  CHECK_FALSE(log.should_log(spdlog::level::info));
  CHECK(log.should_log(spdlog::level::warn));
  log.info("{}", Counted{&times});
  CHECK(times == 0);
  log.warn("{}", Counted{&times});
  CHECK(times == 1);
  CHECK(captured.lines().size() == 1);
}

TEST_CASE("a logger that keeps a backtrace gets the lines of levels that are off") {
  CapturedLog captured;
  captured.logger()->enable_backtrace(4);
  const ServiceLog log = captured.of_service("shop");
  log.debug("kept");
  CHECK(captured.lines().empty());
  captured.logger()->dump_backtrace();
  CHECK(captured.count("debug: service shop: kept") == 1);
}

TEST_CASE("what a line throws while it is formatted does not escape, and is told") {
  CapturedLog captured;
  const ServiceLog log = captured.of_service("shop");
  log.warn("{}", Broken{});
  log.error("{}", Broken{.is_std = false});
  log.info("{}", "next");
  CHECK(captured.lines() == Lines{"warning: a line of this log could not be formatted",
                                  "error: a line of this log could not be formatted",
                                  "info: service shop: next"});
}

TEST_CASE("a copy writes to the same logger") {
  CapturedLog captured;
  const ServiceLog log = captured.of_service("shop");
  const ServiceLog copy = log;
  CHECK(copy.service() == "shop");
  CHECK(copy.logger() == captured.logger());
  copy.info("copied");
  CHECK(captured.lines() == Lines{"info: service shop: copied"});
}

TEST_CASE("without a logger of its own it takes the one of the service's name") {
  const ServiceLog log{"service_log_test"};
  CHECK(log.logger() == service_logger("service_log_test"));
  CHECK(log.service() == "service_log_test");
  spdlog::drop("service_log_test");
}
