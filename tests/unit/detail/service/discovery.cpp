#include "support/catch.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/detail/service/discovery.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>

#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::EndpointInfo;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::ServiceConfig;
using cliffracer::ServiceInfo;
using cliffracer::timer;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualTime;
using nlohmann::json;

namespace {

namespace detail = cliffracer::detail;

class Shop : public NatsService {
 public:
  explicit Shop(ServiceConfig config) : NatsService{std::move(config)} {
    add(timer<&Shop::tidy>{.interval = 10s}, timer<&Shop::broken>{.interval = 10s, .error_backoff = 1h},
        rpc<&Shop::add_up>{.name = "add"}, rpc<&Shop::fails>{});
  }
  asio::awaitable<int> add_up(json numbers) {
    co_await sleep_for(30ms);
    co_return numbers.value("a", 0) + numbers.value("b", 0);
  }
  asio::awaitable<void> fails() {
    throw std::runtime_error{"out of stock"};
    co_return;
  }
  asio::awaitable<void> tidy() { co_return; }
  asio::awaitable<void> broken() {
    throw std::runtime_error{"the mop is gone"};
    co_return;
  }
};

ServiceConfig shop() { return {.name = "shop", .version = "1.2.3", .description = "sells"}; }

/// All answers to an inquiry.
std::vector<json> ask(VirtualTime& time, Broker& broker, const std::string& subject) {
  broker.clear_events();
  try {
    static_cast<void>(time.run(broker.request(subject)));
  } catch (const cliffracer::RpcError&) {
    return {};  // nobody is there
  }
  time.settle();
  std::vector<json> answers;
  for (const auto& event : broker.events("_INBOX.>")) answers.push_back(event.payload);
  return answers;
}

json ask_one(VirtualTime& time, Broker& broker, const std::string& subject) {
  const auto answers = ask(time, broker, subject);
  REQUIRE(answers.size() == 1);
  return answers.front();
}

}  // namespace

TEST_CASE("a service tells who it is, to all, by name and by id") {
  VirtualTime time;
  Broker broker{time};
  const auto one = time.make<Shop>(shop());
  const auto two = time.make<Shop>(shop());
  time.start(*one);
  time.start(*two);
  time.settle();
  const std::string id = one->get_service_info().id;
  REQUIRE(id != two->get_service_info().id);
  CHECK(detail::is_subject_token(id));

  CHECK(ask(time, broker, "$SRV.PING").size() == 2);
  CHECK(ask(time, broker, "$SRV.PING.shop").size() == 2);
  CHECK(ask_one(time, broker, "$SRV.PING.shop." + id) == json{{"type", "io.nats.micro.v1.ping_response"},
                                                              {"name", "shop"},
                                                              {"id", id},
                                                              {"version", "1.2.3"},
                                                              {"metadata", json::object()}});
  CHECK(ask_one(time, broker, "$SRV.INFO.shop." + id) == json{{"type", "io.nats.micro.v1.info_response"},
                                                              {"name", "shop"},
                                                              {"id", id},
                                                              {"version", "1.2.3"},
                                                              {"description", "sells"},
                                                              {"metadata", json::object()},
                                                              {"endpoints",
                                                               {{{"name", "add"},
                                                                 {"subject", "shop.rpc.add"},
                                                                 {"queue_group", "q"},
                                                                 {"metadata", json::object()}},
                                                                {{"name", "fails"},
                                                                 {"subject", "shop.rpc.fails"},
                                                                 {"queue_group", "q"},
                                                                 {"metadata", json::object()}}}}});
  CHECK(ask(time, broker, "$SRV.PING.other").empty());
  CHECK(ask(time, broker, "$SRV.PING.shop.other").empty());

  // The id is the object's; it outlives a stop. A stopped service does not answer.
  time.stop(*one);
  CHECK(ask(time, broker, "$SRV.PING.shop." + id).empty());
  time.start(*one);
  time.settle();
  CHECK(ask_one(time, broker, "$SRV.PING.shop." + id).at("id") == id);
}

TEST_CASE("a service tells what its methods and its timers have done") {
  VirtualTime time;
  Broker broker{time};
  ServiceConfig config = shop();
  config.queue_group = "clerks";
  const auto service = time.make<Shop>(std::move(config));
  CHECK_FALSE(service->get_service_info().started.has_value());
  time.advance(500ms);
  time.start(*service);
  CHECK(time.run(broker.call_rpc("shop", "add", {{"a", 1}, {"b", 2}})) == 3);
  CHECK(time.run(broker.call_rpc("shop", "add", {{"a", 1}})) == 1);
  CHECK_THROWS_AS(time.run(broker.call_rpc("shop", "fails")), cliffracer::RpcError);
  time.advance(25s);

  json stats = ask_one(time, broker, "$SRV.STATS.shop");
  CHECK(stats.at("type") == "io.nats.micro.v1.stats_response");
  CHECK(stats.at("id") == service->get_service_info().id);
  CHECK(stats.at("started") == "2026-01-01T00:00:00.500000Z");
  CHECK(stats.at("endpoints") == json{{{"name", "add"},
                                       {"subject", "shop.rpc.add"},
                                       {"queue_group", "clerks"},
                                       {"num_requests", 2},
                                       {"num_errors", 0},
                                       {"last_error", ""},
                                       {"processing_time", 60'000'000},
                                       {"average_processing_time", 30'000'000}},
                                      {{"name", "fails"},
                                       {"subject", "shop.rpc.fails"},
                                       {"queue_group", "clerks"},
                                       {"num_requests", 1},
                                       {"num_errors", 1},
                                       {"last_error", "out of stock"},
                                       {"processing_time", 0},
                                       {"average_processing_time", 0}}});
  CHECK(stats.at("data") == json(service->get_timer_stats()));
  CHECK(stats.at("data").at("timer_count") == 2);
  CHECK(stats.at("data").at("timers").at(0).at("execution_count") == 2);
  CHECK(stats.at("data").at("timers").at(1).at("last_error") == "the mop is gone");

  const json info = service->get_service_info();
  CHECK(info.at("endpoints").at(0).at("processing_time") == 0.06);
  CHECK(info.at("endpoints").at(1).at("num_errors") == 1);
  CHECK(info.at("started") == 1767225600.5);
  CHECK(info.at("methods") == json{"add", "fails"});
  CHECK(info.at("subjects") == json{"shop.rpc.*", "shop.async.*"});
}

