#include "support/captured_log.hpp"
#include "support/catch.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

#include <cliffracer/cliffracer.hpp>

#include <chrono>
#include <string>

// What the broker objects to, while the connection goes on, is in the log.

using namespace std::chrono_literals;
using cliffracer::NatsService;
using support::eventually;
using support::NatsClient;
using support::NatsServer;
using support::Running;

namespace {

class Speaker : public NatsService {
 public:
  explicit Speaker(const std::string& url) : NatsService{{.name = "speaker", .nats_url = url}} {}
};

/// The log of the service "speaker".
class SpeakersLog : public CapturedLog {
 public:
  SpeakersLog() { spdlog::register_logger(speaker_); }
  SpeakersLog(const SpeakersLog&) = delete;
  SpeakersLog& operator=(const SpeakersLog&) = delete;
  ~SpeakersLog() { spdlog::drop("speaker"); }

 private:
  std::shared_ptr<spdlog::logger> speaker_ = logger()->clone("speaker");
};

}  // namespace

TEST_CASE("a subject that the broker does not permit is reported once, and others go on") {
  NatsServer server{
      "authorization { users: [ { user: joe, password: hush, permissions: { publish: { deny: \"secret.>\" } "
      "} },"
      " { user: ann, password: hush } ] }"};
  const SpeakersLog log;
  NatsClient listener{server.port(), R"("user":"ann","pass":"hush")"};
  listener.subscribe("open.*");

  Speaker service{"nats://joe:hush@127.0.0.1:" + std::to_string(server.port())};
  Running running{service};
  REQUIRE(eventually([&] { return service.get_service_info().broker.state == "connected"; }));
  for (int n = 0; n < 5; ++n) {
    service.publish_event("secret.plan", {{"n", n}});
    service.publish_event("open.plan", {{"n", n}});
    const auto heard = listener.next();
    REQUIRE(heard);
    CHECK(heard->payload == R"({"n":)" + std::to_string(n) + "}");
    REQUIRE(eventually([&] { return log.count("NATS reports: ") > 0; }));
  }
  running.stop();
  CHECK(log.count("warning: service speaker: NATS reports: ") == 1);
  CHECK(log.count("Permissions Violation") == 1);
  CHECK(log.count("lost the connection") == 0);
}
