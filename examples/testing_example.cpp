// A service with timers of a day and an hour, and its tests: virtual time makes a month pass in
// milliseconds, on the code that runs in production.
//
//     testing_example                    runs the tests
//     testing_example --durations yes    and says how long each took
//
// Catch2 stands for any framework: nothing here but TEST_CASE, CHECK and REQUIRE is its own. Left out: a
// database. Two services and a broker between them are in the README.
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/run_log.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;
using cliffracer::timer;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::Outcome;
using cliffracer::testing::RunLog;
using cliffracer::testing::VirtualTime;

namespace {

//[tested_service
/// Removes old files every night, and says every hour that it is there.
class Cleanup : public cliffracer::NatsService {
 public:
  Cleanup() : NatsService{{.name = "cleanup"}} {
    add(timer<&Cleanup::remove_old_files>{.interval = 24h, .error_backoff = 10min},
        timer<&Cleanup::heartbeat>{.interval = 1h});
  }

  bool is_disk_broken = false;

 private:
  void remove_old_files() {
    if (is_disk_broken) throw std::runtime_error{"input/output error"};
    publish_event("files.removed", {{"count", 42}});
  }
  asio::awaitable<void> heartbeat() {
    publish_event("cleanup.heartbeat", {{"status", "alive"}});
    co_return;
  }
};
//]

}  // namespace

//[test_of_a_day
TEST_CASE("old files are removed once a day") {
  VirtualTime time;
  Broker broker{time};
  const auto service = time.make<Cleanup>();

  time.start(*service);
  time.advance(24h - 1ns);
  CHECK(broker.events("files.removed").empty());
  time.advance(1ns);
  CHECK(broker.events("files.removed").size() == 1);
  CHECK(broker.events("cleanup.heartbeat").size() == 24);
  time.advance(29 * 24h);
  CHECK(broker.events("files.removed").size() == 30);
}
//]

//[test_of_a_failure
TEST_CASE("after a failure the removal is tried again ten minutes later") {
  VirtualTime time;
  RunLog runs{time};
  LogCapture log{"cleanup"};
  const auto service = time.make<Cleanup>();

  service->is_disk_broken = true;
  time.start(*service);
  time.run_until(24h + 1min);
  service->is_disk_broken = false;
  time.run_until(48h);

  const auto removals = runs.of("cleanup", "remove_old_files");
  REQUIRE(removals.size() == 3);
  CHECK(removals[0].outcome == Outcome::failed);
  CHECK(removals[1].started == 24h + 10min);
  CHECK(removals[1].attempt == 2);
  CHECK(removals[2].started == 48h);
  CHECK(log.count("input/output error") == 1);
  CHECK(service->get_timer_stats().timers[0].error_count == 1);
}
//]
