#include "support/catch.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::Scope;
using cliffracer::ServiceConfig;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::TimerStats;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualCluster;
using cliffracer::testing::VirtualTime;

namespace {

/// What all replicas together have run.
struct Ledger {
  struct Run {
    std::uint64_t token;
    std::string owner;
    std::chrono::nanoseconds at;
  };
  std::vector<Run> runs;

  [[nodiscard]] bool has_doubles() const {
    for (std::size_t i = 1; i < runs.size(); ++i)
      if (runs[i].token <= runs[i - 1].token) return true;
    return false;
  }
};

constexpr std::uint64_t a_minute = 60'000;  // from one token to the next

/// One replica.
class Billing : public cliffracer::NatsService {
 public:
  Billing(Ledger& ledger, VirtualTime& time, cliffracer::ClusterConfig cluster = {})
      : NatsService{ServiceConfig{.name = "billing", .cluster = std::move(cluster)}},
        ledger_{ledger},
        time_{time} {
    add(timer<&Billing::bill>{.interval = 1min, .error_backoff = 5s, .scope = Scope::cluster});
  }

  asio::awaitable<void> bill(TickContext tick) {
    ledger_.runs.push_back({tick.token, get_service_info().id, time_.elapsed()});
    if (length > 0s) co_await sleep_for(length);
    if (std::exchange(fails, false)) throw std::runtime_error{"no luck"};
  }

  [[nodiscard]] TimerStats stats() const { return get_timer_stats().timers.at(0); }

  std::chrono::nanoseconds length{0};
  bool fails = false;

 private:
  Ledger& ledger_;
  VirtualTime& time_;
};

std::uint64_t sum_of_claims(const TimerStats& stats) {
  return stats.claims.won + stats.claims.lost + stats.claims.failed + stats.claims.unclear;
}

}  // namespace

TEST_CASE("of several replicas one runs each tick") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  const auto b = time.make<Billing>(ledger, time);
  const auto c = time.make<Billing>(ledger, time);
  for (const auto* const replica : {&a, &b, &c}) time.start(**replica);
  time.advance(1h);
  CHECK(ledger.runs.size() == 60);
  CHECK_FALSE(ledger.has_doubles());
  CHECK(a->stats().claims.won + b->stats().claims.won + c->stats().claims.won == 60);
  CHECK(a->stats().execution_count + a->stats().skipped.elsewhere == 60);
  CHECK(a->stats().last_owner == ledger.runs.back().owner);
  CHECK(c->stats().last_owner == ledger.runs.back().owner);
  CHECK(broker.stored("$KV.cliffracer.billing.bill.*").size() == 61);
}

TEST_CASE("a replica that is alone runs all, and a stopped one's ticks are the others' at once") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  const auto b = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(10min);
  CHECK(ledger.runs.size() == 10);
  time.start(*b);
  a->length = 90s;
  b->length = 0s;
  time.advance(10min);
  time.stop(*a);
  const std::size_t before = ledger.runs.size();
  time.advance(10min);
  CHECK(ledger.runs.size() == before + 10);
  CHECK_FALSE(ledger.has_doubles());
}

TEST_CASE("while a replica runs a tick for long, others pass over the next ones") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(30s);
  a->length = 150s;
  const auto b = time.make<Billing>(ledger, time);
  // It learns of the run although it starts after its beginning.
  time.call_at(70s, [&] { asio::co_spawn(time.context(), b->start(), asio::detached); });
  time.advance(170s);
  REQUIRE(ledger.runs.size() == 1);
  CHECK(b->stats().claims.running_elsewhere == 2);
  CHECK(b->stats().skipped.elsewhere == 2);
  time.advance(100s);
  CHECK(ledger.runs.size() == 2);
  CHECK_FALSE(ledger.has_doubles());
}

TEST_CASE("after an owner dies the next tick runs elsewhere") {
  VirtualCluster cluster{{.replicas = 2}};
  Ledger ledger;
  const auto a = cluster.make<Billing>(0, ledger, cluster.time(0));
  const auto b = cluster.make<Billing>(1, ledger, cluster.time(1));
  cluster.start(0, *a);
  a->length = 10min;
  cluster.advance(1min);
  REQUIRE(ledger.runs.size() == 1);
  cluster.start(1, *b);
  cluster.advance(30s);
  cluster.crash(0);
  cluster.advance(30s);
  REQUIRE(ledger.runs.size() == 2);
  CHECK(ledger.runs[1].token == ledger.runs[0].token + a_minute);
  CHECK(ledger.runs[1].owner == b->get_service_info().id);
  CHECK(b->stats().claims.won == 1);
}

