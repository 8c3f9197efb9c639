#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <cliffracer/detail/link/link.hpp>
#include "support/catch.hpp"
#include "support/link_fixture.hpp"
#include "support/nats_server.hpp"
#include "support/tcp.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;
using cliffracer::ServiceConfig;
using support::LinkFixture;
using support::NatsServer;

namespace {

// A pair that the tests of the NATS libraries use.
constexpr const char* seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr const char* public_key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

ServiceConfig impatient(std::string url) {
  return {.name = "x", .nats_url = std::move(url), .connect_timeout = 2s, .reconnect_time_wait = 50ms};
}

void check_no_secret(const LinkFixture& fixture) {
  for (const char* secret : {"hush", seed}) {
    CHECK(fixture.log.count(secret) == 0);
    CHECK(fixture.link->status().last_error.find(secret) == std::string::npos);
    CHECK(fixture.link->status().server.find(secret) == std::string::npos);
  }
}

void check_connects(const ServiceConfig& config) {
  LinkFixture fixture{config};
  CHECK(fixture.connect());
  CHECK(fixture.settled());
  fixture.close(1s);
  check_no_secret(fixture);
}

void check_is_refused(const ServiceConfig& config) {
  LinkFixture fixture{config};
  fixture.link->open();
  // More than one attempt: the link does not take the first for the last.
  REQUIRE(fixture.until([&] { return !fixture.link->status().last_error.empty(); }));
  fixture.run_for(200ms);
  CHECK(fixture.link->status().connects == 0);
  CHECK(fixture.link->status().state == LinkState::connecting);
  fixture.close(1s);
  CHECK(fixture.log.count("warning: service x: cannot connect to NATS") == 1);
  check_no_secret(fixture);
}

/// A folder with a certificate of 127.0.0.1 that it is its own authority for; empty without the openssl
/// program.
class Certificates {
 public:
  explicit Certificates(const std::filesystem::path& folder) : folder_{folder} {
    const std::string command =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=IP:127.0.0.1 -keyout '" +
        key() + "' -out '" + certificate() + "' 2>/dev/null";
    made_ = std::system(command.c_str()) == 0;
  }
  [[nodiscard]] bool made() const { return made_; }
  [[nodiscard]] std::string key() const { return (folder_ / "key.pem").string(); }
  [[nodiscard]] std::string certificate() const { return (folder_ / "certificate.pem").string(); }

 private:
  std::filesystem::path folder_;
  bool made_ = false;
};

}  // namespace

TEST_CASE("user and password are accepted, from the config and from the address") {
  NatsServer server{"authorization { user: joe, password: hush }"};
  ServiceConfig config = impatient(server.url());
  config.user = "joe";
  config.password = "hush";
  check_connects(config);
  check_connects(impatient("nats://joe:hush@127.0.0.1:" + std::to_string(server.port())));
}

TEST_CASE("a token is accepted, from the config and from the address") {
  NatsServer server{"authorization { token: hush }"};
  ServiceConfig config = impatient(server.url());
  config.token = "hush";
  check_connects(config);
  check_connects(impatient("nats://hush@127.0.0.1:" + std::to_string(server.port())));
}

TEST_CASE("an nkey is accepted") {
  NatsServer server{std::string{"authorization { users: [ { nkey: "} + public_key + " } ] }"};
  ServiceConfig config = impatient(server.url());
  config.nkey = public_key;
  config.nkey_seed = seed;
  check_connects(config);
}

TEST_CASE("refused credentials are tried again and shown nowhere") {
  NatsServer server{"authorization { user: joe, password: other }"};
  check_is_refused(impatient(server.url()));
  ServiceConfig config = impatient(server.url());
  config.user = "joe";
  config.password = "hush";
  check_is_refused(config);
  check_is_refused(impatient("nats://joe:hush@127.0.0.1:" + std::to_string(server.port())));
  ServiceConfig with_seed = impatient(server.url());
  with_seed.nkey = public_key;
  with_seed.nkey_seed = seed;
  check_is_refused(with_seed);
}

