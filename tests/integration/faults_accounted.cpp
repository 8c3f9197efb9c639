#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "support/catch.hpp"
#include "support/fault_account.hpp"
#include "support/fault_rig.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"

// Delivery is at most once: what that means in numbers. Events are numbered, a client that shares no code
// with the library counts them, and what it does not see the service must have reported. `integration_tests
// "[figures]"` prints the tables.

using namespace std::chrono_literals;
using support::Account;
using support::Arrivals;
using support::eventually;
using support::NatsClient;
using support::NatsServer;
using support::Publisher;
using support::Running;
using support::Watcher;

namespace {

cliffracer::ServiceConfig publisher_config(std::string url) {
  return {.name = "publisher",
          .nats_url = std::move(url),
          .connect_timeout = 1s,
          .reconnect_time_wait = 50ms,
          .stop_timeout = 2s};
}

bool is_connected(const Publisher& service) {
  return eventually([&] { return service.is_connected(); });
}

bool has_sent_all(const Publisher& service) {
  return eventually([&] { return service.is_connected() && service.broker().outbox_messages == 0; });
}

void check_at_most_once(const Account& account) {
  CHECK(account.duplicates == 0);
  CHECK(account.from_nowhere == 0);
  CHECK(account.waiting == 0);
  CHECK(account.accepted == account.published + account.lost);
  CHECK(account.delivered <= account.published);
  CHECK(account.unaccounted() == 0);
}

void check_exactly_once(const Account& account) {
  check_at_most_once(account);
  CHECK(account.delivered == account.accepted);
  CHECK(account.lost == 0);
  CHECK(account.unconfirmed == 0);
}

/// A broker that lets its clients in one after the other: the one that counts before the one that publishes.
class OrderedServer : public NatsServer {
 public:
  OrderedServer() : NatsServer{both()} {}
  [[nodiscard]] std::string publisher_url() const {
    return "nats://publisher:p@127.0.0.1:" + std::to_string(port());
  }
  /// `more` is added to the configuration.
  void restart_for_watcher(const std::string& more = {}) {
    configure(more + "authorization { users: [ {user: watcher, password: w} ] }");
    restart();
  }
  void let_publisher_in(const std::string& more = {}) {
    configure(more + both());
    ::kill(pid(), SIGHUP);
  }

 private:
  static std::string both() {
    return "authorization { users: [ {user: watcher, password: w}, {user: publisher, password: p} ] }";
  }
  void configure(const std::string& config) const { std::ofstream{folder() / "server.conf"} << config; }
};

}  // namespace

TEST_CASE("accounts: an orderly stop delivers every event", "[figures]") {
  constexpr std::size_t count = 20'000;
  NatsServer server;
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  for (std::size_t n = 0; n < count; ++n) service.publish();
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("orderly stop right after the last event");
  CHECK(account.accepted == count);
  check_exactly_once(account);
}

TEST_CASE("accounts: a stop without a broker reports every event as lost", "[figures]") {
  constexpr std::size_t count = 5'000;
  NatsServer server;
  Arrivals arrivals(count);
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  server.kill();
  REQUIRE(eventually([&] { return !service.is_connected(); }));
  for (std::size_t n = 0; n < count; ++n) service.publish();
  running.stop();
  const Account account{service, arrivals};
  account.print("broker away, stop");
  check_at_most_once(account);
  CHECK(account.lost == count);
  CHECK(service.log().count("lost 5000 messages for NATS") == 1);
}

