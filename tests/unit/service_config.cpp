#include <cliffracer/service_config.hpp>

#include <cliffracer/detail/nats/connect_options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"

using cliffracer::check_validity;
using cliffracer::NatsUrls;
using cliffracer::ServiceConfig;
using namespace std::chrono_literals;

namespace {

using Urls = std::vector<std::string>;

/// What check_validity says about a config that is sound but for `change`.
std::string verdict(const std::function<void(ServiceConfig&)>& change) {
  ServiceConfig config{.name = "x"};
  change(config);
  try {
    check_validity(config);
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "valid";
}

const std::string seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const std::string public_key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

}  // namespace

TEST_CASE("an address is given as text, a string, a list or a vector") {
  const ServiceConfig as_text{.name = "x", .nats_url = "nats://a:1"};
  CHECK(as_text.nats_url.list() == Urls{"nats://a:1"});

  const ServiceConfig as_string{.name = "x", .nats_url = std::string{"nats://a:1"}};
  CHECK(as_string.nats_url.list() == Urls{"nats://a:1"});

  const ServiceConfig as_list_of_one{.name = "x", .nats_url = {"nats://a"}};
  CHECK(as_list_of_one.nats_url.list() == Urls{"nats://a"});

  // Two pointers in braces are two addresses and never the ends of a range, also in two pairs of braces.
  const ServiceConfig as_list{.name = "x", .nats_url = {"nats://a", "nats://b"}};
  CHECK(as_list.nats_url.list() == Urls{"nats://a", "nats://b"});

  const ServiceConfig as_list_in_braces{.name = "x", .nats_url = {{"nats://a", "nats://b"}}};
  CHECK(as_list_in_braces.nats_url.list() == Urls{"nats://a", "nats://b"});

  const Urls urls{"nats://a", "nats://b", "nats://c"};
  const ServiceConfig as_vector{.name = "x", .nats_url = urls};
  CHECK(as_vector.nats_url.list() == urls);

  const ServiceConfig as_view{.name = "x", .nats_url = std::string_view{"nats://a"}};
  CHECK(as_view.nats_url.list() == Urls{"nats://a"});

  const std::string_view second = "nats://b";
  const ServiceConfig as_mixed_list{.name = "x", .nats_url = {std::string{"nats://a"}, second, "nats://c"}};
  CHECK(as_mixed_list.nats_url.list() == urls);
}

TEST_CASE("commas separate addresses and blanks around them do not count") {
  CHECK(NatsUrls{" nats://a , tls://b:1,,\tnats://c "}.list() == Urls{"nats://a", "tls://b:1", "nats://c"});
  CHECK(NatsUrls{"nats://a,nats://b", std::string{"nats://c"}}.list() ==
        Urls{"nats://a", "nats://b", "nats://c"});
  CHECK(NatsUrls{""}.list().empty());
  CHECK(NatsUrls(static_cast<const char*>(nullptr)).list().empty());
  CHECK(NatsUrls{static_cast<const char*>(nullptr)}.list().empty());
}

TEST_CASE("a redacted address shows no user, password or token") {
  CHECK(NatsUrls{"nats://a"}.redacted() == "nats://a:4222");
  CHECK(NatsUrls{"nats://joe:hush@a:1, tls://t0ken@[::1]:2/"}.redacted() ==
        "nats://***@a:1,tls://***@[::1]:2");
  CHECK(NatsUrls{"nats://joe:p@ss:word@a:1"}.redacted() == "nats://***@a:1");
  // What is no address may be anything.
  CHECK(NatsUrls{"nats://joe:hush"}.redacted() == "***");
  CHECK(NatsUrls{"joe:hush@a"}.redacted() == "***");
  CHECK(NatsUrls{"nats://joe:12,x@a"}.redacted() == "***");
}

TEST_CASE("a config is valid with its defaults and with every method of authentication") {
  CHECK(verdict([](auto&) {}) == "valid");
  CHECK(verdict([](auto& c) { c.name = "zähler-1_$"; }) == "valid");
  CHECK(verdict([](auto& c) { c.name = std::string(255, 'a'); }) == "valid");
  CHECK(verdict([](auto& c) { c.user = "joe"; }) == "valid");
  CHECK(verdict([](auto& c) { c.user = "joe", c.password = "hush"; }) == "valid");
  CHECK(verdict([](auto& c) { c.token = "hush"; }) == "valid");
  CHECK(verdict([](auto& c) { c.credentials_file = "/a b"; }) == "valid");
  CHECK(verdict([](auto& c) { c.nkey = public_key, c.nkey_seed = seed; }) == "valid");
  CHECK(verdict([](auto& c) { c.nats_url = "nats://joe:hush@a,nats://joe:hush@b"; }) == "valid");
  CHECK(verdict([](auto& c) { c.queue_group = "a.b"; }) == "valid");
  CHECK(verdict([](auto& c) { c.tls.certificate_file = "c", c.tls.key_file = "k"; }) == "valid");
  CHECK(verdict([](auto& c) { c.max_reconnect_attempts = 0; }) == "valid");
  CHECK(verdict([](auto& c) { c.stop_timeout = 0ns; }) == "valid");
  CHECK(verdict([](auto& c) { c.request_timeout = std::chrono::nanoseconds::max(); }) == "valid");
}

TEST_CASE("each rule of a config has its message, which names the service") {
  struct Row {
    std::function<void(ServiceConfig&)> change;
    std::string message;
  };
  const std::string token =
      "name must be one NATS subject token (no '.', '*', '>', white space or control character)";
  const std::string one_method =
      "service x: only one of user, token, credentials_file, nkey and an address with user or token may "
      "be set";
  const std::string no_key = "service x: nkey must be a user's public key: U and 55 more base32 characters";
  const std::string no_seed = "service x: nkey_seed must be a user's seed: SU and 56 more base32 characters";
  const std::string blanks =
      "service x: nats_url must not hold white space, control characters, quotes or backslashes";
  const std::string nul_in_tls = "service x: tls members must not hold a NUL character";
  const std::vector<Row> rows{
      {[](auto& c) { c.name = ""; }, "service config: name must not be empty"},
      {[](auto& c) { c.name = "a b"; }, "service \"a b\": " + token},
      {[](auto& c) { c.name = "a.b"; }, "service \"a.b\": " + token},
      {[](auto& c) { c.name = std::string(256, 'a'); },
       "service \"" + std::string(128, 'a') + "... (256 bytes)\": name must be no longer than 255 bytes"},
      {[](auto& c) { c.name = "a*"; }, "service \"a*\": " + token},
      {[](auto& c) { c.name = ">"; }, "service \">\": " + token},
      {[](auto& c) { c.name = "a\nb"; }, "service \"a\\nb\": " + token},
      {[](auto& c) { c.name = std::string("a\0b", 3); }, "service \"a\\x00b\": " + token},
      {[](auto& c) { c.queue_group = "a b"; },
       "service x: queue_group must be without white space and control characters"},
      {[](auto& c) { c.queue_group = "a.*"; }, "service x: queue_group must be without wildcards ('*', '>')"},

      {[](auto& c) { c.nats_url = ""; }, "service x: nats_url must name at least one address"},
      {[](auto& c) { c.nats_url = "localhost:4222"; },
       "service x: nats_url must begin with nats:// or tls://"},
      {[](auto& c) { c.nats_url = "http://a"; }, "service x: nats_url must begin with nats:// or tls://"},
      {[](auto& c) { c.nats_url = "nats://"; }, "service x: nats_url must name a host"},
      {[](auto& c) { c.nats_url = "nats://joe:hush@"; }, "service x: nats_url must name a host"},
      {[](auto& c) { c.nats_url = "nats://:4222"; }, "service x: nats_url must name a host"},
      {[](auto& c) { c.nats_url = "nats://a:"; }, "service x: nats_url must have a port from 1 to 65535"},
      {[](auto& c) { c.nats_url = "nats://a:0"; }, "service x: nats_url must have a port from 1 to 65535"},
      {[](auto& c) { c.nats_url = "nats://a:65536"; },
       "service x: nats_url must have a port from 1 to 65535"},
      {[](auto& c) { c.nats_url = "nats://a:42x"; }, "service x: nats_url must have a port from 1 to 65535"},
      {[](auto& c) { c.nats_url = "nats://[::1"; },
       "service x: nats_url must close the bracket of its IPv6 host"},
      {[](auto& c) { c.nats_url = "nats://a/b"; }, "service x: nats_url must end after its host and port"},
      {[](auto& c) { c.nats_url = "nats://a b"; }, blanks},
      {[](auto& c) { c.nats_url = "nats://a\"b"; }, blanks},
      {[](auto& c) { c.nats_url = "nats://a\\b"; }, blanks},
      {[](auto& c) { c.nats_url = "nats://a\x7f"; }, blanks},
      {[](auto& c) { c.nats_url = "nats://[]:1"; }, "service x: nats_url must name a host"},
      {[](auto& c) {
         c.nats_url = {"nats://a", "nats://"};
       },
       "service x: nats_url 2 must name a host"},

      {[](auto& c) { c.request_timeout = 0ns; }, "service x: request_timeout must be greater than zero"},
      {[](auto& c) { c.request_timeout = -1ns; }, "service x: request_timeout must be greater than zero"},
      {[](auto& c) { c.connect_timeout = 999us; }, "service x: connect_timeout must be at least 1 ms"},
      {[](auto& c) { c.reconnect_time_wait = 0ns; }, "service x: reconnect_time_wait must be at least 1 ms"},
      {[](auto& c) { c.stop_timeout = -1ns; }, "service x: stop_timeout must not be negative"},
      {[](auto& c) { c.max_reconnect_attempts = -2; },
       "service x: max_reconnect_attempts must be -1 (forever), zero or more"},

      {[](auto& c) { c.outbox_max_messages = 0; },
       "service x: outbox_max_messages must be greater than zero"},
      {[](auto& c) { c.outbox_max_bytes = 0; }, "service x: outbox_max_bytes must be greater than zero"},
      {[](auto& c) { c.inbox_max_messages = 0; }, "service x: inbox_max_messages must be greater than zero"},
      {[](auto& c) { c.inbox_max_bytes = 0; }, "service x: inbox_max_bytes must be greater than zero"},
      {[](auto& c) { c.message_threads = 0; }, "service x: message_threads must be 1 to 1024"},
      {[](auto& c) { c.message_threads = 1025; }, "service x: message_threads must be 1 to 1024"},
      {[](auto& c) { c.max_payload_bytes = 0; }, "service x: max_payload_bytes must be greater than zero"},
      {[](auto& c) { c.max_json_depth = 0; }, "service x: max_json_depth must be 1 to 1024"},
      {[](auto& c) { c.max_json_depth = 1025; }, "service x: max_json_depth must be 1 to 1024"},

      {[](auto& c) { c.password = "hush"; }, "service x: password needs a user"},
      {[](auto& c) { c.user = "joe", c.token = "hush"; }, one_method},
      {[](auto& c) { c.token = "hush", c.credentials_file = "f"; }, one_method},
      {[](auto& c) { c.credentials_file = "f", c.nkey_seed = seed; }, one_method},
      {[](auto& c) { c.credentials_file = "f", c.nkey = public_key; }, one_method},
      {[](auto& c) { c.token = "hush", c.nats_url = "nats://joe:hush@a"; }, one_method},
      {[](auto& c) { c.user = "joe", c.password = "hu\"sh"; },
       "service x: password must not hold control characters, quotes or backslashes"},
      {[](auto& c) { c.user = "jo\\e"; },
       "service x: user must not hold control characters, quotes or backslashes"},
      {[](auto& c) { c.token = "hu\nsh"; },
       "service x: token must not hold control characters, quotes or backslashes"},
      {[](auto& c) { c.token = "hu\x7fsh"; },
       "service x: token must not hold control characters, quotes or backslashes"},
      {[](auto& c) { c.nkey_seed = seed; }, "service x: nkey_seed needs an nkey"},
      {[](auto& c) { c.nkey = public_key; }, "service x: nkey needs an nkey_seed"},
      {[](auto& c) { c.nkey = public_key, c.nkey_seed = "hush"; }, no_seed},
      {[](auto& c) { c.nkey = public_key, c.nkey_seed = seed.substr(1); }, no_seed},
      {[](auto& c) { c.nkey = public_key, c.nkey_seed = "SA" + seed.substr(2); }, no_seed},
      {[](auto& c) { c.nkey = public_key, c.nkey_seed = seed.substr(0, 57) + "1"; }, no_seed},
      {[](auto& c) { c.nkey = public_key, c.nkey_seed = seed + "A"; }, no_seed},
      {[](auto& c) { c.nkey = "hush", c.nkey_seed = seed; }, no_key},
      {[](auto& c) { c.nkey = seed, c.nkey_seed = public_key; }, no_key},
      {[](auto& c) { c.nkey = "A" + public_key.substr(1), c.nkey_seed = seed; }, no_key},
      {[](auto& c) { c.nkey = public_key.substr(0, 55) + "\"", c.nkey_seed = seed; }, no_key},
      {[](auto& c) { c.credentials_file = std::string("a\0b", 3); },
       "service x: credentials_file must not hold a NUL character"},
      {[](auto& c) { c.tls.key_file = "k"; }, "service x: tls.key_file needs a tls.certificate_file"},
      {[](auto& c) { c.tls.certificate_file = "k"; }, "service x: tls.certificate_file needs a tls.key_file"},
      {[](auto& c) { c.tls.ca_file = std::string("a\0b", 3); }, nul_in_tls},
      {[](auto& c) { c.tls.certificate_file = std::string("a\0b", 3), c.tls.key_file = "k"; }, nul_in_tls},
      {[](auto& c) { c.tls.certificate_file = "c", c.tls.key_file = std::string("a\0b", 3); }, nul_in_tls},
      {[](auto& c) { c.tls.expected_hostname = std::string("a\0b", 3); }, nul_in_tls},
      {[](auto& c) { c.cluster.bucket.clear(); },
       "service x: cluster.bucket must be 1 to 128 letters, digits, '-' and '_'"},
      {[](auto& c) { c.cluster.bucket = "a.b"; },
       "service x: cluster.bucket must be 1 to 128 letters, digits, '-' and '_'"},
      {[](auto& c) { c.cluster.replicas = 0; }, "service x: cluster.replicas must be 1 to 5"},
      {[](auto& c) { c.cluster.replicas = 6; }, "service x: cluster.replicas must be 1 to 5"},
      {[](auto& c) { c.cluster.keep = -1ns; }, "service x: cluster.keep must not be negative"},
      {[](auto& c) { c.cluster.owner_timeout = 99ms; },
       "service x: cluster.owner_timeout must be at least 100 ms"},
  };
  for (const Row& row : rows) {
    const std::string said = verdict(row.change);
    CHECK(said == row.message);
    CHECK(said.find("hush") == std::string::npos);
    CHECK(said.find(seed.substr(2, 50)) == std::string::npos);
  }
}

TEST_CASE("TLS is wanted by a tls address or any member of the TLS config") {
  using cliffracer::detail::wants_tls;
  ServiceConfig config{.name = "x"};
  CHECK_FALSE(wants_tls(config));
  config.nats_url = {"nats://a", "tls://b"};
  CHECK(wants_tls(config));
  config.nats_url = "nats://a";
  config.tls.verify_server = false;
  CHECK(wants_tls(config));
  config.tls = {.enabled = true};
  CHECK(wants_tls(config));
  config.tls = {.ca_file = "f"};
  CHECK(wants_tls(config));
  config.tls = {.expected_hostname = "h"};
  CHECK(wants_tls(config));
  config.tls = {.certificate_file = "c", .key_file = "k"};
  CHECK(wants_tls(config));
}
