#include "support/catch.hpp"

#include <cliffracer/detail/message/handler_stats.hpp>

#include <atomic>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::detail::HandlerStats;

TEST_CASE("a handler's requests, errors and times add up, and the newest error stays") {
  HandlerStats stats;
  stats.succeeded(2s);
  stats.failed(3s, "first");
  stats.failed(0s, "second");
  stats.succeeded(-1s);
  const auto now = stats.snapshot();
  CHECK(now.requests == 4);
  CHECK(now.errors == 2);
  CHECK(now.last_error == "second");
  CHECK(now.processing_time == 5s);
}

TEST_CASE("a handler that holds the event loop is worth a line when it is twice as long as in the last one") {
  HandlerStats stats;
  CHECK(stats.held(100ms));
  CHECK_FALSE(stats.held(199ms));
  CHECK(stats.held(200ms));
  CHECK_FALSE(stats.held(399ms));
  CHECK(stats.held(1h));
}

TEST_CASE("a snapshot on another thread is consistent") {
  HandlerStats stats;
  std::atomic<bool> is_over{false};
  std::thread writer{[&] {
    for (int n = 0; n < 200'000; ++n) {
      const std::string text(static_cast<std::size_t>(n % 200), static_cast<char>('a' + n % 26));
      stats.failed(1ns, text);
    }
    is_over = true;
  }};
  bool is_consistent = true;
  while (!is_over) {
    const auto now = stats.snapshot();
    is_consistent =
        is_consistent && now.errors == now.requests &&
        now.processing_time == std::chrono::nanoseconds{static_cast<std::int64_t>(now.requests)} &&
        now.last_error.find_first_not_of(now.last_error.substr(0, 1)) == std::string::npos;
  }
  writer.join();
  CHECK(is_consistent);
  CHECK(stats.snapshot().requests == 200'000);
}