TEST_CASE("credentials that the broker accepts later are not given up before") {
  NatsServer wrong{"authorization { user: joe, password: other }"};
  ServiceConfig config = impatient(wrong.url());
  config.user = "joe";
  config.password = "hush";
  LinkFixture fixture{config};
  fixture.link->open();
  REQUIRE(fixture.until([&] { return !fixture.link->status().last_error.empty(); }));
  // The operator corrects the server.
  std::ofstream{wrong.folder() / "server.conf"} << "authorization { user: joe, password: hush }";
  wrong.restart();
  CHECK(fixture.until_state(LinkState::connected));
}

TEST_CASE("a file of credentials that does not exist is a failure like any other") {
  NatsServer server;
  ServiceConfig config = impatient(server.url());
  config.credentials_file = "/nonexistent/user.creds";
  LinkFixture fixture{config};
  fixture.link->open();
  fixture.run_for(300ms);
  fixture.close(1s);
  SUCCEED("no crash; a server that asks for no credentials may accept");
}

TEST_CASE("an nkey with the seed of another or with a wrong checksum is refused") {
  NatsServer server{std::string{"authorization { users: [ { nkey: "} + public_key + " } ] }"};
  // The last one's seed has one wrong character.
  for (const char* wrong : {"SUAAVWRZG6M5FA5VRRGWSCIHKTOJC7EWNIT4JV3FTOIPO4OBFR5WA7X5TE",
                            "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3TY"}) {
    ServiceConfig config = impatient(server.url());
    config.nkey = public_key;
    config.nkey_seed = wrong;
    LinkFixture fixture{config};
    fixture.link->open();
    REQUIRE(fixture.until([&] { return !fixture.link->status().last_error.empty(); }));
    CHECK(fixture.link->status().connects == 0);
    fixture.close(1s);
    CHECK(fixture.log.count("warning: service x: cannot connect to NATS") == 1);
    CHECK(fixture.log.count(std::string{wrong}.substr(2, 50)) == 0);
  }
}

TEST_CASE("a server that speaks plain text sees no credentials behind a tls address") {
  for (const bool by_address : {true, false}) {
    support::Listener plain;
    ServiceConfig config =
        impatient((by_address ? "tls://127.0.0.1:" : "nats://127.0.0.1:") + std::to_string(plain.port()));
    config.user = "joe";
    config.password = "hush";
    config.tls.verify_server = by_address;
    LinkFixture fixture{config};
    fixture.link->open();
    for (int n = 0; n < 3; ++n) {
      const auto connection = plain.accept(5s);
      REQUIRE(connection);
      connection.send(
          R"(INFO {"server_id":"A","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576})"
          "\r\n");
      std::string seen;
      while (const auto text = connection.receive(300ms)) {
        if (text->empty()) break;
        seen += *text;
      }
      CHECK(seen.find("hush") == std::string::npos);
      CHECK(seen.find("CONNECT") == std::string::npos);
    }
    CHECK(fixture.link->status().connects == 0);
    fixture.close(1s);
    check_no_secret(fixture);
  }
}

TEST_CASE("TLS connects with the right authority and refuses an unknown one and a wrong name") {
  std::string folder = (std::filesystem::temp_directory_path() / "cliffracer-tls-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const Certificates files{folder};
  if (files.made()) {
    NatsServer server{"tls { cert_file: \"" + files.certificate() + "\", key_file: \"" + files.key() +
                      "\" }"};
    const std::string url = "tls://127.0.0.1:" + std::to_string(server.port());

    ServiceConfig right = impatient(url);
    right.tls.ca_file = files.certificate();
    check_connects(right);

    // The system's authorities do not know it.
    check_is_refused(impatient(url));

    ServiceConfig wrong_name = right;
    wrong_name.tls.expected_hostname = "elsewhere.example";
    check_is_refused(wrong_name);

    ServiceConfig trusting = impatient(url);
    trusting.tls.verify_server = false;
    check_connects(trusting);

    ServiceConfig no_file = impatient(url);
    no_file.tls.ca_file = folder + "/missing.pem";
    check_is_refused(no_file);
  } else {
    WARN("the openssl program is not installed: TLS was not tested");
  }
  std::filesystem::remove_all(folder);
}
