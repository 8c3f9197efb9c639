#include "support/catch.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/detail/cluster/catch_up.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::cron;
using cliffracer::Scope;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::TimerStats;
using cliffracer::detail::CatchUp;
using cliffracer::detail::Grid;
using cliffracer::detail::GridExtras;
using cliffracer::detail::TimePoint;
using cliffracer::detail::TimerOptions;
using cliffracer::detail::WallTime;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualCluster;
using cliffracer::testing::VirtualTime;

namespace {

constexpr std::uint64_t an_hour = 3'600'000;  // from one token to the next

std::uint64_t token(std::chrono::nanoseconds wall) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
}

/// An hourly timer, on the hour.
struct Hours {
  explicit Hours(std::chrono::nanoseconds patience) : catch_up{grid, patience} {}

  const TimerOptions options{.interval = 1h, .align_to_epoch = true};
  GridExtras extras{options};
  const Grid grid{options, &extras};
  CatchUp catch_up;
};

constexpr TimePoint now{90min};

}  // namespace

TEST_CASE("the newest tick before the start is found, unless it was claimed or is too old") {
  Hours hours{30min};
  CHECK_FALSE(hours.catch_up.is_wanted());
  hours.catch_up.begin(100h + 10min);
  CHECK(hours.catch_up.is_wanted());
  const auto missed = hours.catch_up.find(token(97h), 100h + 10min, now);
  REQUIRE(missed);
  CHECK(missed->due == now - 10min);
  CHECK(missed->older == 2);
  CHECK_FALSE(missed->is_counted);
  CHECK_FALSE(hours.catch_up.find(token(100h), 100h + 10min, now));
  CHECK(hours.catch_up.find(token(97h), 100h + 30min, now));
  CHECK_FALSE(hours.catch_up.find(token(97h), 100h + 30min + 1ns, now));
}

TEST_CASE("a tick that came after the start is found only when its claim has failed") {
  Hours hours{1h};
  hours.catch_up.begin(100h + 10min);
  CHECK_FALSE(hours.catch_up.find(token(97h), 101h + 1min, now));
  hours.catch_up.set_wanted(false);
  hours.catch_up.claim_failed(token(101h));
  CHECK(hours.catch_up.is_wanted());
  const auto missed = hours.catch_up.find(token(97h), 101h + 1min, now);
  REQUIRE(missed);
  CHECK(missed->is_counted);
  // Of these nobody here knows: 98 h to 100 h.
  CHECK(missed->older == 3);
}

TEST_CASE("older ticks are counted once, with the tick that is taken") {
  Hours hours{1h};
  hours.catch_up.begin(100h + 10min);
  REQUIRE(hours.catch_up.find(token(97h), 100h + 10min, now));
  hours.catch_up.offered(100h + 10min);

  SECTION("its claim fails: nothing was counted") {
    hours.catch_up.claim_failed(token(100h));
    const auto again = hours.catch_up.find(token(97h), 100h + 11min, now);
    REQUIRE(again);
    CHECK(again->older == 2);
    CHECK_FALSE(again->is_counted);
  }
  SECTION("a newer one fails") {
    hours.catch_up.claim_failed(token(101h));
    const auto newer = hours.catch_up.find(token(97h), 101h + 1min, now);
    REQUIRE(newer);
    CHECK(newer->older == 0);
    CHECK(newer->is_counted);
  }
}

TEST_CASE("without patience nothing is looked for") {
  Hours hours{0s};
  hours.catch_up.begin(100h);
  hours.catch_up.claim_failed(token(100h));
  CHECK_FALSE(hours.catch_up.is_wanted());
}

