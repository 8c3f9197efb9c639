#include "support/catch.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using cliffracer::listener;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::timer;
using nlohmann::json;
using support::eventually;
using support::NatsClient;
using support::NatsServer;
using support::Running;

namespace {

/// The server's configuration that is recommended for production, but for where JetStream stores.
std::string recommended_config() {
  const auto root = std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path();
  std::ifstream file{root / "examples/production/nats.conf"};
  REQUIRE(file);
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const std::size_t begin = text.find("\njetstream: {store_dir: ");
  REQUIRE(begin != std::string::npos);
  return text.substr(0, begin) + text.substr(text.find('\n', begin + 1));
}

class Orders : public NatsService {
 public:
  explicit Orders(const std::string& url)
      : NatsService{{.name = "orders",
                     .nats_url = url,
                     .remote_control = true,
                     .user = "orders",
                     .password = "orders-password"}} {
    add(timer<&Orders::report>{.interval = 10ms, .eager = true},
        timer<&Orders::bill>{.interval = 100ms, .scope = cliffracer::Scope::cluster}, rpc<&Orders::take>{},
        listener<&Orders::on_stock>{.subject = "stock.*"});
  }

 private:
  asio::awaitable<void> report() {
    publish_event("orders.report", {{"orders", 1}});
    co_return;
  }
  asio::awaitable<void> bill() { co_return; }
  asio::awaitable<int> take() { co_return 7; }
  asio::awaitable<void> on_stock(json) { co_return; }
};

/// Whether `user` gets an answer to a request.
bool is_answered(const NatsServer& server, const std::string& user, const std::string& subject,
                 const std::string& payload) {
  NatsClient client{server.port(), "\"user\":\"" + user + "\",\"pass\":\"" + user + "-password\""};
  client.subscribe("_INBOX.asker.*");
  client.publish(subject, payload, "_INBOX.asker.1");
  try {
    return client.next(500ms).has_value();
  } catch (const std::runtime_error& refused) {
    CHECK(std::string{refused.what()}.find("Permissions Violation") != std::string::npos);
    return false;
  }
}

}  // namespace

TEST_CASE("the permissions recommended for production are all that a service needs") {
  NatsServer server{recommended_config(), {}, NatsServer::JetStream::on};
  Orders orders{server.url()};
  Running running{orders};
  REQUIRE(eventually([&] { return orders.get_service_info().broker.published > 10; }));
  CHECK(eventually([&] { return orders.get_timer_stats().timers[1].claims.won > 1; }));
  CHECK(is_answered(server, "watcher", "$SRV.STATS", ""));
  CHECK(is_answered(server, "watcher", "$SRV.PING.orders." + orders.get_service_info().id, ""));
  CHECK(is_answered(server, "operator", "orders.rpc.timers.trigger", R"({"name": "report"})"));
  running.stop();
  CHECK(orders.get_service_info().broker.last_error.empty());
  CHECK(server.log().find("Violation") == std::string::npos);
}

TEST_CASE("with the permissions recommended for production who may look may not touch") {
  NatsServer server{recommended_config(), {}, NatsServer::JetStream::on};
  Orders orders{server.url()};
  Running running{orders};
  REQUIRE(eventually([&] { return orders.get_service_info().broker.published > 10; }));
  CHECK_FALSE(is_answered(server, "watcher", "orders.rpc.timers.pause", R"({"name": "report"})"));
  CHECK_FALSE(is_answered(server, "operator", "orders.rpc.take", "{}"));
  CHECK_FALSE(orders.get_timer_stats().timers[0].is_paused);
}