namespace {

/// A broker that has confirmed an event and is killed before it has passed it on takes it along, and nobody
/// can know: such an account is taken again, twice at most.
template <class Run>
Account account_of(const char* fault, Run&& run) {
  for (int attempt = 1;; ++attempt) {
    const Account account = run();
    account.print(fault);
    CHECK(account.duplicates == 0);
    CHECK(account.accepted == account.published + account.lost);
    if (account.unaccounted() == 0 || attempt == 3) return account;
  }
}

/// `flood`: as fast as it goes, so that the broker dies in the middle of a batch.
Account kill_and_restart(bool flood) {
  constexpr std::size_t count = 20'000;
  OrderedServer server;
  Arrivals arrivals(count);
  Watcher before{server.port(), arrivals, "watcher", "w"};
  Publisher service{publisher_config(server.publisher_url())};
  Running running{service};
  REQUIRE(is_connected(service));
  std::atomic<bool> is_half_done{false};
  std::jthread publishing{[&] {
    for (const bool is_first_half : {true, false}) {
      if (flood) {
        for (std::size_t n = 0; n < count / 2; ++n) service.publish(500);
      } else {
        service.publish_many(count / 2);
      }
      if (is_first_half) is_half_done = true;
    }
  }};
  CHECK(eventually([&] { return is_half_done.load(); }));
  server.kill();
  before.join();
  server.restart_for_watcher();
  Watcher after{server.port(), arrivals, "watcher", "w"};
  server.let_publisher_in();
  publishing.join();
  CHECK(has_sent_all(service));
  running.stop();
  after.finish();
  return {service, arrivals};
}

Account kill_and_stop_under_load() {
  constexpr std::size_t count = 20'000;
  NatsServer server;
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  std::jthread publishing{[&] { service.publish_many(count); }};
  CHECK(eventually([&] { return service.broker().published > count / 2; }));
  server.kill();
  publishing.join();
  running.stop();
  watcher.join();
  return {service, arrivals};
}

}  // namespace

TEST_CASE("accounts: events published while the broker is killed and comes back", "[figures]") {
  for (const bool flood : {false, true}) {
    const Account account = account_of(
        flood ? "kill -9 in a flood, back on the same port" : "kill -9 under load, back on the same port",
        [&] { return kill_and_restart(flood); });
    CHECK(account.refused == 0);
    CHECK(account.lost == 0);
    check_at_most_once(account);
  }
}

TEST_CASE("accounts: events published while the broker is killed, and a stop", "[figures]") {
  const Account account = account_of("kill -9 under load, stop", kill_and_stop_under_load);
  CHECK(account.refused == 0);
  CHECK(account.lost > 0);
  check_at_most_once(account);
}

TEST_CASE("accounts: what a broker that hangs had not taken when it is killed is reported as unconfirmed",
          "[figures]") {
  constexpr std::size_t count = 2'000;
  OrderedServer server;
  Arrivals arrivals(count);
  Watcher before{server.port(), arrivals, "watcher", "w"};
  Publisher service{publisher_config(server.publisher_url())};
  Running running{service};
  REQUIRE(is_connected(service));
  service.publish_many(count / 2);
  REQUIRE(has_sent_all(service));
  // The broker has confirmed them, and passes them on.
  std::this_thread::sleep_for(200ms);
  server.stop();
  service.publish_many(count / 2);
  server.kill();
  before.join();
  server.restart_for_watcher();
  Watcher after{server.port(), arrivals, "watcher", "w"};
  server.let_publisher_in();
  CHECK(has_sent_all(service));
  running.stop();
  after.finish();
  const Account account{service, arrivals};
  account.print("SIGSTOP, kill -9, back on the same port");
  CHECK(account.accepted == count);
  CHECK(account.lost == 0);
  CHECK(account.unconfirmed > 0);
  CHECK(account.missing() == account.unconfirmed);
  check_at_most_once(account);
}

TEST_CASE("accounts: events published while the broker hangs for a moment", "[figures]") {
  constexpr std::size_t count = 10'000;
  NatsServer server;
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  service.publish_many(count / 2);
  server.stop();
  service.publish_many(count / 2);
  std::this_thread::sleep_for(500ms);
  server.cont();
  CHECK(has_sent_all(service));
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("SIGSTOP for a moment");
  CHECK(account.accepted == count);
  check_exactly_once(account);
}

TEST_CASE("accounts: an event that was half sent to a broker that hangs is sent again, and arrives once",
          "[figures]") {
  constexpr std::size_t count = 3;
  NatsServer server{"max_payload: 33554432"};
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  service.publish();
  REQUIRE(has_sent_all(service));
  std::this_thread::sleep_for(200ms);
  server.stop();
  // More than the sockets between the two hold.
  service.publish(24'000'000);
  service.publish();
  CHECK(eventually([&] { return !service.is_connected(); }));
  server.cont();
  CHECK(has_sent_all(service));
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("SIGSTOP with an event of 24 MB half sent");
  CHECK(account.accepted == count);
  CHECK(service.broker().reconnects > 0);
  check_exactly_once(account);
}

