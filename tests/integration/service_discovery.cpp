#include "support/catch.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <chrono>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::timer;
using nlohmann::json;
using support::eventually;
using support::NatsClient;
using support::NatsServer;
using support::Running;

namespace {

class Orders : public NatsService {
 public:
  explicit Orders(const std::string& url)
      : NatsService{{.name = "orders", .nats_url = url, .version = "2.1.0", .description = "takes orders"}} {
    add(timer<&Orders::heartbeat>{.interval = 20ms, .eager = true}, rpc<&Orders::take>{},
        rpc<&Orders::fails>{});
  }

 private:
  asio::awaitable<void> heartbeat() { co_return; }
  asio::awaitable<int> take() {
    publish_event("orders.taken", {{"n", 1}});
    co_return 7;
  }
  void fails() { throw std::runtime_error{"out of stock\r\nForged: yes"}; }
};

/// The lines of a header block by name.
std::map<std::string, std::string> headers_of(const support::WireMessage& message) {
  std::istringstream lines{message.headers};
  std::map<std::string, std::string> headers;
  std::string line;
  REQUIRE(std::getline(lines, line));
  CHECK(line == "NATS/1.0\r");
  while (std::getline(lines, line) && line != "\r") {
    const auto colon = line.find(": ");
    REQUIRE(colon != std::string::npos);
    CHECK(headers.emplace(line.substr(0, colon), line.substr(colon + 2, line.size() - colon - 3)).second);
  }
  return headers;
}

support::WireMessage next(NatsClient& client) {
  auto message = client.next();
  REQUIRE(message.has_value());
  return std::move(*message);
}

constexpr const char* trace_id = "0af7651916cd43dd8448eb211c80319c";

}  // namespace

TEST_CASE("a foreign client's trace goes through a service, and errors have the headers of ADR-32") {
  NatsServer server;
  Orders service{server.url()};
  Running running{service};
  REQUIRE(eventually([&] { return service.get_service_info().broker.state == "connected"; }));
  NatsClient client{server.port()};
  client.subscribe("orders.taken");
  client.subscribe("answers.*");

  const std::string traceparent = std::string{"00-"} + trace_id + "-b7ad6b7169203331-01";
  client.publish_with_header("orders.rpc.take", "traceparent", traceparent, "{}", "answers.1");
  const auto event = next(client);
  REQUIRE(event.subject == "orders.taken");
  const auto reply = next(client);
  CHECK(json::parse(reply.payload).at("result") == 7);
  const auto sent = headers_of(event);
  const auto answered = headers_of(reply);
  CHECK(sent.at("traceparent").substr(0, 36) == std::string{"00-"} + trace_id + "-");
  CHECK(sent.at("traceparent").substr(52) == "-01");
  CHECK(sent.at("traceparent") != traceparent);
  CHECK(answered.at("traceparent") == sent.at("traceparent"));
  CHECK(answered.at("correlation_id") == sent.at("correlation_id"));
  CHECK_FALSE(answered.contains("Nats-Service-Error"));

  client.publish("orders.rpc.fails", "{}", "answers.2");
  const auto failed = next(client);
  const auto headers = headers_of(failed);
  CHECK(headers.at("Nats-Service-Error") == "out of stock  Forged: yes");
  CHECK(headers.at("Nats-Service-Error-Code") == "500");
  CHECK(headers.at("traceparent").size() == 55);
  CHECK_FALSE(headers.contains("Forged"));
  CHECK(json::parse(failed.payload).at("error") == "out of stock\r\nForged: yes");

  const std::map<std::string, std::string> codes{
      {"no_such {}", "404"}, {"take [1]", "400"}, {"take {", "400"}};
  for (const auto& [request, code] : codes) {
    INFO(request);
    const auto blank = request.find(' ');
    client.publish("orders.rpc." + request.substr(0, blank), request.substr(blank + 1), "answers.3");
    CHECK(headers_of(next(client)).at("Nats-Service-Error-Code") == code);
  }
}

TEST_CASE("a foreign client finds a service on the subjects of ADR-32") {
  NatsServer server;
  Orders service{server.url()};
  Running running{service};
  REQUIRE(eventually([&] { return service.get_service_info().broker.state == "connected"; }));
  const std::string id = service.get_service_info().id;
  NatsClient client{server.port()};
  client.subscribe("answers.*");
  client.publish("orders.rpc.fails", "{}", "answers.0");
  static_cast<void>(next(client));

  const std::map<std::string, std::string> types{{"PING", "io.nats.micro.v1.ping_response"},
                                                 {"INFO", "io.nats.micro.v1.info_response"},
                                                 {"STATS", "io.nats.micro.v1.stats_response"}};
  for (const auto& [verb, type] : types) {
    for (const std::string& whom : {std::string{}, std::string{".orders"}, ".orders." + id}) {
      INFO(verb + whom);
      client.publish("$SRV." + verb + whom, "", "answers.1");
      const json answer = json::parse(next(client).payload);
      CHECK(answer.at("type") == type);
      CHECK(answer.at("name") == "orders");
      CHECK(answer.at("id") == id);
      CHECK(answer.at("version") == "2.1.0");
      CHECK(answer.at("metadata").is_object());
      CHECK(answer.contains("endpoints") == (verb != "PING"));
      if (verb != "STATS") continue;
      CHECK(answer.at("endpoints").at(1).at("num_errors") == 1);
      CHECK(answer.at("endpoints").at(1).at("last_error") == "out of stock\r\nForged: yes");
      CHECK(answer.at("started").get<std::string>().back() == 'Z');
      CHECK(answer.at("data").at("timers").at(0).at("name") == "heartbeat");
    }
  }
  for (const char* nobody : {"$SRV.PING.other", "$SRV.PING.orders.other", "$SRV.NO"}) {
    client.publish(nobody, "", "answers.2");
    const auto answer = next(client);
    CHECK(answer.headers.find(" 503") != std::string::npos);
  }
}
