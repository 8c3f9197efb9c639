#include "support/catch.hpp"
#include "support/fault_certificates.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

// A broker that wants to see a certificate of its clients.

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::ServiceConfig;
using cliffracer::TlsConfig;
using support::Certificates;
using support::eventually;
using support::NatsServer;
using support::Running;

namespace {

class Service : public NatsService {
 public:
  using NatsService::NatsService;
  [[nodiscard]] std::string state() const { return get_service_info().broker.state; }
};

/// How the connection is when it is decided: "connected" or "closed".
std::string state_with(const NatsServer& server, TlsConfig tls) {
  ServiceConfig config{.name = "shy", .nats_url = "tls://127.0.0.1:" + std::to_string(server.port())};
  config.reconnect_time_wait = 10ms;
  config.max_reconnect_attempts = 1;
  config.tls = std::move(tls);
  Service service{std::move(config)};
  Running running{service};
  CHECK(eventually([&] { return service.state() == "connected" || service.state() == "closed"; }));
  return service.state();
}

}  // namespace

TEST_CASE("a broker that asks for a certificate takes the right one only") {
  const Certificates& certificates = Certificates::get();
  if (!certificates.available()) {
    WARN("the openssl program is not installed: certificates of clients were not tested");
    return;
  }
  const std::string authority = certificates.authority();
  const auto file = [&](const char* name) {
    return (std::filesystem::path{authority}.parent_path() / name).string();
  };
  NatsServer server{"tls { cert_file: \"" + file("good.pem") + "\", key_file: \"" + file("good.key") +
                    "\", ca_file: \"" + authority + "\", verify: true }"};

  CHECK(state_with(server, {.ca_file = authority,
                            .certificate_file = file("good.pem"),
                            .key_file = file("good.key")}) == "connected");
  // None, of an unknown authority, with another one's key, and no file at all.
  CHECK(state_with(server, {.ca_file = authority}) == "closed");
  CHECK(state_with(server, {.ca_file = authority,
                            .certificate_file = file("stranger.pem"),
                            .key_file = file("stranger.key")}) == "closed");
  CHECK(state_with(server, {.ca_file = authority,
                            .certificate_file = file("good.pem"),
                            .key_file = file("stranger.key")}) == "closed");
  CHECK(state_with(server, {.ca_file = authority,
                            .certificate_file = file("missing.pem"),
                            .key_file = file("good.key")}) == "closed");
}