TEST_CASE("a replica that was suspended in a run goes on with a token that is older than the newest") {
  VirtualCluster cluster{{.replicas = 2}};
  Ledger ledger;
  const auto a = cluster.make<Billing>(0, ledger, cluster.time(0));
  const auto b = cluster.make<Billing>(1, ledger, cluster.time(1));
  cluster.start(0, *a);
  cluster.advance(30s);
  a->length = 10s;
  cluster.advance(35s);
  cluster.start(1, *b);
  cluster.pause(0);
  cluster.advance(2min);
  REQUIRE(ledger.runs.size() >= 2);
  CHECK(a->stats().is_executing);
  CHECK(a->stats().current_token < ledger.runs.back().token);
  cluster.resume(0);
  cluster.advance(1min);
  CHECK_FALSE(ledger.has_doubles());
}

TEST_CASE("replicas whose clocks differ by less than the interval run each tick once") {
  VirtualCluster cluster{{.replicas = 3, .seed = 7}};
  Ledger ledger;
  const auto a = cluster.make<Billing>(0, ledger, cluster.time(0));
  const auto b = cluster.make<Billing>(1, ledger, cluster.time(1));
  const auto c = cluster.make<Billing>(2, ledger, cluster.time(2));
  cluster.step_wall_clock(1, 25s);
  cluster.step_wall_clock(2, -25s);
  cluster.set_rate(2, 1.0001);
  cluster.start(0, *a);
  cluster.start(1, *b);
  cluster.start(2, *c);
  cluster.advance(1h);
  // The slowest clock comes to the tick of the start after the start.
  CHECK(ledger.runs.size() == 61);
  CHECK_FALSE(ledger.has_doubles());
}

TEST_CASE("a wall clock that is set does not make a run elsewhere look older than it is") {
  VirtualCluster cluster{{.replicas = 2}};
  Ledger ledger;
  const auto a = cluster.make<Billing>(0, ledger, cluster.time(0));
  const auto b = cluster.make<Billing>(1, ledger, cluster.time(1));
  cluster.start(0, *a);
  a->length = 10min;
  cluster.advance(61s);
  cluster.start(1, *b);
  REQUIRE(ledger.runs.size() == 1);
  // By more than owner_timeout, to just before the next tick; between two announcements.
  cluster.run_until(100s + 200ms);
  cluster.step_wall_clock(1, 18s + 500ms);
  cluster.advance(2s);
  CHECK(b->stats().claims.running_elsewhere == 1);
  CHECK(ledger.runs.size() == 1);
}

TEST_CASE("a run is announced until its end, also while its service stops, and no longer") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time, cliffracer::ClusterConfig{.owner_timeout = 1s});
  time.start(*a);
  a->length = 5s;
  time.advance(61s);
  broker.clear_events();
  time.stop(*a);
  CHECK(time.elapsed() == 65s);
  const auto announced = broker.events("$KV.cliffracer.billing.bill.owner");
  REQUIRE(announced.size() > 15);
  CHECK(announced.back().at == 65s);
  CHECK(announced.back().payload.value("ended", false));
}

TEST_CASE("a service whose replicas share no timer asks JetStream nothing") {
  class Heartbeat : public cliffracer::NatsService {
   public:
    Heartbeat() : NatsService{{.name = "heartbeat"}} { add(timer<&Heartbeat::beat>{.interval = 1s}); }
    asio::awaitable<void> beat() { co_return; }
  };
  VirtualTime time;
  Broker broker{time};
  const auto service = time.make<Heartbeat>();
  time.start(*service);
  time.advance(1min);
  CHECK(broker.events("$JS.>").empty());
  CHECK(broker.events("$KV.>").empty());
}

