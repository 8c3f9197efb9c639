#include <cliffracer/detail/nats/secrets.hpp>

#include "support/catch.hpp"

using cliffracer::ServiceConfig;
using cliffracer::detail::without_secrets;

TEST_CASE("secrets of the config do not pass, wherever they stand in a text") {
  const ServiceConfig config{.name = "x", .user = "joe", .password = "hush"};
  CHECK(without_secrets("hush, wrong password hush", config) == "***, wrong password ***");
  CHECK(without_secrets("nothing secret for joe", config) == "nothing secret for joe");

  const ServiceConfig with_token{.name = "x", .token = "t0ken"};
  CHECK(without_secrets("at0kenb", with_token) == "a***b");

  const ServiceConfig with_url{.name = "x", .nats_url = "nats://joe:hush@a,nats://t0ken@b"};
  CHECK(without_secrets("nats://joe:hush@a refused hush and t0ken", with_url) ==
        "nats://***@a refused *** and ***");
}

TEST_CASE("a secret that is a part of another one leaves nothing of it readable") {
  cliffracer::ServiceConfig config{.name = "x", .nats_url = {"nats://joe:s@a", "nats://b:secret@c"}};
  CHECK(without_secrets("b:secret", config) == "***");
}

TEST_CASE("the token of a credentials file does not pass, whole or cut") {
  const cliffracer::ServiceConfig config{.name = "x", .credentials_file = "/a"};
  CHECK(without_secrets("-ERR \"jwt\":\"eyJ0eXAi.eyJqdGki-_9\", more", config) ==
        "-ERR \"jwt\":\"***\", more");
}
