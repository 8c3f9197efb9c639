#include "support/catch.hpp"
#include "support/raw_link.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/run_log.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::listener;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::RpcError;
using cliffracer::ServiceConfig;
using cliffracer::timer;
using cliffracer::testing::BrokerEvent;
using cliffracer::testing::LogCapture;
using cliffracer::testing::RunLog;
using cliffracer::testing::VirtualCluster;
using cliffracer::testing::VirtualTime;

namespace {

using Instants = std::vector<std::chrono::nanoseconds>;
using Numbers = std::vector<int>;

/// Ticks each second, hears what others say, and answers who it is.
class Worker : public NatsService {
 public:
  Worker(VirtualCluster& cluster, std::size_t replica, ServiceConfig config = {.name = "worker"})
      : NatsService{std::move(config)}, cluster_{cluster}, replica_{replica} {
    add(timer<&Worker::tick>{.interval = 1s}, listener<&Worker::hear>{.subject = "news"},
        rpc<&Worker::who>{});
  }

  asio::awaitable<void> tick() {
    ticks.push_back(cluster_.elapsed());
    publish_event("tick", {{"n", ticks.size()}});
    if (on_tick) on_tick();
    co_return;
  }
  asio::awaitable<void> hear(nlohmann::json data) {
    heard.push_back(data.value("n", 0));
    heard_at.push_back(cluster_.elapsed());
    co_return;
  }
  asio::awaitable<std::size_t> who() { co_return replica_; }

  Instants ticks;  // in true time
  Numbers heard;
  Instants heard_at;
  std::function<void()> on_tick;

 private:
  VirtualCluster& cluster_;
  std::size_t replica_;
};

/// One worker on each replica.
struct Workers {
  explicit Workers(VirtualCluster& on) : cluster{on} {
    for (std::size_t n = 0; n < cluster.size(); ++n) add(n);
  }
  void add(std::size_t replica) {
    all.push_back(cluster.make<Worker>(replica, cluster, replica));
    cluster.start(replica, *all.back());
  }
  Worker& operator[](std::size_t n) { return *all.at(n); }