TEST_CASE("a replica that hears of a newer tick only when it connects does not claim an older one") {
  VirtualTime time;
  Broker broker{time};
  broker.set_latency(10ms);
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  const auto b = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(61s);
  time.stop(*a);
  REQUIRE(ledger.runs.size() == 1);
  // Nobody has run the tick that it is now.
  time.step_wall_clock(-10s);
  time.start(*b);
  b->trigger("bill");
  time.advance(5s);
  CHECK(ledger.runs.size() == 1);
  time.advance(2min);
  CHECK(ledger.runs.size() == 2);
  CHECK_FALSE(ledger.has_doubles());
}

TEST_CASE("a retry within the tick stays with its owner") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  const auto b = time.make<Billing>(ledger, time);
  for (const auto* const replica : {&a, &b}) {
    time.start(**replica);
    (*replica)->fails = true;
  }
  time.advance(1min + 10s);
  REQUIRE(ledger.runs.size() == 2);
  CHECK(ledger.runs[0].token == ledger.runs[1].token);
  CHECK(ledger.runs[0].owner == ledger.runs[1].owner);
  CHECK(ledger.runs[1].at - ledger.runs[0].at == 5s);
}

TEST_CASE("without a broker no tick is run, and each is counted") {
  VirtualTime time;
  Broker broker{time};
  broker.stop();
  Ledger ledger;
  LogCapture log{"billing"};
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.stop(*a);
  CHECK(log.count("failed") == 0);
  time.start(*a);
  time.advance(10min + 30s);
  CHECK(ledger.runs.empty());
  CHECK(a->stats().claims.failed == 10);
  CHECK(a->stats().skipped.claim_failed == 10);
  CHECK(a->stats().last_claim_error == "there is no connection to NATS");
  CHECK(log.count("cannot be claimed: there is no connection to NATS") == 10);
  broker.start();
  time.advance(1min);
  CHECK(ledger.runs.size() == 1);
}

TEST_CASE("without JetStream no tick is run, and the log says so at the start") {
  VirtualTime time;
  Broker broker{time};
  broker.set_store({.is_off = true});
  Ledger ledger;
  LogCapture log{"billing"};
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(2min);
  CHECK(ledger.runs.empty());
  CHECK(a->stats().claims.failed >= 1);
  CHECK(a->stats().last_claim_error ==
        "the bucket cliffracer: JetStream does not answer: it is off, or has no leader");
}

TEST_CASE("a claim whose answer is lost is read back") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  const auto b = time.make<Billing>(ledger, time);
  for (const auto* const replica : {&a, &b}) time.start(**replica);
  time.advance(30s);
  broker.set_store({.lost_requests = 0.3, .lost_answers = 0.3});
  time.advance(1h);
  CHECK(ledger.runs.size() > 50);
  CHECK_FALSE(ledger.has_doubles());
  CHECK(sum_of_claims(a->stats()) == 60);
}

TEST_CASE("a bucket in memory is refused, by name, and no tick is run until it is another one") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  LogCapture log{"billing"};
  nlohmann::json settings{
      {"name", "KV_cliffracer"}, {"subjects", {"$KV.cliffracer.>"}}, {"storage", "memory"}, {"max_age", 0}};
  static_cast<void>(time.run(broker.request("$JS.API.STREAM.CREATE.KV_cliffracer", settings)));
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(1s);
  CHECK(log.count("no cluster timer runs: the bucket cliffracer cannot be used: it is kept in memory") == 1);
  time.advance(2min);
  CHECK(ledger.runs.empty());
  CHECK(a->stats().claims.failed == 2);
  CHECK(a->stats().last_claim_error.find("it is kept in memory") != std::string::npos);
}

TEST_CASE("a replica whose announced tick is far ahead is not believed, and told of") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  LogCapture log{"billing"};
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(1min);
  broker.publish("$KV.cliffracer.billing.bill.owner",
                 {{"owner", "x"}, {"token", 99'999'999'999'999}, {"beat", 0}});
  time.advance(1min);
  CHECK(ledger.runs.size() == 2);
  CHECK(log.count("clocks must differ by less than the interval") == 1);
}

namespace {

/// A replica of a version of the service whose timer is not as in others.
class Version : public cliffracer::NatsService {
 public:
  Version(Ledger& ledger, VirtualTime& time, std::chrono::nanoseconds interval,
          std::chrono::nanoseconds offset = 0s)
      : NatsService{{.name = "version"}}, ledger_{ledger}, time_{time} {
    add(timer<&Version::run>{.interval = interval, .eager = true, .offset = offset, .scope = Scope::cluster});
  }
  asio::awaitable<void> run(TickContext tick) {
    ledger_.runs.push_back({tick.token, get_service_info().id, time_.elapsed()});
    co_return;
  }

