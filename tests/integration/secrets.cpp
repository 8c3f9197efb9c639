// Whatever a service is configured with to show to the broker, and whatever the broker does: no log line, no
// report and no exception repeats it.

#include "support/catch.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"
#include "support/tcp.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/log_capture.hpp>

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::ServiceConfig;
using cliffracer::testing::LogCapture;
using support::eventually;
using support::NatsServer;
using support::Running;

namespace {

// A pair that the tests of the NATS libraries use.
constexpr const char* seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr const char* public_key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
constexpr const char* jwt =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJuYW1lIjoiaHVzaC1odXNoIn0.aHVzaC1odXNoLXNpZ25hdHVyZQ";

/// A file as `nsc` writes it, for as long as this object lives.
class CredentialsFile {
 public:
  CredentialsFile() {
    std::string path = (std::filesystem::temp_directory_path() / "cliffracer-creds-XXXXXX").string();
    const int file = ::mkstemp(path.data());
    if (file < 0) throw std::runtime_error{"mkstemp"};
    ::close(file);
    path_ = path;
    std::ofstream{path_} << "-----BEGIN NATS USER JWT-----\n"
                         << jwt << "\n------END NATS USER JWT------\n\n"
                         << "-----BEGIN USER NKEY SEED-----\n"
                         << seed << "\n------END USER NKEY SEED------\n";
  }
  CredentialsFile(const CredentialsFile&) = delete;
  CredentialsFile& operator=(const CredentialsFile&) = delete;
  ~CredentialsFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// One way of telling the broker who one is.
struct Identity {
  std::string name;
  std::string accepting_server;  ///< The configuration of a server that accepts it.
  std::vector<std::string> secrets;
  std::string in_address{};  ///< What stands in the address before the host.
  std::function<void(ServiceConfig&)> configure = [](ServiceConfig&) {};

  [[nodiscard]] ServiceConfig config(std::uint16_t port) const {
    const std::string address = "nats://" + in_address + "127.0.0.1:" + std::to_string(port);
    ServiceConfig out{.name = "secretive",
                      .nats_url = address,
                      .request_timeout = 100ms,
                      .connect_timeout = 1s,
                      .reconnect_time_wait = 20ms,
                      .stop_timeout = 1s};
    configure(out);
    return out;
  }
};

std::vector<Identity> identities(const CredentialsFile& credentials) {
  const std::string joe = "authorization { user: joe, password: hush-hush-password }";
  const std::string token = "authorization { token: hush-hush-token }";
  return {
      {.name = "user and password",
       .accepting_server = joe,
       .secrets = {"hush-hush-password"},
       .configure =
           [](ServiceConfig& config) {
             config.user = "joe";
             config.password = "hush-hush-password";
           }},
      {.name = "token",
       .accepting_server = token,
       .secrets = {"hush-hush-token"},
       .configure = [](ServiceConfig& config) { config.token = "hush-hush-token"; }},
      {.name = "nkey",
       .accepting_server = std::string{"authorization { users: [ { nkey: "} + public_key + " } ] }",
       .secrets = {seed},
       .configure =
           [](ServiceConfig& config) {
             config.nkey = public_key;
             config.nkey_seed = seed;
           }},
      {.name = "credentials file",
       .accepting_server = "",  // one that asks nobody who he is
       .secrets = {seed, jwt},
       .configure = [path = credentials.path()](ServiceConfig& config) { config.credentials_file = path; }},
      {.name = "user and password in the address",
       .accepting_server = joe,
       .secrets = {"hush-hush-password"},
       .in_address = "joe:hush-hush-password@"},
      {.name = "token in the address",
       .accepting_server = token,
       .secrets = {"hush-hush-token"},
       .in_address = "hush-hush-token@"},
  };
}

class Secretive : public NatsService {
 public:
  explicit Secretive(const ServiceConfig& config) : NatsService{config} {
    add(cliffracer::rpc<&Secretive::hello>{},
        cliffracer::listener<&Secretive::on_event>{.subject = "events.>"});
  }

  /// The state of the broker's connection.
  [[nodiscard]] std::string state() const { return get_service_info().broker.state; }

 private:
  asio::awaitable<void> hello() { co_return; }
  asio::awaitable<void> on_event(nlohmann::json /*event*/) { co_return; }
};

std::string text_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// A service with an identity, all of its log lines, and what it says when it is asked.
class Witness {
 public:
  Witness(const Identity& identity, std::uint16_t port)
      : identity_{identity}, service{identity.config(port)}, running_{service} {}

  ~Witness() {
    running_.stop();
    said_ += text_of([&] { service.publish_event("events.late", {{"a", 1}}); });
    ask();
    for (const auto& line : log_.lines()) said_ += line.text + "\n";
    INFO(identity_.name);
    INFO(said_);
    CHECK_FALSE(said_.empty());
    for (const std::string& secret : identity_.secrets) {
      CHECK(said_.find(secret) == std::string::npos);
      // Nor what is left of one that was cut.
      CHECK(said_.find(secret.substr(0, 12)) == std::string::npos);
      CHECK(said_.find(secret.substr(secret.size() - 12)) == std::string::npos);
    }
  }

  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  [[nodiscard]] std::size_t count(std::string_view text) const { return log_.count(text); }

  /// What it reports, and how calls and publications fail.
  void ask() {
    said_ += nlohmann::json(service.get_service_info()).dump() + "\n";
    said_ += service.config().nats_url.redacted() + "\n";
  }
  void call() {
    ask();
    said_ += text_of([&] { service.publish_event("events.now", {{"a", 1}}); }) + "\n";
    said_ += asio::co_spawn(service.get_executor(), failure_of_a_call(), asio::use_future).get() + "\n";
  }