namespace {

struct Run {
  std::uint64_t token;
  bool is_catch_up;
  std::chrono::nanoseconds age;  // at its start
  std::chrono::nanoseconds lateness;
};

struct Options {
  std::chrono::nanoseconds interval = 1h;
  std::chrono::nanoseconds catch_up = 6h;
  bool eager = false;
  std::chrono::nanoseconds initial_delay = 0s;
  cliffracer::WhenUnavailable when_unavailable = cliffracer::WhenUnavailable::miss;
};

/// One replica of a service with an hourly timer.
class Reports : public cliffracer::NatsService {
 public:
  Reports(std::vector<Run>& runs, VirtualTime& time, const Options& options = {})
      : NatsService{{.name = "reports"}}, runs_{runs}, time_{time} {
    auto registration = timer<&Reports::report>{.interval = options.interval,
                                                .eager = options.eager,
                                                .error_backoff = 1s,
                                                .scope = Scope::cluster,
                                                .when_unavailable = options.when_unavailable,
                                                .catch_up = options.catch_up};
    if (options.initial_delay > 0s) registration.initial_delay = options.initial_delay;
    add(registration);
  }

  asio::awaitable<void> report(TickContext tick) {
    const auto age = time_.elapsed() - VirtualTime::since_start(tick.due);
    runs_.push_back({tick.token, tick.is_catch_up, age, tick.lateness});
    if (std::exchange(fails, false)) throw std::runtime_error{"no luck"};
    co_return;
  }

  [[nodiscard]] TimerStats stats() const { return get_timer_stats().timers.at(0); }

  bool fails = false;

 private:
  std::vector<Run>& runs_;
  VirtualTime& time_;
};

/// Replicas that are deployed again over due points. The clocks begin at a full hour.
struct Deployment {
  explicit Deployment(const cliffracer::testing::VirtualTimeOptions& options = {}) : time{options} {}

  VirtualTime::Owned<Reports> make(const Options& options = {}) {
    return time.make<Reports>(runs, time, options);
  }

  /// A version that runs for a minute, and then goes on.
  VirtualTime::Owned<Reports> deploy(const Options& options = {}) {
    auto service = make(options);
    time.start(*service);
    time.advance(1min);
    return service;
  }

  /// A first version runs ticks until half past an hour; then there is none for `pause`.
  void run_before(std::chrono::nanoseconds pause, const Options& options = {}) {
    const auto before = make(options);
    time.start(*before);
    time.advance(2h + 30min);
    time.stop(*before);
    REQUIRE(runs.size() == 2);
    runs.clear();
    time.advance(pause);
  }

  VirtualTime time;
  Broker broker{time};
  std::vector<Run> runs;
  LogCapture log{"reports"};
};

}  // namespace

TEST_CASE("a tick that passed while no replica ran is run once at the start, and older ones are counted") {
  Deployment deployment;
  deployment.run_before(3h);
  const auto a = deployment.make();
  const auto b = deployment.make();
  deployment.time.start(*a);
  deployment.time.start(*b);
  deployment.time.advance(1min);
  REQUIRE(deployment.runs.size() == 1);
  const Run& run = deployment.runs[0];
  CHECK(run.is_catch_up);
  CHECK(run.age >= 30min);
  CHECK(run.age < 30min + 1s);
  CHECK(run.lateness < 1s);
  const auto first = a->stats();
  const auto second = b->stats();
  CHECK(first.catch_up_count + second.catch_up_count == 1);
  CHECK(first.skipped.missed + second.skipped.missed == 2);
  CHECK(first.drift_count + second.drift_count == 0);
  CHECK(deployment.log.count("catches up its tick of 1800.") == 1);
  // Then the grid.
  deployment.time.advance(1h);
  REQUIRE(deployment.runs.size() == 2);
  CHECK(deployment.runs[1].token == run.token + an_hour);
  CHECK_FALSE(deployment.runs[1].is_catch_up);
}

TEST_CASE("what is too old, was claimed, or is of another schedule is not caught up") {
  Deployment deployment;
  Options options;
  SECTION("too old") {
    options.catch_up = 29min;
    deployment.run_before(1h, options);
  }
  SECTION("claimed") { deployment.run_before(10min); }
  SECTION("another schedule") {
    deployment.run_before(3h);
    options.interval = 2h;
  }
  SECTION("never") {
    options.catch_up = 0s;
    deployment.run_before(3h, options);
  }
  SECTION("an outage that claims do not outlast: a day, six hours and an interval") {
    deployment.run_before(31h + 30min);
  }
  SECTION("a first deployment") { deployment.time.advance(30min); }
  const auto service = deployment.deploy(options);
  CHECK(deployment.runs.empty());
  CHECK(deployment.log.count("was claimed for another schedule") == (options.interval == 2h ? 1 : 0));
}