 private:
  Ledger& ledger_;
  VirtualTime& time_;
};

}  // namespace

TEST_CASE("another interval or offset in a new version takes no token back, and does not run a tick again") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto go_through = [&](std::chrono::nanoseconds interval, std::chrono::nanoseconds offset = 0s) {
    const auto replica = time.make<Version>(ledger, time, interval, offset);
    const std::size_t before = ledger.runs.size();
    time.start(*replica);
    time.advance(5 * interval);
    time.stop(*replica);
    CHECK(ledger.runs.size() >= before + 4);
    CHECK_FALSE(ledger.has_doubles());
  };
  go_through(1min);
  go_through(1h);
  go_through(1h, 40min);
  go_through(7s);
  go_through(4h, 150min);
  go_through(1500ms);
}

TEST_CASE("how far ahead an announced tick is, the timer's own points say: an offset moves them") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  LogCapture log{"version"};
  const auto replica = time.make<Version>(ledger, time, 1min, 30s);
  time.start(*replica);
  time.advance(10s);
  const auto announce = [&](std::string_view owner, std::chrono::milliseconds after_start) {
    const auto due = VirtualTime::Options{}.wall_clock + after_start;
    const auto token = std::chrono::duration_cast<std::chrono::milliseconds>(due.time_since_epoch()).count();
    broker.publish("$KV.cliffracer.version.run.owner", {{"owner", owner}, {"token", token}});
    time.advance(1s);
  };
  announce("next", 30s);
  CHECK(replica->get_timer_stats().timers.at(0).last_owner == "next");
  CHECK(log.count("clocks must differ") == 0);
  announce("ahead", 90s);
  CHECK(replica->get_timer_stats().timers.at(0).last_owner == "next");
  CHECK(log.count("120.000 s after that of") == 1);
  CHECK(log.count("clocks must differ") == 1);
}

TEST_CASE("what a version that counted ticks has announced keeps nobody from running") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  LogCapture log{"billing"};
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(1min);
  broker.publish("$KV.cliffracer.billing.bill.owner", {{"owner", "old"}, {"tick", 29'453'762}, {"beat", 0}});
  const auto b = time.make<Billing>(ledger, time);
  time.start(*b);
  time.advance(3min);
  CHECK(ledger.runs.size() == 4);
  CHECK_FALSE(ledger.has_doubles());
  CHECK(log.count("clock") == 0);
}

TEST_CASE("a service can be stopped while it claims a tick, and started again") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(30s);
  broker.set_store({.lost_requests = 1.0});
  time.advance(31s);
  time.stop(*a);
  CHECK(time.elapsed() < 62s);
  broker.set_store({});
  time.start(*a);
  time.advance(1min);
  CHECK(ledger.runs.size() == 1);
}

TEST_CASE("a bucket that is deleted is made again by the next claim, and the log says so") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  LogCapture log{"billing"};
  const auto a = time.make<Billing>(ledger, time);
  const auto b = time.make<Billing>(ledger, time);
  for (const auto* const replica : {&a, &b}) time.start(**replica);
  time.advance(2min);
  CHECK(log.count("was deleted") == 0);
  CHECK(time.run(broker.request("$JS.API.STREAM.DELETE.KV_cliffracer")).value("success", false));
  time.advance(10min);
  CHECK(ledger.runs.size() == 12);
  CHECK_FALSE(ledger.has_doubles());
  CHECK(log.count("the bucket cliffracer was deleted, and is made again") >= 1);
  CHECK(a->stats().skipped.claim_failed + b->stats().skipped.claim_failed == 0);
}

TEST_CASE("what takes the place of a deleted bucket is looked at") {
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  LogCapture log{"billing"};
  const auto a = time.make<Billing>(ledger, time);
  time.start(*a);
  time.advance(1min);
  CHECK(time.run(broker.request("$JS.API.STREAM.DELETE.KV_cliffracer")).value("success", false));
  nlohmann::json settings{
      {"name", "KV_cliffracer"}, {"subjects", {"$KV.elsewhere.>"}}, {"storage", "file"}, {"max_age", 0}};
  static_cast<void>(time.run(broker.request("$JS.API.STREAM.CREATE.KV_cliffracer", settings)));
  time.advance(2min);
  CHECK(ledger.runs.size() == 1);
  CHECK(log.count("no cluster timer runs: the bucket cliffracer cannot be used: it is a stream") == 1);
}

