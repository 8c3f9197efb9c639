#include "support/catch.hpp"
#include "support/listed_zone.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::cron;
using cliffracer::CronExpression;
using cliffracer::MissedTicks;
using cliffracer::NatsService;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::TimerStats;
using cliffracer::TimeZone;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualTime;

namespace {

using Instants = std::vector<std::chrono::sys_seconds>;

constexpr std::chrono::sys_seconds at(int month, unsigned day, std::chrono::seconds time = 0s) {
  return std::chrono::sys_days{std::chrono::year{2026} / month / static_cast<int>(day)} + time;
}

/// Central Europe in 2026.
TimeZone berlin() {
  return support::listed_zone("Europe/Berlin", 1h,
                              {{.at = at(3, 29, 1h), .offset = 2h}, {.at = at(10, 25, 1h), .offset = 1h}});
}

struct Office : NatsService {
  explicit Office(VirtualTime& virtual_time, bool remote_control = false)
      : NatsService{{.name = "office", .remote_control = remote_control}}, time{virtual_time} {}

  template <class... Registrations>
  void attach(const Registrations&... registrations) {
    add(registrations...);
  }

  asio::awaitable<void> report() {
    runs.push_back(now());
    if (on_run) on_run();
    co_return;
  }
  void plain(const TickContext& tick) { names.emplace_back(tick.name); }

  [[nodiscard]] std::chrono::sys_seconds now() const {
    return std::chrono::floor<std::chrono::seconds>(time.wall_clock());
  }
  [[nodiscard]] TimerStats stats() const { return get_timer_stats().timers.at(0); }

  VirtualTime& time;
  Instants runs;
  std::vector<std::string> names;
  std::function<void()> on_run;
};

/// One cron timer on the event loop, in virtual time from the beginning of 2026.
struct Stage {
  explicit Stage(const cron<&Office::report>& registration, std::chrono::sys_seconds begin = at(1, 1))
      : time{{.wall_clock = begin}}, office{time.make<Office>(time)} {
    office->attach(registration);
    time.start(*office);
  }

  VirtualTime time;
  VirtualTime::Owned<Office> office;
};

}  // namespace

TEST_CASE("a cron timer runs whenever the wall clock shows its calendar") {
  Stage stage{{.at = "30 2 * * MON-FRI"}};
  stage.time.advance(5 * 24h);
  CHECK(stage.office->runs == Instants{at(1, 1, 2h + 30min), at(1, 2, 2h + 30min), at(1, 5, 2h + 30min)});
  const TimerStats stats = stage.office->stats();
  CHECK(stats.schedule == "30 2 * * MON-FRI UTC");
  CHECK(stats.interval == 0s);
  CHECK(stats.success_count == 3);
  CHECK(stats.skipped_count == 0);
  CHECK(stats.next_execution == at(1, 6, 2h + 30min));
}

TEST_CASE("a cron timer and one with an interval say when they are due in the same words as the log") {
  const LogCapture log{"office"};
  VirtualTime time;
  const auto office = time.make<Office>(time);
  office->attach(cron<&Office::report>{.at = "@daily", .zone = berlin()},
                 timer<&Office::plain>{.interval = 30s, .pacing = cliffracer::Pacing::after_run});
  time.start(*office);
  CHECK(office->stats().schedule == "@daily Europe/Berlin");
  CHECK(office->get_timer_stats().timers.at(1).schedule == "every 30 s after a run");
  CHECK(log.count("timer report started: @daily Europe/Berlin") == 1);
  CHECK(log.count("timer plain started: every 30 s after a run") == 1);
  CHECK(office->get_service_info().time_zones == std::vector<std::string>{"Europe/Berlin"});
}

TEST_CASE("a fixed time of day comes once when the clocks are changed") {
  Stage spring{{.at = "30 2 * * *", .zone = berlin()}, at(3, 28)};
  spring.time.advance(3 * 24h);
  // 02:30 does not exist on the 29th: the run is at the first instant after the gap.
  CHECK(spring.office->runs == Instants{at(3, 28, 1h + 30min), at(3, 29, 1h), at(3, 30, 30min)});

  Stage autumn{{.at = "30 2 * * *", .zone = berlin()}, at(10, 24)};
  autumn.time.advance(3 * 24h);
  CHECK(autumn.office->runs == Instants{at(10, 24, 30min), at(10, 25, 30min), at(10, 26, 1h + 30min)});
}

TEST_CASE("an hourly calendar follows real time when the clocks are changed") {
  for (const auto begin : {at(3, 28, 22h), at(10, 24, 22h)}) {
    Stage stage{{.at = "0 * * * *", .zone = berlin()}, begin};
    stage.time.advance(6h);
    CHECK(stage.office->runs ==
          Instants{begin + 1h, begin + 2h, begin + 3h, begin + 4h, begin + 5h, begin + 6h});
  }
}