TEST_CASE("claims are kept for so long that an outage of nearly a day is caught up") {
  Deployment deployment;
  deployment.run_before(29h);
  const auto service = deployment.deploy();
  REQUIRE(deployment.runs.size() == 1);
  CHECK(deployment.runs[0].is_catch_up);
  CHECK(service->stats().skipped.missed == 28);
}

TEST_CASE("a timer that is paused, or runs at its start anyway, catches nothing up") {
  Deployment deployment;
  deployment.run_before(3h);
  SECTION("paused") {
    const auto service = deployment.make();
    service->pause("report", "not today");
    deployment.time.start(*service);
    deployment.time.advance(1min);
    CHECK(deployment.runs.empty());
  }
  SECTION("eager: that is the tick's run") {
    const auto service = deployment.deploy({.eager = true});
    REQUIRE(deployment.runs.size() == 1);
    CHECK_FALSE(deployment.runs[0].is_catch_up);
  }
}

TEST_CASE("an initial delay is kept") {
  Deployment deployment;
  deployment.run_before(3h);
  const auto service = deployment.make({.initial_delay = 5min});
  deployment.time.start(*service);
  deployment.time.advance(5min - 1s);
  CHECK(deployment.runs.empty());
  deployment.time.advance(1s);
  REQUIRE(deployment.runs.size() == 1);
  CHECK(deployment.runs[0].is_catch_up);
}

TEST_CASE("a tick that comes while another one is to be caught up is the newest") {
  Deployment deployment;
  deployment.run_before(3h);
  const auto service = deployment.make({.initial_delay = 30min});
  deployment.time.start(*service);
  deployment.time.advance(31min);
  REQUIRE(deployment.runs.size() == 1);
  CHECK_FALSE(deployment.runs[0].is_catch_up);
  CHECK(service->stats().skipped.missed == 3);
}

TEST_CASE("a run that catches up is retried like any other") {
  Deployment deployment;
  deployment.run_before(3h);
  const auto service = deployment.make();
  service->fails = true;
  deployment.time.start(*service);
  deployment.time.advance(1min);
  REQUIRE(deployment.runs.size() == 2);
  CHECK(deployment.runs[0].token == deployment.runs[1].token);
  CHECK_FALSE(deployment.runs[1].is_catch_up);
}

namespace {

/// Two replicas that cannot reach the broker for five minutes, in which a tick is due.
struct Outage {
  explicit Outage(const Options& options = {}) {
    for (std::size_t n = 0; n < 2; ++n) {
      replicas.push_back(cluster.make<Reports>(n, runs, cluster.time(n), options));
      cluster.start(n, *replicas[n]);
    }
    cluster.advance(1h + 59min);
    REQUIRE(runs.size() == 1);
    for (std::size_t n = 0; n < 2; ++n) cluster.partition(n);
    cluster.advance(5min);
  }
  void end() {
    for (std::size_t n = 0; n < 2; ++n) cluster.heal(n);
    cluster.advance(1min);
  }

  VirtualCluster cluster{{.replicas = 2, .seed = 3}};
  std::vector<Run> runs;
  std::vector<VirtualCluster::Owned<Reports>> replicas;
};

}  // namespace

TEST_CASE("a tick that nobody could claim is run when the bucket can be reached again, once") {
  Outage outage;
  CHECK(outage.runs.size() == 1);
  for (const auto& replica : outage.replicas) CHECK(replica->stats().skipped.claim_failed == 1);
  outage.end();
  REQUIRE(outage.runs.size() == 2);
  CHECK(outage.runs[1].is_catch_up);
  CHECK(outage.runs[1].token == outage.runs[0].token + an_hour);
  for (const auto& replica : outage.replicas) CHECK(replica->stats().skipped.missed == 0);
  outage.cluster.advance(1h);
  CHECK(outage.runs.size() == 3);
}