TEST_CASE("accounts: events published while the broker hangs for longer than every timeout", "[figures]") {
  constexpr std::size_t count = 10'000;
  NatsServer server;
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  service.publish_many(count / 2);
  server.stop();
  service.publish_many(count / 2);
  // Neither a ping nor an attempt to connect is answered.
  CHECK(eventually([&] { return !service.is_connected(); }));
  std::this_thread::sleep_for(1200ms);
  server.cont();
  CHECK(has_sent_all(service));
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("SIGSTOP for longer than every timeout");
  CHECK(account.accepted == count);
  CHECK(account.lost == 0);
  CHECK(account.unconfirmed > 0);
  check_at_most_once(account);
}

TEST_CASE("accounts: a stop while the broker hangs", "[figures]") {
  constexpr std::size_t count = 20'000;
  NatsServer server;
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  auto config = publisher_config(server.url());
  config.stop_timeout = 500ms;
  Publisher service{std::move(config)};
  Running running{service};
  REQUIRE(is_connected(service));
  service.publish_many(count / 2);
  server.stop();
  service.publish_many(count / 2);
  running.stop();
  server.cont();
  // What the thread that was left behind knew counts, too.
  CHECK(eventually([&] { return service.broker().state == "closed"; }));
  watcher.finish();
  const Account account{service, arrivals};
  account.print("SIGSTOP, stop");
  CHECK(account.accepted == count);
  CHECK(account.lost + account.unconfirmed > 0);
  check_at_most_once(account);
}

TEST_CASE("accounts: a bound of the outbox refuses what it cannot keep and loses nothing", "[figures]") {
  constexpr std::size_t count = 3'000;
  for (const bool in_bytes : {false, true}) {
    OrderedServer server;
    Arrivals arrivals(count);
    auto config = publisher_config(server.publisher_url());
    (in_bytes ? config.outbox_max_bytes : config.outbox_max_messages) = in_bytes ? 500'000 : 1'000;
    Publisher service{std::move(config)};
    Running running{service};
    REQUIRE(is_connected(service));
    server.kill();
    REQUIRE(eventually([&] { return !service.is_connected(); }));
    for (std::size_t n = 0; n < count; ++n) service.publish(in_bytes ? 500 : 0);
    CHECK(service.last_refusal() == std::errc::no_buffer_space);
    server.restart_for_watcher();
    Watcher watcher{server.port(), arrivals, "watcher", "w"};
    server.let_publisher_in();
    CHECK(has_sent_all(service));
    running.stop();
    watcher.finish();
    const Account account{service, arrivals};
    account.print(in_bytes ? "outbox bound of 500,000 bytes, back later"
                           : "outbox bound of 1,000, back later");
    CHECK(account.refused > 0);
    if (!in_bytes) CHECK(account.accepted == 1'000);
    check_exactly_once(account);
  }
}

TEST_CASE("accounts: events above max_payload are refused, the others are delivered", "[figures]") {
  constexpr std::size_t count = 3'000;
  NatsServer server{"max_payload: 1024"};
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals};
  Publisher service{publisher_config(server.url())};
  Running running{service};
  REQUIRE(is_connected(service));
  for (std::size_t n = 0; n < count; ++n) CHECK(service.publish(n % 3 == 0 ? 1024 : 0) == (n % 3 != 0));
  CHECK(service.last_refusal() == std::errc::message_size);
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("each third above max_payload");
  CHECK(account.refused == count / 3);
  check_exactly_once(account);
}