TEST_CASE("an eager cron timer has a run at the start, too") {
  Stage stage{{.at = "0 12 * * *", .eager = true}};
  stage.time.advance(24h);
  CHECK(stage.office->runs == Instants{at(1, 1), at(1, 1, 12h)});
}

TEST_CASE("points of a calendar that the wall clock is set over are skipped, and none is run twice") {
  Stage stage{{.at = "0 * * * *"}};
  stage.time.advance(90min);
  CHECK(stage.office->runs == Instants{at(1, 1, 1h)});
  // 02:00, 03:00 and 04:00 are not shown.
  stage.time.step_wall_clock(3h);
  stage.time.advance(1h);
  CHECK(stage.office->runs == Instants{at(1, 1, 1h), at(1, 1, 5h)});
  CHECK(stage.office->stats().skipped.missed == 3);
  // 05:00 is shown again.
  stage.time.step_wall_clock(-45min);
  stage.time.advance(1h + 10min);
  CHECK(stage.office->runs == Instants{at(1, 1, 1h), at(1, 1, 5h)});
  stage.time.advance(5min);
  CHECK(stage.office->runs.back() == at(1, 1, 6h));
  const TimerStats stats = stage.office->stats();
  CHECK(stats.clock_step_count == 2);
  CHECK(stats.skipped_count == 3);
  CHECK(stats.execution_count == 3);
}

TEST_CASE("points of a calendar that pass while a run is in progress or late are run once or counted") {
  VirtualTime time;
  const auto office = time.make<Office>(time);
  office->attach(cron<&Office::report>{.at = "* * * * *", .max_drift = 10min});
  office->on_run = [&] {
    if (office->runs.size() == 1) time.jump(3min + 30s);
  };
  time.start(*office);
  time.advance(6min);
  // 2 to 4 min passed during the first run.
  CHECK(office->runs == Instants{at(1, 1, 1min), at(1, 1, 4min + 30s), at(1, 1, 5min), at(1, 1, 6min)});
  CHECK(office->stats().skipped.missed == 2);
  CHECK(office->stats().drift_count == 0);
}

TEST_CASE("each point of a calendar that passes is run in a burst") {
  VirtualTime time;
  const auto office = time.make<Office>(time);
  office->attach(
      cron<&Office::report>{.at = "* * * * *", .max_drift = 10min, .missed_ticks = MissedTicks::burst});
  office->on_run = [&] {
    if (office->runs.size() == 1) time.jump(3min + 30s);
  };
  time.start(*office);
  time.advance(5min);
  CHECK(office->runs.size() == 5);
  CHECK(office->stats().skipped_count == 0);
}

TEST_CASE("a cron timer retries and goes on with its calendar") {
  Stage stage{{.at = "0 * * * *", .error_backoff = 10min}};
  stage.office->on_run = [&] {
    if (stage.office->runs.size() == 1) throw std::runtime_error{"no paper"};
  };
  stage.time.advance(2h);
  CHECK(stage.office->runs == Instants{at(1, 1, 1h), at(1, 1, 1h + 10min), at(1, 1, 2h)});
}

TEST_CASE("a cron timer can be paused, resumed and triggered") {
  Stage stage{{.at = "0 * * * *"}};
  stage.time.advance(30min);
  stage.office->pause("report", "holidays");
  stage.time.advance(3h);
  CHECK(stage.office->next_runs("report", 3).empty());
  stage.office->resume("report");
  stage.time.settle();
  CHECK(stage.office->stats().skipped.paused == 3);
  stage.office->trigger("report");
  stage.time.advance(30min);
  CHECK(stage.office->runs == Instants{at(1, 1, 3h + 30min), at(1, 1, 4h)});
}