TEST_CASE("a service that is stopped and started does not run a tick again that it has run") {
  class Eager : public cliffracer::NatsService {
   public:
    explicit Eager(Ledger& ledger) : NatsService{{.name = "eager"}}, ledger_{ledger} {
      add(timer<&Eager::run>{.interval = 1h, .eager = true, .scope = Scope::cluster});
    }
    asio::awaitable<void> run(TickContext tick) {
      ledger_.runs.push_back({tick.token, get_service_info().id, {}});
      co_return;
    }

   private:
    Ledger& ledger_;
  };
  VirtualTime time;
  Broker broker{time};
  Ledger ledger;
  const auto service = time.make<Eager>(ledger);
  for (int n = 0; n < 3; ++n) {
    time.start(*service);
    time.advance(1min);
    time.stop(*service);
  }
  CHECK(ledger.runs.size() == 1);
  time.advance(1h);
  time.start(*service);
  time.advance(1min);
  CHECK(ledger.runs.size() == 2);
  CHECK_FALSE(ledger.has_doubles());
}

namespace {

/// A replica whose clock is wrong for two minutes, beside one whose clock is right.
struct WrongClock {
  WrongClock() {
    cluster.start(0, *wrong);
    cluster.advance(10min + 30s);
    REQUIRE(ledger.runs.size() == 10);
  }
  void be_wrong_by(std::chrono::nanoseconds step) {
    cluster.step_wall_clock(0, step);
    cluster.advance(2min);
    cluster.step_wall_clock(0, -step);
  }
  /// No tick was run twice, whenever that was.
  void check_once() const {
    std::set<std::uint64_t> tokens;
    for (const auto& run : ledger.runs) CHECK(tokens.insert(run.token).second);
  }

  VirtualCluster cluster{{.replicas = 2, .seed = 7}};
  Ledger ledger;
  LogCapture log{"billing"};
  VirtualCluster::Owned<Billing> wrong = cluster.make<Billing>(0, ledger, cluster.time(0));
  VirtualCluster::Owned<Billing> right = cluster.make<Billing>(1, ledger, cluster.time(1));
};

}  // namespace

TEST_CASE("a timer whose clock was ahead for a while runs again when it is right, and each tick once") {
  WrongClock world;
  const auto step = GENERATE(1h, 24h);
  world.be_wrong_by(step);
  const std::size_t before = world.ledger.runs.size();
  CHECK(before >= 11);
  world.cluster.advance(10min);
  CHECK(world.ledger.runs.size() == before + 10);
  CHECK(world.log.count("the clock was set back, and tokens go back with it") == 1);
  CHECK(world.wrong->stats().skipped.elsewhere == 0);
  CHECK(world.wrong->stats().skipped.claim_failed == 0);
  // Also of the ticks that it was ahead for, when they come.
  world.cluster.start(1, *world.right);
  world.cluster.advance(step + 1h);
  world.check_once();
  CHECK(world.wrong->stats().claims.won > 0);
  CHECK(world.right->stats().claims.won > 0);
}

TEST_CASE("a clock that is set back, and was right before, makes no tick run again") {
  WrongClock world;
  const auto back = GENERATE(5min, 24 * 60min, 25 * 60min);
  // So that there are ticks to be run again.
  world.cluster.advance(26h);
  world.cluster.step_wall_clock(0, -back);
  const std::size_t before = world.ledger.runs.size();
  world.cluster.advance(4min);
  CHECK(world.ledger.runs.size() <= before + 1);
  CHECK(world.log.count("the clock was set back") >= 1);
  const bool is_forgotten = back > 24h;
  CHECK((world.log.count("whether it was run is not known any more") > 0) == is_forgotten);
  CHECK((world.wrong->stats().skipped.claim_failed > 0) == is_forgotten);
  // Others go on.
  world.cluster.start(1, *world.right);
  world.cluster.advance(10min);
  CHECK(world.ledger.runs.size() >= before + 9);
  world.check_once();
}