 private:
  // The exception stays on its thread: ThreadSanitizer does not see how libstdc++ shares one.
  asio::awaitable<std::string> failure_of_a_call() {
    try {
      co_await service.call_rpc("nobody", "hello");
    } catch (const std::exception& error) {
      co_return error.what();
    }
    co_return "";
  }

  const Identity& identity_;
  LogCapture log_{"secretive", spdlog::level::trace};
  std::string said_;

 public:
  Secretive service;

 private:
  Running running_;
};

/// A broker that repeats what it was told in what it complains about.
class Parrot {
 public:
  /// With `accepts` it complains after it has taken the connection.
  explicit Parrot(bool accepts) : accepts_{accepts}, thread_{[this] { run(); }} {}
  Parrot(const Parrot&) = delete;
  Parrot& operator=(const Parrot&) = delete;
  ~Parrot() {
    stopping_ = true;
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  [[nodiscard]] int complaints() const { return complaints_; }

 private:
  void run() {
    while (!stopping_) {
      const auto connection = listener_.accept(20ms);
      if (!connection) continue;
      connection.send(
          R"(INFO {"server_id":"A","version":"2.9.10","proto":1,"headers":true,"auth_required":true,)"
          R"("nonce":"bm9uY2Utbm9uY2U","max_payload":1048576})"
          "\r\n");
      std::string heard;
      while (heard.find("PING\r\n") == std::string::npos) {
        const auto text = connection.receive(1s);
        if (!text || text->empty()) break;
        heard += *text;
      }
      std::string connect = heard.substr(0, heard.find("\r\n"));
      if (accepts_) connection.send("PONG\r\n");
      ++complaints_;
      connection.send("-ERR '" + connect + "'\r\n");
      // Long enough for the other side to read it.
      static_cast<void>(connection.receive(50ms));
    }
  }

  const bool accepts_;
  support::Listener listener_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> complaints_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("no secret is shown when the broker accepts it, dies and comes again") {
  const CredentialsFile credentials;
  for (const Identity& identity : identities(credentials)) {
    INFO(identity.name);
    NatsServer server{identity.accepting_server};
    Witness witness{identity, server.port()};
    REQUIRE(eventually([&] { return witness.service.state() == "connected"; }));
    witness.call();
    server.kill();
    REQUIRE(eventually([&] { return witness.service.state() == "reconnecting"; }));
    REQUIRE(eventually([&] { return witness.count("cannot connect to NATS") > 0; }));
    witness.call();
    server.restart();
    REQUIRE(eventually([&] { return witness.service.state() == "connected"; }));
    witness.call();
  }
}

TEST_CASE("no secret is shown when the broker refuses it, from the first and after it was accepted") {
  const CredentialsFile credentials;
  for (const Identity& identity : identities(credentials)) {
    INFO(identity.name);
    NatsServer server{identity.accepting_server};
    const auto refuse = [&] {
      std::ofstream{server.folder() / "server.conf"} << "authorization { user: other, password: other }";
      server.restart();
    };
    if (!identity.accepting_server.empty()) {
      Witness witness{identity, server.port()};
      REQUIRE(eventually([&] { return witness.service.state() == "connected"; }));
      refuse();
      REQUIRE(eventually([&] { return witness.count("cannot connect to NATS") > 0; }));
      witness.call();
    }
    NatsServer stranger{"authorization { user: other, password: other }"};
    Witness witness{identity, stranger.port()};
    REQUIRE(eventually([&] { return witness.count("cannot connect to NATS") > 0; }));
    witness.call();
  }
}

TEST_CASE("no secret is shown when the broker repeats it in what it complains about") {
  const CredentialsFile credentials;
  for (const bool accepts : {false, true}) {
    for (const Identity& identity : identities(credentials)) {
      INFO(identity.name << (accepts ? ", after the connection was taken" : ", when it connects"));
      Parrot parrot{accepts};
      Witness witness{identity, parrot.port()};
      REQUIRE(eventually([&] { return parrot.complaints() > 2; }));
      REQUIRE(eventually([&] { return !witness.service.get_service_info().broker.last_error.empty(); }));
      witness.call();
    }
  }
}

TEST_CASE("no secret is shown when the configuration is refused for another reason") {
  const CredentialsFile credentials;
  for (const Identity& identity : identities(credentials)) {
    INFO(identity.name);
    std::string said;
    const auto refuse = [&](const std::function<void(ServiceConfig&)>& spoil) {
      ServiceConfig config = identity.config(4222);
      spoil(config);
      const std::string text = text_of([&] { Secretive{config}; });
      CHECK_FALSE(text.empty());
      said += text + "\n" + config.nats_url.redacted() + "\n";
    };
    refuse([](ServiceConfig& config) { config.name = "a.b"; });
    refuse([](ServiceConfig& config) { config.request_timeout = 0s; });
    refuse([](ServiceConfig& config) { config.nats_url = "nats://joe:hush-hush-password"; });
    refuse([](ServiceConfig& config) { config.nats_url = "joe:hush-hush-password@127.0.0.1"; });
    refuse([](ServiceConfig& config) { config.nats_url = "nats://joe:hush-hush-password@127.0.0.1:x"; });
    refuse([](ServiceConfig& config) { config.nats_url = "nats://joe:1234,hush-hush-password@127.0.0.1"; });
    refuse([](ServiceConfig& config) {
      config.user = config.token = "hush-hush-password";
      config.nkey_seed = seed;
    });
    for (const char* secret : {"hush-hush-password", "hush-hush-token", seed, jwt, "1234"})
      CHECK(said.find(secret) == std::string::npos);
  }
}
