#include "support/catch.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::RpcError;
using cliffracer::timer;
using cliffracer::testing::Broker;
using cliffracer::testing::VirtualTime;
using nlohmann::json;

namespace {

class Shop : public NatsService {
 public:
  explicit Shop(bool remote_control) : NatsService{{.name = "shop", .remote_control = remote_control}} {
    add(timer<&Shop::tidy>{.interval = 1min});
  }
  asio::awaitable<void> tidy() {
    ++tidied;
    co_return;
  }
  int tidied = 0;
};

json ask(VirtualTime& time, Broker& broker, const std::string& what, const json& arguments) {
  json reply = time.run(broker.request("shop.rpc.timers." + what, arguments));
  time.settle();
  return reply;
}

}  // namespace

TEST_CASE("a timer is paused, resumed, triggered and given another interval by requests") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>(true);
  time.start(*shop);

  json reply = ask(time, broker, "pause", {{"name", "tidy"}, {"reason", "stocktaking"}});
  CHECK(reply["result"]["is_paused"] == true);
  CHECK(reply["result"]["pause_reason"] == "stocktaking");
  time.advance(5min);
  CHECK(shop->tidied == 0);

  reply = ask(time, broker, "trigger", {{"name", "tidy"}});
  time.advance(0s);
  CHECK(shop->tidied == 1);

  reply = ask(time, broker, "resume", {{"name", "tidy"}});
  CHECK(reply["result"]["is_paused"] == false);
  CHECK(reply["result"]["skipped"]["paused"] == 5);
  time.advance(1min);
  CHECK(shop->tidied == 2);

  reply = ask(time, broker, "set_interval", {{"name", "tidy"}, {"interval", 7.5}});
  CHECK(reply["result"]["interval"] == 7.5);
  time.advance(1min);
  CHECK(shop->tidied == 10);
}

TEST_CASE("a pause has the end that is asked for") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>(true);
  time.start(*shop);
  const auto end = time.wall_clock() + 90s;
  const double in_seconds = std::chrono::duration<double>{end.time_since_epoch()}.count();
  const json reply = ask(time, broker, "pause", {{"name", "tidy"}, {"until", in_seconds}});
  CHECK(reply["result"]["paused_until"] == in_seconds);
  time.advance(2min);
  CHECK(shop->tidied == 1);
  shop->pause("tidy", "again", time.wall_clock() + 30s);
  time.settle();
  CHECK(shop->get_timer_stats().timers[0].paused_until == time.wall_clock() + 30s);
  try {
    shop->pause("tidy", "", time.wall_clock());
    FAIL("not refused");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string{error.what()} == "service shop: pause(tidy): until must be in the future");
  }
}

TEST_CASE("the coming runs of a timer can be asked for by a request") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>(true);
  time.start(*shop);
  const double begin = std::chrono::duration<double>{time.wall_clock().time_since_epoch()}.count();
  const json reply = ask(time, broker, "next_runs", {{"name", "tidy"}, {"count", 3}});
  CHECK(reply["result"] == json{{"name", "tidy"}, {"next_runs", {begin + 60, begin + 120, begin + 180}}});
  CHECK(ask(time, broker, "next_runs", {{"name", "tidy"}})["result"]["next_runs"].size() == 10);
}

TEST_CASE("a request that makes no sense is answered with what is wrong") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>(true);
  time.start(*shop);
  const auto error = [&](const std::string& what, const json& arguments) {
    return ask(time, broker, what, arguments).value("error", "none");
  };
  CHECK(error("pause", json::object()) == "bad argument: name must be a text");
  CHECK(error("pause", {{"name", 7}}) == "bad argument: name must be a text");
  CHECK(error("pause", {{"name", "tidy"}, {"reason", 7}}) == "bad argument: reason must be a text");
  CHECK(error("pause", {{"name", "tidy"}, {"until", "noon"}}) ==
        "bad argument: until must be a number of seconds");
  CHECK(error("pause", {{"name", "tidy"}, {"until", 1e300}}) ==
        "bad argument: until must be a point in time before 2262");
  CHECK(error("pause", {{"name", "tidy"}, {"until", 5}}) ==
        "bad argument: service shop: pause(tidy): until must be in the future");
  CHECK(error("trigger", {{"name", "x"}}) == "bad argument: service shop: there is no timer \"x\"");
  CHECK(error("set_interval", {{"name", "tidy"}}) == "bad argument: interval must be a number of seconds");
  CHECK(error("set_interval", {{"name", "tidy"}, {"interval", "1"}}) ==
        "bad argument: interval must be a number of seconds");
  CHECK(error("set_interval", {{"name", "tidy"}, {"interval", 0}}) ==
        "bad argument: service shop: timer tidy: interval must be greater than zero");
  CHECK(error("set_interval", {{"name", "tidy"}, {"interval", 1e300}}) ==
        "bad argument: service shop: timer tidy: interval must fit in 64-bit nanoseconds (292 years)");
  CHECK(error("next_runs", {{"name", "tidy"}, {"count", -1}}) ==
        "bad argument: count must be a whole number up to 1000");
  CHECK(error("next_runs", {{"name", "tidy"}, {"count", 1001}}) ==
        "bad argument: count must be a whole number up to 1000");
  CHECK(error("next_runs", {{"name", "x"}}) == "bad argument: service shop: there is no timer \"x\"");
  CHECK(error("erase", {{"name", "tidy"}}) == "Unknown method: timers.erase");
  CHECK(shop->get_timer_stats().timers[0].interval == 1min);
  CHECK_FALSE(shop->get_timer_stats().timers[0].is_paused);
}

TEST_CASE("nobody controls the timers of a service that does not allow it") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>(false);
  time.start(*shop);
  CHECK_THROWS_AS(ask(time, broker, "pause", {{"name", "tidy"}}), RpcError);
  CHECK_FALSE(shop->get_timer_stats().timers[0].is_paused);
}

TEST_CASE("all replicas obey, or the one that is named") {
  VirtualTime time;
  Broker broker{time};
  const auto one = time.make<Shop>(true);
  const auto two = time.make<Shop>(true);
  time.start(*one);
  time.start(*two);
  static_cast<void>(ask(time, broker, "pause", {{"name", "tidy"}}));
  CHECK(one->get_timer_stats().timers[0].is_paused);
  CHECK(two->get_timer_stats().timers[0].is_paused);
  const std::string id = two->get_service_info().id;
  static_cast<void>(ask(time, broker, "resume", {{"name", "tidy"}, {"instance", id}}));
  CHECK(one->get_timer_stats().timers[0].is_paused);
  CHECK_FALSE(two->get_timer_stats().timers[0].is_paused);
}

TEST_CASE("the methods of the remote control are endpoints with counters") {
  VirtualTime time;
  Broker broker{time};
  const auto shop = time.make<Shop>(true);
  time.start(*shop);
  static_cast<void>(ask(time, broker, "pause", {{"name", "tidy"}}));
  static_cast<void>(ask(time, broker, "pause", json::object()));
  const auto info = shop->get_service_info();
  CHECK(info.methods.empty());
  REQUIRE(info.endpoints.size() == 5);
  CHECK(info.endpoints[0].subject == "shop.rpc.timers.pause");
  CHECK(info.endpoints[0].num_requests == 2);
  CHECK(info.endpoints[0].num_errors == 1);
}
