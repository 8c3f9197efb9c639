#include "support/catch.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <string>
#include <system_error>

// start() on the caller's io_context, when something comes in between.

using cliffracer::NatsService;
using namespace std::chrono_literals;

namespace {

/// Its start takes an hour, or as long as the test says.
class Slow : public NatsService {
 public:
  explicit Slow(asio::io_context& context)
      : NatsService{context, {.name = "slow", .nats_url = support::no_broker}} {}

  asio::awaitable<void> on_start() override {
    if (stops_itself) request_stop();
    co_await support::wait(length);
  }
  asio::awaitable<void> on_stop() override {
    ++stops;
    co_return;
  }

  std::chrono::nanoseconds length = 1h;
  bool stops_itself = true;
  int stops = 0;
};

/// What start() throws; null: nothing.
std::exception_ptr start(asio::io_context& context, Slow& service) {
  std::exception_ptr thrown;
  bool has_ended = false;
  asio::co_spawn(context, service.start(), [&](std::exception_ptr failure) {
    thrown = std::move(failure);
    has_ended = true;
  });
  context.restart();
  while (!has_ended) context.run_one_for(10s);
  return thrown;
}

}  // namespace

TEST_CASE("a start that a stop cuts short throws operation_aborted, and can be done again") {
  asio::io_context context;
  Slow service{context};
  const std::exception_ptr thrown = start(context, service);
  REQUIRE(thrown);
  try {
    std::rethrow_exception(thrown);
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
    CHECK(std::string{error.what()}.find("service slow: stopped while starting") != std::string::npos);
  }
  CHECK_FALSE(service.get_service_info().is_running);
  CHECK(service.stops == 0);  // its start had not ended

  service.stops_itself = false;
  service.length = 0ns;
  CHECK_FALSE(start(context, service));
  CHECK(service.get_service_info().is_running);
  asio::co_spawn(context, service.stop(), [](std::exception_ptr failure) { CHECK_FALSE(failure); });
  context.run_for(10s);
  CHECK_FALSE(service.get_service_info().is_running);
  CHECK(service.stops == 1);
}