  VirtualCluster& cluster;
  std::vector<VirtualCluster::Owned<Worker>> all;
};

Instants seconds(int first, int last) {
  Instants all;
  for (int n = first; n <= last; ++n) all.push_back(std::chrono::seconds{n});
  return all;
}

Numbers from_to(int first, int last) {
  Numbers numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

std::string state(const NatsService& service) { return service.get_service_info().broker.state; }

std::vector<std::size_t> replicas_of(const std::vector<BrokerEvent>& events) {
  std::vector<std::size_t> all;
  for (const auto& event : events) all.push_back(event.replica.value_or(99));
  return all;
}

}  // namespace

TEST_CASE("replicas tick side by side and hear each other over one broker") {
  VirtualCluster cluster;
  Workers workers{cluster};
  CHECK(cluster.size() == 3);
  cluster.advance(3s);
  for (std::size_t n = 0; n < 3; ++n) {
    CHECK(workers[n].ticks == seconds(1, 3));
    CHECK(cluster.time(n).elapsed() == 3s);
  }
  auto ticks = cluster.broker().events("tick");
  REQUIRE(ticks.size() == 9);
  CHECK(ticks[8].at == 3s);
  CHECK(ticks[8].service == "worker");
  CHECK(replicas_of(ticks) == std::vector<std::size_t>{0, 1, 2, 0, 1, 2, 0, 1, 2});

  cluster.broker().set_latency(200ms);
  workers[1].publish_event("news", {{"n", 7}});
  cluster.settle();
  cluster.broker().publish("news", {{"n", 8}});
  cluster.advance(1s);
  for (std::size_t n = 0; n < 3; ++n) {
    CHECK(workers[n].heard == from_to(7, 8));
    CHECK(workers[n].heard_at == Instants{3200ms, 3200ms});
  }
  CHECK_FALSE(cluster.broker().events("news").back().replica);
}

TEST_CASE("the test calls replicas, of which any one answers") {
  VirtualCluster cluster{{.seed = 3}};
  Workers workers{cluster};
  std::vector<int> answers(3);
  for (int n = 0; n < 60; ++n) {
    const auto who = cluster.run(cluster.broker().call_rpc("worker", "who")).get<std::size_t>();
    ++answers.at(who);
  }
  for (const int count : answers) CHECK(count > 5);
  CHECK(cluster.elapsed() == 0s);
  cluster.stop(1, workers[1]);
  cluster.crash(2);
  for (int n = 0; n < 5; ++n) CHECK(cluster.run(cluster.broker().call_rpc("worker", "who")) == 0);
  const auto call = [](NatsService& caller) -> asio::awaitable<nlohmann::json> {
    return caller.call_rpc("worker", "who");
  };
  CHECK(cluster.run(0, call(workers[0])) == 0);
  CHECK_THROWS_AS(cluster.run(1, call(workers[1])), std::system_error);
}

TEST_CASE("a wall clock that is wrong moves what goes by it, and nothing else") {
  class Aligned : public NatsService {
   public:
    explicit Aligned(VirtualCluster& cluster) : NatsService{{.name = "aligned"}}, cluster_{cluster} {
      add(timer<&Aligned::tick>{.interval = 1min, .align_to_epoch = true},
          timer<&Aligned::plain>{.interval = 1min});
    }
    void tick() { aligned.push_back(cluster_.elapsed()); }
    void plain() { plains.push_back(cluster_.elapsed()); }
    Instants aligned;
    Instants plains;

   private:
    VirtualCluster& cluster_;
  };
  VirtualCluster cluster{{.workers_inline = true}};
  cluster.step_wall_clock(1, -300ms);
  cluster.step_wall_clock(2, 2s);
  std::vector<VirtualCluster::Owned<Aligned>> all;
  for (std::size_t n = 0; n < 3; ++n) {
    all.push_back(cluster.make<Aligned>(n, cluster));
    cluster.start(n, *all[n]);
  }
  cluster.advance(150s);
  CHECK(all[0]->aligned == Instants{60s, 120s});
  CHECK(all[1]->aligned == Instants{300ms, 60300ms, 120300ms});
  CHECK(all[2]->aligned == Instants{58s, 118s});
  for (const auto& service : all) CHECK(service->plains == Instants{60s, 120s});
}

TEST_CASE("a clock that drifts has a replica tick faster or slower") {
  VirtualCluster cluster;
  cluster.set_rate(1, 1.25);
  cluster.set_rate(2, 0.9999);
  Workers workers{cluster};
  RunLog runs{cluster.time(2)};
  cluster.advance(4s);
  CHECK(workers[0].ticks == seconds(1, 4));
  CHECK(workers[1].ticks == Instants{800ms, 1600ms, 2400ms, 3200ms, 4s});
  CHECK(cluster.time(1).elapsed() == 5s);
  REQUIRE(workers[2].ticks.size() == 3);
  CHECK(workers[2].ticks[0] == 1s + 100010001ns / 1000);
  CHECK(runs.of("worker", "tick").at(0).started == 1s);
  cluster.set_rate(1, 1);
  cluster.advance(2s);
  CHECK(workers[1].ticks.back() == 6s);
  CHECK(cluster.time(1).elapsed() == 7s);
  CHECK_THROWS_AS(cluster.set_rate(0, 0), std::invalid_argument);
  CHECK_THROWS_AS(cluster.set_rate(0, 2.1), std::invalid_argument);
}

TEST_CASE("a paused replica does nothing, and sees all at once when it is resumed") {
  VirtualCluster cluster;
  Workers workers{cluster};
  cluster.advance(2s);
  cluster.pause(1);
  CHECK(cluster.is_paused(1));
  for (int n = 1; n <= 5; ++n) {
    cluster.broker().publish("news", {{"n", n}});
    cluster.advance(1s);
  }
  CHECK(workers[0].ticks == seconds(1, 7));
  CHECK(workers[0].heard == from_to(1, 5));
  CHECK(workers[1].ticks == seconds(1, 2));
  CHECK(workers[1].heard.empty());
  cluster.advance(500ms);
  cluster.resume(1);
  CHECK_FALSE(cluster.is_paused(1));
  cluster.settle();
  CHECK(workers[1].heard == from_to(1, 5));
  CHECK(workers[1].heard_at == Instants(5, 7500ms));
  cluster.advance(1s);
  // One late run for all that was missed.
  CHECK(workers[1].ticks == Instants{1s, 2s, 7500ms, 8s});
  CHECK(state(workers[1]) == "connected");
  CHECK(workers[1].get_service_info().broker.reconnects == 0);
}

TEST_CASE("what is ready when a replica is paused waits, too") {
  VirtualCluster cluster;
  Workers workers{cluster};
  // In the midst of its own turn.
  workers[2].on_tick = [&] {
    workers[2].publish_event("tick", {{"n", "second"}});
    cluster.pause(2);
  };
  cluster.advance(10s);
  CHECK(workers[2].ticks == seconds(1, 1));
  const auto ticks = replicas_of(cluster.broker().events("tick"));
  CHECK(std::count(ticks.begin(), ticks.end(), 2U) == 0);
  workers[2].on_tick = nullptr;
  cluster.resume(2);
  cluster.settle();
  const auto later = replicas_of(cluster.broker().events("tick"));
  CHECK(std::count(later.begin(), later.end(), 2U) == 2);
}

TEST_CASE("the broker gives up a connection whose replica is paused for too long") {
  VirtualCluster cluster{{.connection_patience = 1min}};
  Workers workers{cluster};
  LogCapture log{"worker", spdlog::level::info};
  cluster.pause(0);
  cluster.advance(30s);
  cluster.broker().set_latency(2s);
  cluster.broker().publish("news", {{"n", 1}});
  cluster.advance(29s);
  // On its way.
  cluster.broker().publish("news", {{"n", 2}});
  cluster.advance(2s);
  cluster.broker().set_latency(0s);
  cluster.broker().publish("news", {{"n", 3}});
  cluster.advance(9s);
  CHECK(workers[0].heard.empty());
  CHECK(workers[1].heard == from_to(1, 3));
  CHECK(log.lines().empty());
  cluster.resume(0);
  cluster.advance(5s);
  CHECK(log.count("lost the connection to NATS: the broker has given the connection up") == 1);
  CHECK(log.count("reconnected") == 1);
  // What came before has arrived, what came after is lost.
  CHECK(workers[0].heard == from_to(1, 1));
  cluster.broker().publish("news", {{"n", 4}});
  cluster.settle();
  CHECK(workers[0].heard.back() == 4);

  // A new pause begins a new patience.
  cluster.pause(0);
  cluster.advance(59s);
  cluster.resume(0);
  cluster.pause(0);
  cluster.advance(59s);
  cluster.resume(0);
  cluster.advance(1min);
  CHECK(workers[0].get_service_info().broker.reconnects == 1);
}

TEST_CASE("a partition concerns one replica of a service") {
  VirtualCluster cluster;
  Workers workers{cluster};
  cluster.partition(1);
  cluster.broker().publish("news", {{"n", 1}});
  cluster.advance(3500ms);
  CHECK(workers[0].heard == from_to(1, 1));
  CHECK(workers[1].heard.empty());
  CHECK(workers[1].ticks == seconds(1, 3));
  CHECK(replicas_of(cluster.broker().events("tick")) == std::vector<std::size_t>{0, 2, 0, 2, 0, 2});
  cluster.heal(1);
  cluster.settle();
  CHECK(workers[1].heard == from_to(1, 1));
  CHECK(cluster.broker().events("tick").size() == 9);

  // For long: the connection is given up by the replica's own clock.
  cluster.set_rate(2, 2);
  cluster.partition(1);
  cluster.partition(2);
  cluster.advance(3100ms);
  CHECK(state(workers[2]) == "reconnecting");
  CHECK(state(workers[1]) == "connected");
  cluster.advance(3s);
  CHECK(state(workers[1]) == "reconnecting");
  cluster.broker().heal();
  cluster.advance(3s);
  CHECK(state(workers[1]) == "connected");
  CHECK(state(workers[2]) == "connected");
}

TEST_CASE("what a paused replica has sent into a partition arrives after it") {
  VirtualCluster cluster;
  Workers workers{cluster};
  cluster.partition(1);
  cluster.advance(1500ms);
  cluster.pause(1);
  // By the clock of its own that it cannot look at it would have given the connection up.
  cluster.advance(1min);
  cluster.heal(1);
  CHECK(replicas_of(cluster.broker().events("tick")).back() == 1);
  cluster.resume(1);
  cluster.advance(1s);
  CHECK(workers[1].get_service_info().broker.reconnects == 0);
}

TEST_CASE("a replica that crashes says no more, and its services can be destroyed") {
  class Sleeper : public NatsService {
   public:
    Sleeper() : NatsService{{.name = "sleeper", .stop_timeout = 2s}} {
      add(timer<&Sleeper::work>{.interval = 1s});
    }
    asio::awaitable<void> work() {
      publish_event("begin", {{"n", 1}});
      co_await sleep_for(1h);
      publish_event("end", {{"n", 1}});
    }
    asio::awaitable<void> on_stop() override {
      publish_event("stopped", {{"n", 1}});
      co_return;
    }
  };
  VirtualCluster cluster;
  auto workers = std::make_optional<Workers>(cluster);
  auto sleeper = cluster.make<Sleeper>(1);
  cluster.start(1, *sleeper);
  cluster.advance(1500ms);
  (*workers)[1].publish_event("tick", {{"n", "never sent"}});
  cluster.crash(1);
  CHECK(cluster.is_crashed(1));
  cluster.broker().publish("news", {{"n", 1}});
  cluster.advance(2h);
  // Nobody can bring it back.
  cluster.resume(1);
  cluster.heal(1);
  cluster.broker().heal();
  cluster.pause(1);
  CHECK_FALSE(cluster.is_paused(1));
  cluster.advance(1min);
  CHECK((*workers)[1].ticks == seconds(1, 1));
  CHECK((*workers)[1].heard.empty());
  const auto ticks = replicas_of(cluster.broker().events("tick"));
  CHECK(std::count(ticks.begin(), ticks.end(), 1U) == 1);
  const auto elapsed = cluster.elapsed();
  sleeper.reset();
  CHECK(cluster.elapsed() == elapsed);
  CHECK(cluster.broker().events("begin").size() == 1);
  CHECK(cluster.broker().events("end").empty());
  CHECK(cluster.broker().events("stopped").empty());
  workers.reset();
  CHECK_THROWS_AS(cluster.run(cluster.broker().call_rpc("worker", "who")), RpcError);
}

TEST_CASE("replicas can be destroyed while they are paused, cut off, or at work") {
  VirtualCluster cluster{{.replicas = 4}};
  Workers workers{cluster};
  cluster.broker().set_latency(10ms, 1s);
  cluster.advance(1500ms);
  cluster.broker().publish("news", {{"n", 1}});
  cluster.pause(0);
  cluster.partition(1);
  cluster.pause(2);
  cluster.partition(2);
  cluster.advance(2s);
}

TEST_CASE("a replica can take the place of one that has crashed") {
  VirtualCluster cluster{{.replicas = 1}};
  cluster.step_wall_clock(0, 1h);
  Workers workers{cluster};
  cluster.advance(10s);
  cluster.crash(0);
  cluster.advance(5s);
  CHECK(cluster.add_replica() == 1);
  CHECK(cluster.time(1).elapsed() == 15s);
  workers.add(1);
  cluster.advance(2s);
  CHECK(workers[1].ticks == Instants{16s, 17s});
  CHECK(cluster.broker().events("tick").back().replica == 1U);
}

TEST_CASE("a method that blocks holds up its own replica only") {
  VirtualCluster cluster;
  Workers workers{cluster};
  workers[1].on_tick = [&] {
    if (workers[1].ticks.size() == 1) cluster.time(1).jump(2500ms);
  };
  cluster.run_until(2s);
  cluster.broker().publish("news", {{"n", 1}});
  cluster.run_until(5s);
  CHECK(workers[0].ticks == seconds(1, 5));
  CHECK(workers[0].heard_at == Instants{2s});
  CHECK(workers[1].heard_at == Instants{3500ms});
  CHECK(workers[1].ticks == Instants{1s, 3500ms, 4s, 5s});
  CHECK(cluster.time(1).elapsed() == 5s);
}

TEST_CASE("of the replicas that claim a key one wins, whoever is paused or cut off") {
  VirtualCluster cluster{{.replicas = 4, .seed = 11}};
  cluster.broker().set_latency(1ms, 30ms);
  cluster.broker().set_store({.request_delay = {0s, 20ms}, .answer_delay = {0s, 20ms}});
  std::vector<std::unique_ptr<support::RawLink>> links;
  for (std::size_t n = 0; n < cluster.size(); ++n)
    links.push_back(
        std::make_unique<support::RawLink>(cluster.time(n).context(), ServiceConfig{.name = "raw"}));
  const nlohmann::json config{{"name", "KV_b"}, {"subjects", {"$KV.b.>"}}, {"max_msgs_per_subject", 1}};
  cluster.settle();
  CHECK_FALSE(
      cluster.run(0, links[0]->request("$JS.API.STREAM.CREATE.KV_b", config.dump())).contains("error"));

  std::vector<std::vector<std::size_t>> winners(100);
  const auto claim = [&](std::size_t replica, std::size_t key) -> asio::awaitable<void> {
    const std::string subject = "$KV.b.t." + std::to_string(key);
    const nlohmann::json answer = co_await links[replica]->request(subject, std::to_string(replica), 0);
    if (!answer.contains("error")) winners[key].push_back(replica);
  };
  std::vector<bool> has_won(cluster.size());
  for (std::size_t key = 0; key < winners.size(); ++key) {
    if (key == 20) cluster.pause(1);
    if (key == 30) cluster.resume(1);
    if (key == 40) cluster.partition(2);
    if (key == 50) cluster.heal(2);
    if (key == 60) cluster.crash(3);
    for (std::size_t n = 0; n < cluster.size(); ++n) {
      asio::co_spawn(cluster.time(n).context(), claim(n, key), [](const std::exception_ptr&) {});
    }
    cluster.advance(200ms);
  }
  cluster.advance(10s);
  for (std::size_t key = 0; key < winners.size(); ++key) {
    INFO("key " << key);
    REQUIRE(winners[key].size() == 1);
    has_won[winners[key][0]] = true;
    const auto stored = cluster.broker().stored("$KV.b.t." + std::to_string(key));
    REQUIRE(stored.size() == 1);
    CHECK(stored[0].payload == std::to_string(winners[key][0]));
  }
  CHECK(has_won == std::vector<bool>(cluster.size(), true));
  for (std::size_t n = 0; n < 3; ++n) cluster.run(n, links[n]->close());
}

TEST_CASE("the same seed gives the same history of all replicas") {
  const auto history = [](std::uint64_t seed) {
    std::vector<std::string> lines;
    VirtualCluster cluster{{.replicas = 5, .seed = seed, .workers_inline = true}};
    cluster.broker().set_latency(1ms, 700ms);
    cluster.broker().set_loss(0.1);
    for (std::size_t n = 0; n < 5; ++n) cluster.set_rate(n, 1 + 0.0001 * static_cast<double>(n));
    Workers workers{cluster};
    cluster.call_at(10s, [&] { cluster.pause(1); });
    cluster.call_at(15s, [&] { cluster.partition(2); });
    cluster.call_at(20s, [&] { cluster.crash(3); });
    cluster.call_at(25s, [&] { cluster.resume(1); });
    cluster.call_at(30s, [&] { cluster.heal(2); });
    for (int n = 1; n <= 60; ++n) {
      cluster.broker().publish("news", {{"n", n}});
      cluster.advance(1s);
    }
    for (const auto& event : cluster.broker().events()) {
      lines.push_back(std::to_string(event.at.count()) + " " + event.subject + " " + event.payload.dump() +
                      " " + std::to_string(event.replica.value_or(99)));
    }
    for (const auto& worker : workers.all) {
      for (std::size_t n = 0; n < worker->heard.size(); ++n)
        lines.push_back(std::to_string(worker->heard[n]) + " at " +
                        std::to_string(worker->heard_at[n].count()));
    }
    return lines;
  };
  CHECK(history(1) == history(1));
  CHECK(history(1) != history(2));
  CHECK(history(0) == history(0));
}

TEST_CASE("at one instant the seed decides which replica is first") {
  const auto order = [](std::uint64_t seed) {
    VirtualCluster cluster{{.replicas = 4, .seed = seed}};
    Workers workers{cluster};
    cluster.advance(20s);
    return replicas_of(cluster.broker().events("tick"));
  };
  const auto first_come = order(0);
  CHECK(first_come.at(0) == 0);
  CHECK(std::equal(first_come.begin(), first_come.begin() + 4, first_come.begin() + 4));
  CHECK(order(1) != order(2));
}

TEST_CASE("a cluster goes from one instant to the next, too, and tasks have a limit") {
  VirtualCluster cluster{{.replicas = 2}};
  CHECK_FALSE(cluster.run_next());
  Workers workers{cluster};
  CHECK(cluster.run_next());
  CHECK(cluster.elapsed() == 1s);
  CHECK(workers[0].ticks.size() + workers[1].ticks.size() == 1);
  CHECK(cluster.run_next());
  CHECK(workers[0].ticks.size() + workers[1].ticks.size() == 2);
  const auto sleep = [](NatsService& service) -> asio::awaitable<int> {
    co_await service.sleep_for(10s);
    co_return 5;
  };
  CHECK(cluster.run(1, sleep(workers[1])) == 5);
  CHECK(cluster.elapsed() == 11s);
  CHECK_THROWS_AS(cluster.run(1, sleep(workers[1]), 3s), std::runtime_error);
  cluster.call_at(30s, [] { throw std::logic_error{"from the test"}; });
  CHECK_THROWS_AS(cluster.advance(1min), std::logic_error);
  CHECK(cluster.elapsed() == 30s);
}

TEST_CASE("what would break the order of time is refused") {
  VirtualCluster cluster{{.replicas = 2}};
  Workers workers{cluster};
  cluster.advance(5s);
  CHECK_THROWS_AS(cluster.run_until(4s), std::invalid_argument);
  CHECK_THROWS_AS(cluster.time(0).advance(1s), std::logic_error);
  CHECK_THROWS_AS(cluster.time(2), std::out_of_range);
  CHECK_THROWS_AS(cluster.pause(2), std::out_of_range);
  CHECK_THROWS_AS(cluster.crash(2), std::out_of_range);
  cluster.call_at(6s, [&] { cluster.advance(1s); });
  CHECK_THROWS_AS(cluster.advance(2s), std::logic_error);
  cluster.advance(2s);
  CHECK(workers[1].ticks == seconds(1, 8));
}
