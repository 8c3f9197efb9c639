#include "support/catch.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

// A service whose broker dies goes on with another one of the same cluster.

using namespace std::chrono_literals;
using cliffracer::NatsService;
using support::eventually;
using support::NatsServer;
using support::Running;

namespace {

/// Two brokers that know each other.
class Cluster {
 public:
  Cluster() {
    REQUIRE(eventually([&] { return knows(one, two); }));
    REQUIRE(eventually([&] { return knows(two, one); }));
  }

 private:
  static std::vector<std::string> arguments(std::uint16_t own, std::uint16_t other) {
    return {"--cluster_name", "pair",
            "--cluster",      "nats://127.0.0.1:" + std::to_string(own),
            "--routes",       "nats://127.0.0.1:" + std::to_string(other)};
  }

  /// Whether `server` names the other one to its clients.
  static bool knows(const NatsServer& server, const NatsServer& other) {
    const auto socket = support::connect_loopback(server.port());
    const auto greeting = socket.receive(500ms);
    return greeting &&
           greeting->find("\"127.0.0.1:" + std::to_string(other.port()) + "\"") != std::string::npos;
  }

  std::uint16_t route_one_ = support::free_port();
  std::uint16_t route_two_ = support::free_port();

 public:
  NatsServer one{{}, arguments(route_one_, route_two_)};
  NatsServer two{{}, arguments(route_two_, route_one_)};
};

class Service : public NatsService {
 public:
  Service(std::string url, int attempts)
      : NatsService{{.name = "wanderer",
                     .nats_url = std::move(url),
                     .reconnect_time_wait = 50ms,
                     .max_reconnect_attempts = attempts}} {}

  [[nodiscard]] std::string state() const { return get_service_info().broker.state; }
  [[nodiscard]] std::string url() const { return get_service_info().broker.url; }
};

}  // namespace

TEST_CASE("a service goes on with another broker of the cluster, which it was never told about") {
  Cluster cluster;
  Service service{cluster.one.url(), -1};
  Running running{service};
  REQUIRE(eventually([&] { return service.state() == "connected"; }));
  CHECK(service.url() == cluster.one.url());
  cluster.one.kill();
  CHECK(eventually([&] { return service.state() == "connected" && service.url() == cluster.two.url(); }));
}

TEST_CASE("credentials in an address are not shown to other brokers of the cluster") {
  Cluster cluster;
  const std::string port = std::to_string(cluster.one.port());
  Service service{"nats://joe:hush@127.0.0.1:" + port, 3};
  Running running{service};
  REQUIRE(eventually([&] { return service.state() == "connected"; }));
  cluster.one.kill();
  CHECK(eventually([&] { return service.state() == "closed"; }));
  CHECK(service.get_service_info().broker.reconnects == 0);
}