TEST_CASE("statistics of more timers than fit into a message are left out, and that is said") {
  ServiceInfo info{.name = "shop", .id = "1"};
  info.endpoints.push_back({.name = "add", .last_error = std::string(255, 'x')});
  const cliffracer::ServiceTimerStats timers{.timer_count = 3,
                                             .timers = std::vector<cliffracer::TimerStats>(3)};
  int taken = 0;
  const auto take = [&] {
    ++taken;
    return json(timers);
  };
  const std::string whole = detail::stats_text(info, 3, take, 1'000'000);
  CHECK(json::parse(whole).at("data") == json(timers));
  CHECK(detail::stats_text(info, 3, take, whole.size()) == whole);
  CHECK(taken == 2);
  const json omitted = {{"timer_count", 3}, {"timers", json::array()}, {"timers_omitted", 3}};
  CHECK(json::parse(detail::stats_text(info, 3, take, whole.size() - 1)).at("data") == omitted);
  CHECK(taken == 3);
  // Known without looking at them.
  CHECK(json::parse(detail::stats_text(info, 3, take, 2 * detail::least_timer_bytes)).at("data") == omitted);
  CHECK(taken == 3);
  CHECK(json(cliffracer::TimerStats{}).dump().size() > detail::least_timer_bytes);
}

TEST_CASE("an answer is never longer than the broker takes") {
  VirtualTime time;
  Broker broker{time, {.max_payload = 2000}};
  const auto service = time.make<Shop>(shop());
  time.start(*service);
  const json stats = ask_one(time, broker, "$SRV.STATS");
  CHECK(stats.at("data").at("timers_omitted") == 2);
  CHECK(stats.at("endpoints").size() == 2);
}

TEST_CASE("an answer that cannot be given is a line of the log") {
  VirtualTime time;
  Broker broker{time, {.max_payload = 100}};
  const auto service = time.make<Shop>(shop());
  time.start(*service);
  const LogCapture log{"shop"};
  CHECK_THROWS_AS(time.run(broker.request("$SRV.STATS", {}, 1s)), std::system_error);
  CHECK(log.count("service shop: $SRV.STATS is not answered: ") == 1);
}

TEST_CASE("a service that shall not be discovered does not answer, nor one whom nobody can be answered") {
  VirtualTime time;
  Broker broker{time};
  ServiceConfig config = shop();
  SECTION("without discovery") {
    config.discovery = false;
    const auto service = time.make<Shop>(std::move(config));
    time.start(*service);
    CHECK(ask(time, broker, "$SRV.PING").empty());
    CHECK(time.run(broker.call_rpc("shop", "add")) == 0);
  }
  SECTION("without a place for the answer") {
    const auto service = time.make<Shop>(std::move(config));
    time.start(*service);
    broker.publish("$SRV.PING", json::object());
    broker.publish_text("$SRV.PING", "no JSON");
    time.settle();
    CHECK(broker.events(">").size() == 2);
  }
}

TEST_CASE("a request to the timers of a service reaches every replica, or the one that it names") {
  VirtualTime time;
  Broker broker{time};
  ServiceConfig config = shop();
  config.remote_control = true;
  const auto one = time.make<Shop>(config);
  const auto two = time.make<Shop>(config);
  time.start(*one);
  time.start(*two);
  time.settle();
  const auto answers_to = [&](const json& request) {
    broker.clear_events();
    try {
      static_cast<void>(time.run(broker.request("shop.rpc.timers.no_such", request, 1s)));
    } catch (const std::system_error&) {
    }
    time.settle();
    std::vector<std::string> by;
    for (const auto& event : broker.events("_INBOX.>")) {
      CHECK(event.service_error_code == 404);
      CHECK(event.payload.at("error") == "Unknown method: timers.no_such");
      by.push_back(event.service);
    }
    return by.size();
  };
  CHECK(answers_to(json::object()) == 2);
  CHECK(answers_to({{"instance", one->get_service_info().id}}) == 1);
  CHECK(answers_to({{"instance", "another"}}) == 0);
  CHECK(answers_to({{"instance", 7}}) == 0);
  CHECK(one->get_service_info().subjects ==
        std::vector<std::string>{"shop.rpc.*", "shop.async.*", "shop.rpc.timers.*"});

  const auto without = time.make<Shop>(ServiceConfig{.name = "plain"});
  time.start(*without);
  time.settle();
  CHECK_THROWS_AS(time.run(broker.request("plain.rpc.timers.pause", {}, 1s)), cliffracer::RpcError);
}