TEST_CASE("accounts: events above a max_payload that is known only later are reported lost", "[figures]") {
  constexpr std::size_t count = 300;
  OrderedServer server;
  server.kill();
  Arrivals arrivals(count);
  Publisher service{publisher_config(server.publisher_url())};
  Running running{service};
  REQUIRE(eventually([&] { return service.get_service_info().is_running; }));
  for (std::size_t n = 0; n < count; ++n) CHECK(service.publish(n % 3 == 0 ? 2'000 : 0));
  server.restart_for_watcher("max_payload: 1024\n");
  Watcher watcher{server.port(), arrivals, "watcher", "w"};
  server.let_publisher_in("max_payload: 1024\n");
  CHECK(has_sent_all(service));
  CHECK(service.broker().reconnects == 0);
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("each third above a max_payload known only later");
  check_at_most_once(account);
  CHECK(account.lost == count / 3);
  CHECK(account.delivered == count - count / 3);
  CHECK(account.unconfirmed == 0);
}

TEST_CASE("accounts: a max_payload that falls costs what is on its way", "[figures]") {
  constexpr std::size_t count = 3'000;
  OrderedServer server;
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals, "watcher", "w"};
  Publisher service{publisher_config(server.publisher_url())};
  Running running{service};
  REQUIRE(is_connected(service));
  server.let_publisher_in("max_payload: 1024\n");
  REQUIRE(eventually([&] { return server.log().find("Reloaded") != std::string::npos; }));
  for (std::size_t n = 0; n < count; ++n) {
    service.publish(n % 30 == 0 ? 2000 : 0);
    if (n % 100 == 99) std::this_thread::sleep_for(1ms);
  }
  CHECK(has_sent_all(service));
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("max_payload falls, each 30th is above it");
  CHECK(account.refused + account.lost + account.unconfirmed >= count / 30);
  check_at_most_once(account);
}

TEST_CASE("accounts: events wait while the broker refuses the credentials", "[figures]") {
  constexpr std::size_t count = 1'000;
  OrderedServer server;
  server.restart_for_watcher();
  Arrivals arrivals(count);
  Watcher watcher{server.port(), arrivals, "watcher", "w"};
  Publisher service{publisher_config(server.publisher_url())};
  Running running{service};
  REQUIRE(eventually([&] { return !service.broker().last_error.empty(); }));
  for (std::size_t n = 0; n < count; ++n) service.publish();
  server.let_publisher_in();
  CHECK(has_sent_all(service));
  running.stop();
  watcher.finish();
  const Account account{service, arrivals};
  account.print("credentials refused, accepted later");
  CHECK(account.accepted == count);
  check_exactly_once(account);
}

namespace {

/// Takes 1 ms for each event.
class SlowListener : public support::Caller {
 public:
  explicit SlowListener(cliffracer::ServiceConfig config) : Caller{std::move(config)} {
    add(cliffracer::listener<&SlowListener::on_event>{.subject = support::numbered});
  }
  std::atomic<std::uint64_t> handled{0};

 private:
  void on_event(const nlohmann::json&) {
    ++handled;
    std::this_thread::sleep_for(1ms);
  }
};

/// Events that the log tells of one by one or in sums: those that wait when the service stops.
std::uint64_t told_in_log(const CapturedLog& log) {
  // The one that was on its way to a worker, which had not begun with it, has a line of its own.
  std::uint64_t sum = log.count("message on numbered refused") + log.count("listener on_event cancelled");
  for (const std::string& each : log.lines()) {
    const std::size_t end = each.find(" waiting messages dropped");
    if (end == std::string::npos) continue;
    sum += std::stoull(each.substr(each.find_last_not_of("0123456789", end - 1) + 1));
  }
  return sum;
}

/// Received messages that are neither handled nor reported; less than 0: some are more than once. What nats.c
/// had not handed over when the service unsubscribed counts as received and as dropped.
std::int64_t print_received(const char* fault, std::uint64_t sent, std::uint64_t received,
                            std::uint64_t handled, std::uint64_t dropped, std::uint64_t told) {
  const auto n = [](std::uint64_t count) { return static_cast<unsigned long long>(count); };
  const auto unaccounted = static_cast<std::int64_t>(received - handled - dropped - told);
  std::printf("%-52s | sent %llu, handled %llu, dropped %llu, dropped at stop %llu, unaccounted %lld\n",
              fault, n(sent), n(handled), n(dropped), n(told), static_cast<long long>(unaccounted));
  std::fflush(stdout);
  return unaccounted;
}

}  // namespace

TEST_CASE("accounts: a slow consumer handles or reports each event that it received", "[figures]") {
  constexpr std::uint64_t count = 2'000;
  NatsServer server;
  cliffracer::ServiceConfig config = publisher_config(server.url());
  config.inbox_max_messages = 100;
  SlowListener service{std::move(config)};
  Running running{service};
  NatsClient client{server.port()};
  // The subscription is known to the broker.
  REQUIRE(eventually([&] {
    client.publish(support::numbered, "{}");
    return service.handled > 0;
  }));
  REQUIRE(eventually([&] { return service.handled == service.broker().received; }));
  const std::uint64_t before = service.broker().received;
  const std::uint64_t handled_before = service.handled;
  for (std::uint64_t n = 0; n < count; ++n) client.publish(support::numbered, R"({"n":1})");
  client.flush();
  CHECK(eventually([&] { return service.handled - handled_before + service.broker().dropped == count; }));
  running.stop();
  const auto broker = service.broker();
  CHECK(print_received("slow consumer", count, broker.received - before, service.handled - handled_before,
                       broker.dropped, 0) == 0);
  CHECK(broker.received - before == count);
  CHECK(broker.dropped > 0);
  CHECK(service.handled - handled_before + broker.dropped == count);
}

TEST_CASE("accounts: a slow consumer that stops tells of each event that waits", "[figures]") {
  constexpr std::uint64_t count = 5'000;
  NatsServer server;
  cliffracer::ServiceConfig config = publisher_config(server.url());
  config.stop_timeout = 200ms;
  SlowListener service{std::move(config)};
  const std::uint64_t told_before = told_in_log(service.log());
  Running running{service};
  NatsClient client{server.port()};
  REQUIRE(eventually([&] {
    client.publish(support::numbered, "{}");
    return service.handled > 0;
  }));
  for (std::uint64_t n = 0; n < count; ++n) client.publish(support::numbered, R"({"n":1})");
  client.flush();
  running.stop();
  const auto broker = service.broker();
  const std::uint64_t told = told_in_log(service.log()) - told_before;
  CHECK(print_received("slow consumer, stop", count, broker.received, service.handled, broker.dropped,
                       told) == 0);
  CHECK(told + broker.dropped > 0);
}

TEST_CASE("accounts: 10,000 calls, a fifth of them answered when the broker dies, all end", "[figures]") {
  constexpr int count = 10'000;
  constexpr int answered = count / 5;
  NatsServer server;
  auto config = publisher_config(server.url());
  config.request_timeout = 2s * support::slowness;
  for (const bool stops : {false, true}) {
    if (server.pid() < 0) server.restart();
    support::Caller service{config};
    Running running{service};
    REQUIRE(eventually([&] { return service.is_connected(); }));
    NatsClient other{server.port()};
    other.subscribe("other.rpc.work");
    service.ask_at_once(count, "other", "work");
    for (int n = 0; n < count; ++n) {
      const auto request = other.next();
      REQUIRE(request);
      if (n % (count / answered) == 0) other.publish(request->reply, R"({"result":1})");
    }
    other.flush();
    REQUIRE(eventually([&] { return service.calls.answered == answered; }));
    server.kill();
    const auto& calls = service.calls;
    if (!stops) CHECK(eventually([&] { return calls.ended() == count; }));
    running.stop();
    std::printf("%-52s | asked %llu, answered %llu, timed out %llu, aborted %llu, unaccounted %lld\n",
                stops ? "calls in flight, kill -9, stop" : "calls in flight, kill -9",
                static_cast<unsigned long long>(calls.asked), static_cast<unsigned long long>(calls.answered),
                static_cast<unsigned long long>(calls.timed_out),
                static_cast<unsigned long long>(calls.aborted),
                static_cast<long long>(calls.asked) - static_cast<long long>(calls.ended()));
    std::fflush(stdout);
    CHECK(calls.asked == count);
    CHECK(calls.answered == answered);
    CHECK((stops ? calls.aborted : calls.timed_out) == count - answered);
    CHECK(calls.ended() == count);
  }
}