TEST_CASE("the coming runs of a timer can be asked for") {
  VirtualTime time;
  const auto office = time.make<Office>(time);
  office->attach(
      cron<&Office::report>{.at = "0 9 1 * *", .zone = berlin(), .name = "monthly"},
      timer<&Office::report>{.interval = 7min, .error_backoff = 1min, .name = "fixed"},
      timer<&Office::report>{
          .interval = 24h, .align_to_epoch = true, .offset = 2h + 30min, .name = "aligned"},
      timer<&Office::report>{.interval = 1h, .pacing = cliffracer::Pacing::after_run, .name = "after_run"});
  CHECK(office->next_runs("fixed", 3).empty());
  time.start(*office);
  const auto runs = [&](const char* name, std::size_t count) {
    Instants all;
    for (const auto run : office->next_runs(name, count))
      all.push_back(std::chrono::floor<std::chrono::seconds>(run));
    return all;
  };
  CHECK(runs("monthly", 4) == Instants{at(1, 1, 8h), at(2, 1, 8h), at(3, 1, 8h), at(4, 1, 7h)});
  CHECK(runs("fixed", 3) == Instants{at(1, 1, 7min), at(1, 1, 14min), at(1, 1, 21min)});
  CHECK(runs("aligned", 2) == Instants{at(1, 1, 2h + 30min), at(1, 2, 2h + 30min)});
  CHECK(runs("after_run", 5) == Instants{at(1, 1, 1h)});
  CHECK(runs("fixed", 0).empty());
  // A retry lies beside the grid.
  office->on_run = [] { throw std::runtime_error{"no paper"}; };
  time.advance(7min + 30s);
  CHECK(runs("fixed", 3) == Instants{at(1, 1, 8min), at(1, 1, 14min), at(1, 1, 21min)});
  office->set_interval("fixed", 10min);
  time.settle();
  CHECK(runs("fixed", 3) == Instants{at(1, 1, 8min), at(1, 1, 17min), at(1, 1, 27min)});
  CHECK_THROWS_WITH(office->next_runs("other", 1), "service office: there is no timer \"other\"");
}

TEST_CASE("what does not go with a calendar is refused by name") {
  VirtualTime time;
  const auto office = time.make<Office>(time);
  CHECK_THROWS_WITH(
      (office->attach(cron<&Office::report>{.at = "*/5 * * * *", .jitter = 5min})),
      "service office: timer report: jitter must be less than what two points of at may lie apart");
  CHECK_THROWS_WITH(
      (office->attach(cron<&Office::report>{.at = "@daily", .tolerance = 24h})),
      "service office: timer report: tolerance must be less than what two points of at may lie apart");
  office->attach(cron<&Office::report>{.at = CronExpression::parse("@daily"), .tolerance = 1h});
  CHECK_THROWS_WITH(office->set_interval("report", 1h),
                    "service office: timer report: interval: a cron timer has a calendar and no interval");
}

TEST_CASE("of replicas that share a calendar one runs each point, and its token is the due instant") {
  using cliffracer::testing::VirtualCluster;
  struct Replica : NatsService {
    Replica(std::vector<std::uint64_t>& all_tokens, TimeZone zone)
        : NatsService{{.name = "office"}}, tokens{all_tokens} {
      add(cron<&Replica::report>{.at = "30 2 * * *", .zone = zone, .scope = cliffracer::Scope::cluster},
          cron<&Replica::poll>{.at = "0 * * * *", .zone = zone, .scope = cliffracer::Scope::cluster});
    }
    asio::awaitable<void> report(TickContext tick) {
      tokens.push_back(tick.token);
      co_return;
    }
    asio::awaitable<void> poll() { co_return; }
    std::vector<std::uint64_t>& tokens;
  };
  const auto token = [](std::chrono::sys_seconds due) {
    return static_cast<std::uint64_t>(std::chrono::milliseconds{due.time_since_epoch()}.count());
  };
  const std::vector<std::vector<std::chrono::sys_seconds>> expected{
      {at(3, 28, 1h + 30min), at(3, 29, 1h), at(3, 30, 30min)},
      {at(10, 24, 30min), at(10, 25, 30min), at(10, 26, 1h + 30min)}};
  for (const auto& points : expected) {
    VirtualCluster cluster{
        {.replicas = 3, .seed = 7, .wall_clock = std::chrono::floor<std::chrono::days>(points[0])}};
    std::vector<std::uint64_t> tokens;
    std::vector<VirtualCluster::Owned<Replica>> replicas;
    for (std::size_t n = 0; n < cluster.size(); ++n) {
      cluster.step_wall_clock(n, n * 400ms);
      replicas.push_back(cluster.make<Replica>(n, tokens, berlin()));
      cluster.start(n, *replicas.back());
    }
    cluster.advance(72h);
    CHECK(tokens == std::vector<std::uint64_t>{token(points[0]), token(points[1]), token(points[2])});
    std::uint64_t polls = 0;
    for (const auto& replica : replicas) {
      const TimerStats stats = replica->get_timer_stats().timers.at(1);
      polls += stats.success_count;
      CHECK(stats.success_count + stats.skipped.elsewhere == 72);
      CHECK(stats.skipped.elsewhere == stats.skipped_count);
    }
    CHECK(polls == 72);
  }
}

TEST_CASE("an H is decided by the names of service and timer") {
  const auto first_run = [](std::string name) {
    Stage stage{{.at = "H H * * *", .name = name}};
    return stage.office->next_runs(name, 1).at(0);
  };
  CHECK(first_run("a") == first_run("a"));
  CHECK(first_run("a") != first_run("b"));
}