TEST_CASE("what was claimed here before the clock was set back is not won by reading it back") {
  WrongClock world;
  world.be_wrong_by(1h);
  // Its tick of ten minutes ago comes again, whose key has its own name.
  world.cluster.step_wall_clock(0, -10min);
  world.cluster.broker().set_store({.lost_answers = 1.0});
  world.cluster.advance(1min);
  world.cluster.broker().set_store({.lost_answers = 0.5});
  world.cluster.advance(5min);
  world.check_once();
}

TEST_CASE("after the clock was set back the others are listened to again") {
  WrongClock world;
  world.be_wrong_by(1h);
  world.cluster.advance(3min);
  world.wrong->length = 1s;
  world.right->length = 150s;
  world.cluster.start(1, *world.right);
  world.cluster.advance(30min);
  CHECK(world.right->stats().execution_count > 0);
  CHECK(world.wrong->stats().claims.running_elsewhere > 0);
}

TEST_CASE("timers that replicas share come and go while they run") {
  struct Office : cliffracer::NatsService {
    Office() : NatsService{{.name = "office"}} {}
    void begin(std::chrono::seconds interval) {
      add(timer<&Office::run>{.interval = interval, .scope = Scope::cluster, .name = "job"});
    }
    asio::awaitable<void> run(TickContext tick) {
      tokens.push_back(tick.token);
      if (length > 0s) co_await sleep_for(length);
    }
    std::vector<std::uint64_t> tokens;
    std::chrono::nanoseconds length{0};
  };
  VirtualTime time;
  Broker broker{time};
  const auto a = time.make<Office>();
  const auto b = time.make<Office>();
  for (const auto* const office : {&a, &b}) time.start(**office);
  time.advance(5min);
  CHECK(broker.stored("$KV.cliffracer.>").empty());

  // The first one of all.
  for (const auto* const office : {&a, &b}) (*office)->begin(60s);
  time.advance(10min);
  CHECK(a->tokens.size() + b->tokens.size() == 10);

  // In the middle of a run, and with another interval, for which the bucket keeps claims long enough, too.
  a->length = b->length = 90s;
  time.advance(10s);
  a->remove("job");
  b->remove("job");
  time.advance(5min);
  const std::size_t before = a->tokens.size() + b->tokens.size();
  a->length = b->length = 0s;
  for (const auto* const office : {&a, &b}) (*office)->begin(300s);
  time.advance(1h);
  CHECK(a->tokens.size() + b->tokens.size() == before + 12);
  CHECK(a->get_timer_stats().timers.at(0).claims.failed == 0);

  // They are still shared after a stop and a start.
  time.stop(*a);
  time.start(*a);
  time.advance(1h);
  CHECK(a->tokens.size() + b->tokens.size() == before + 24);
  std::set<std::uint64_t> tokens{a->tokens.begin(), a->tokens.end()};
  tokens.insert(b->tokens.begin(), b->tokens.end());
  CHECK(tokens.size() == before + 24);
}

TEST_CASE("a timer that is added again does not run a tick that the one before it has run") {
  struct Office : cliffracer::NatsService {
    Office() : NatsService{{.name = "office"}} {}
    void begin() {
      add(timer<&Office::run>{.interval = 1h, .eager = true, .scope = Scope::cluster, .name = "job"});
    }
    asio::awaitable<void> run(TickContext tick) {
      tokens.push_back(tick.token);
      co_return;
    }
    std::vector<std::uint64_t> tokens;
  };
  VirtualTime time;
  Broker broker{time};
  const auto office = time.make<Office>();
  office->begin();
  time.start(*office);
  time.advance(1min);
  REQUIRE(office->tokens.size() == 1);
  // Some claims are read back then, and the key has this replica's id.
  broker.set_store({.lost_answers = 0.5});
  const bool is_stopped = GENERATE(false, true);
  for (int n = 0; n < 40; ++n) {
    office->remove("job");
    if (is_stopped) time.stop(*office);
    office->begin();
    if (is_stopped) time.start(*office);
    time.advance(30s);
  }
  CHECK(office->tokens.size() == 1);
  time.advance(1h);
  CHECK(office->tokens.size() == 2);
}