TEST_CASE("a tick that ran although nobody could claim it is not caught up") {
  Outage outage{{.when_unavailable = cliffracer::WhenUnavailable::run}};
  CHECK(outage.runs.size() == 3);
  outage.end();
  CHECK(outage.runs.size() == 3);
}

namespace {

class Nightly : public cliffracer::NatsService {
 public:
  explicit Nightly(std::vector<Run>& runs, std::optional<std::chrono::nanoseconds> catch_up = {})
      : NatsService{{.name = "nightly"}}, runs_{runs} {
    auto registration = cron<&Nightly::run>{.at = "30 2 * * *", .scope = Scope::cluster};
    if (catch_up) registration.catch_up = *catch_up;
    add(registration);
  }
  asio::awaitable<void> run(TickContext tick) {
    runs_.push_back({tick.token, tick.is_catch_up, {}, {}});
    co_return;
  }

 private:
  std::vector<Run>& runs_;
};

}  // namespace

TEST_CASE("a calendar's point is caught up until the next one comes, if nothing else is said") {
  VirtualTime time;
  Broker broker{time};
  std::vector<Run> runs;
  {
    const auto before = time.make<Nightly>(runs);
    time.start(*before);
    time.advance(24h);
  }
  REQUIRE(runs.size() == 1);
  time.advance(36h);
  const auto never = time.make<Nightly>(runs, 0s);
  time.start(*never);
  time.advance(1min);
  CHECK(runs.size() == 1);
  time.stop(*never);
  const auto after = time.make<Nightly>(runs);
  time.start(*after);
  time.advance(1min);
  REQUIRE(runs.size() == 2);
  CHECK(runs[1].is_catch_up);
  CHECK(after->get_timer_stats().timers.at(0).skipped.missed == 1);
}

TEST_CASE("catch_up is refused where it means nothing") {
  struct Plain : cliffracer::NatsService {
    explicit Plain(cliffracer::ClusterConfig cluster = {})
        : NatsService{{.name = "plain", .cluster = std::move(cluster)}} {}
    void run() {}
    using NatsService::add;
  };
  const auto problem_of = [](Plain& service, const timer<&Plain::run>& registration) {
    try {
      service.add(registration);
    } catch (const std::invalid_argument& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  Plain service;
  CHECK(problem_of(service, {.interval = 1h, .catch_up = 1h}) ==
        "service plain: timer run: catch_up is for a timer with scope cluster: a replica alone does not know "
        "what it has missed");
  CHECK(problem_of(service, {.interval = 1h, .scope = Scope::cluster, .catch_up = -1s}) ==
        "service plain: timer run: catch_up must not be negative");
  Plain forgetful{{.keep = 5h}};
  CHECK(problem_of(forgetful, {.interval = 1h, .scope = Scope::cluster, .catch_up = 6h}) ==
        "service plain: timer run: catch_up and an interval must be at most the time that claims are kept "
        "(ServiceConfig::cluster.keep)");
  CHECK_FALSE(problem_of(forgetful, {.interval = 1h, .scope = Scope::cluster, .catch_up = 4h + 1ns}).empty());
  CHECK(problem_of(forgetful, {.interval = 1h, .scope = Scope::cluster, .catch_up = 4h}).empty());
}

TEST_CASE("a tick that is claimed while the newest claim is looked for is not caught up, too") {
  // So that the answers come in any order.
  const auto seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{40}));
  Deployment deployment{{.seed = seed}};
  deployment.run_before(3h);
  deployment.broker.set_store({.answer_delay = {1ms, 1900ms}});
  const auto service = deployment.make({.eager = true});
  deployment.time.start(*service);
  deployment.time.advance(1min);
  CHECK(deployment.runs.size() == 1);
}
