#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <asio/post.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::LatenessCause;
using cliffracer::Scope;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::WhenUnavailable;
using cliffracer::detail::ClaimOutcome;
using cliffracer::detail::TimerEntry;
using support::TimerWorld;

namespace {

/// Answers as a test tells it to; with no answer at hand it keeps the claim waiting.
struct Claims final : cliffracer::detail::TickClaims {
  /// Must outlive it.
  void join(TimerWorld& of) {
    world = &of;
    world->claims = this;
  }

  void add(const std::shared_ptr<TimerEntry>& /*timer*/) override {}
  void start() override {}
  void forget(const TimerEntry& /*timer*/) noexcept override {}
  void claim(TimerEntry& entry, std::uint64_t token) override {
    asked.push_back(token);
    waiting = &entry;
    if (!answers.empty()) {
      const ClaimOutcome first = answers.front();
      answers.erase(answers.begin());
      answer(first);
    }
  }
  [[nodiscard]] bool is_newest(const TimerEntry& /*entry*/, std::uint64_t token) const noexcept override {
    return newest <= token;
  }
  void run_began(TimerEntry& entry) noexcept override { began.push_back(entry.cluster->token); }
  void run_ended(TimerEntry& /*entry*/) noexcept override { ++ended; }
  void request_stop() noexcept override {
    if (waiting) answer(ClaimOutcome::failed);
  }

  void answer(ClaimOutcome outcome) {
    world->timers.claim_decided(*std::exchange(waiting, nullptr), outcome);
  }

  TimerWorld* world = nullptr;
  TimerEntry* waiting = nullptr;
  std::vector<ClaimOutcome> answers;
  std::uint64_t newest = 0;  // token that is known to be claimed
  std::vector<std::uint64_t> asked;
  std::vector<std::uint64_t> began;
  int ended = 0;
};

struct Service {
  asio::awaitable<void> tick(TickContext tick) {
    tokens.push_back(tick.token);
    if (std::exchange(fails, false)) throw std::runtime_error{"no luck"};
    co_return;
  }
  void plain(const TickContext& tick) { tokens.push_back(tick.token); }

  std::vector<std::uint64_t> tokens;
  bool fails = false;
};

constexpr std::uint64_t an_hour = 3'600'000;  // from one token to the next

/// A cluster timer of an hour, on the hour.
struct Hourly {
  explicit Hourly(WhenUnavailable unavailable = WhenUnavailable::miss) {
    claims.join(world);
    world.add(timer<&Service::tick>{.interval = 1h,
                                    .max_drift = 10s,
                                    .error_backoff = 10min,
                                    .scope = Scope::cluster,
                                    .when_unavailable = unavailable},
              service);
    world.start();
  }

  /// Until the next full hour, and then `further`.
  void next_hour(std::chrono::nanoseconds further = 0s) {
    const auto wall = world.time.wall_clock().time_since_epoch();
    world.time.advance(1h - wall % 1h + further);
  }
  /// The token of the hour that it is.
  [[nodiscard]] std::uint64_t hour() const {
    return static_cast<std::uint64_t>(world.time.wall_clock().time_since_epoch() / 1h) * an_hour;
  }
  [[nodiscard]] cliffracer::TimerStats stats() const { return world.stats(); }
  void check_ledger(std::uint64_t points) const {
    CHECK(stats().execution_count + stats().skipped_count == points);
  }

  Service service;
  Claims claims;
  TimerWorld world;
};

using Tokens = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a tick that is won is run with its due instant as token") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::won, ClaimOutcome::won};
  at.next_hour();
  const std::uint64_t first = at.hour();
  CHECK(at.claims.asked == Tokens{first});
  CHECK(at.service.tokens == Tokens{first});
  CHECK(at.claims.began == Tokens{first});
  CHECK(at.claims.ended == 1);
  at.next_hour();
  CHECK(at.service.tokens == Tokens{first, first + an_hour});
  CHECK(at.stats().claims.won == 2);
  CHECK(at.stats().current_token == first + an_hour);
  CHECK(at.stats().scope == Scope::cluster);
  CHECK(at.stats().align_to_epoch);
  at.check_ledger(2);
}

TEST_CASE("a tick that another replica has or runs is passed over and counted") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::lost, ClaimOutcome::behind, ClaimOutcome::running_elsewhere};
  for (int n = 0; n < 3; ++n) at.next_hour();
  CHECK(at.service.tokens.empty());
  CHECK(at.stats().skipped.elsewhere == 3);
  CHECK(at.stats().claims.lost == 1);
  CHECK(at.stats().claims.running_elsewhere == 1);
  at.check_ledger(3);
}

TEST_CASE("a tick that cannot be claimed is missed") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::failed, ClaimOutcome::unclear};
  for (int n = 0; n < 2; ++n) at.next_hour();
  CHECK(at.service.tokens.empty());
  CHECK(at.stats().skipped.claim_failed == 2);
  CHECK(at.stats().claims.failed == 1);
  CHECK(at.stats().claims.unclear == 1);
  at.check_ledger(2);
}

TEST_CASE("a tick that cannot be claimed is run where a double run is better than none") {
  Hourly at{WhenUnavailable::run};
  at.claims.answers = {ClaimOutcome::failed, ClaimOutcome::unclear, ClaimOutcome::lost};
  for (int n = 0; n < 3; ++n) at.next_hour();
  CHECK(at.service.tokens == Tokens{at.hour() - 2 * an_hour, at.hour() - an_hour});
  CHECK(at.stats().skipped.claim_failed == 0);
  CHECK(at.stats().skipped.elsewhere == 1);
  CHECK(at.stats().claims.failed == 1);
  at.check_ledger(3);
}

TEST_CASE("a run waits for its claim, and says that it was late because of it") {
  Hourly at;
  at.next_hour(2s);
  CHECK(at.service.tokens.empty());
  CHECK_FALSE(at.stats().is_executing);
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.service.tokens.size() == 1);
  CHECK(at.stats().last_lateness == 2s);
  CHECK(at.stats().last_lateness_cause == LatenessCause::claim);
  at.check_ledger(1);
}

TEST_CASE("a tick that is won after its time is not run, and its successor is asked for") {
  Hourly at;
  at.next_hour();
  const std::uint64_t first = at.hour();
  at.next_hour(1min);
  CHECK(at.claims.asked == Tokens{first});
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.claims.asked == Tokens{first, first + an_hour});
  CHECK(at.stats().claims.failed == 1);
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.service.tokens == Tokens{first + an_hour});
  at.check_ledger(2);
}

TEST_CASE("a retry within its tick needs no other claim and has the same token") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::won};
  at.service.fails = true;
  at.next_hour(10min);
  CHECK(at.service.tokens == Tokens{at.hour(), at.hour()});
  CHECK(at.claims.asked == Tokens{at.hour()});
  CHECK(at.claims.began == Tokens{at.hour(), at.hour()});
  CHECK(at.claims.ended == 2);
}

TEST_CASE("a retry within its tick is not run when another replica has claimed a newer one") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::won, ClaimOutcome::behind};
  at.service.fails = true;
  at.claims.newest = at.hour() + 2 * an_hour;
  at.next_hour(10min);
  CHECK(at.service.tokens == Tokens{at.hour()});
  CHECK(at.claims.asked == Tokens{at.hour(), at.hour()});
}

TEST_CASE("a retry in the next tick is that tick's run, if it is won") {
  Service service;
  Claims claims;
  TimerWorld world;
  claims.join(world);
  world.add(timer<&Service::tick>{.interval = 1h, .error_backoff = 90min, .scope = Scope::cluster}, service);
  world.start();
  claims.answers = {ClaimOutcome::won, ClaimOutcome::lost, ClaimOutcome::won};
  service.fails = true;
  const auto wall = world.time.wall_clock().time_since_epoch();
  world.time.advance(1h - wall % 1h);
  const std::uint64_t first = service.tokens.at(0);
  world.time.advance(90min);
  CHECK(claims.asked == Tokens{first, first + an_hour});
  CHECK(service.tokens == Tokens{first});
  world.time.advance(30min);
  CHECK(service.tokens == Tokens{first, first + 2 * an_hour});
}

TEST_CASE("a run that is asked for within a tick of this replica's needs no other claim") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::won};
  at.next_hour(1min);
  at.world.timers.trigger("svc", "tick");
  at.world.time.advance(0s);
  CHECK(at.service.tokens == Tokens{at.hour(), at.hour()});
  CHECK(at.claims.asked.size() == 1);
}

TEST_CASE("a run that is asked for within a tick of another replica's is not run here") {
  Hourly at;
  at.claims.answers = {ClaimOutcome::lost, ClaimOutcome::lost, ClaimOutcome::won};
  at.next_hour(1min);
  at.world.timers.trigger("svc", "tick");
  at.world.time.advance(0s);
  CHECK(at.service.tokens.empty());
  CHECK(at.claims.asked == Tokens{at.hour(), at.hour()});
  at.next_hour();
  CHECK(at.service.tokens.size() == 1);
}

TEST_CASE("a plain method on a worker is given its token") {
  Service service;
  Claims claims;
  TimerWorld world;
  world.workers_inline = true;
  claims.join(world);
  world.add(timer<&Service::plain>{.interval = 1h, .scope = Scope::cluster}, service);
  world.start();
  claims.answers = {ClaimOutcome::won};
  world.time.advance(1h);
  CHECK(service.tokens == claims.asked);
  CHECK(claims.ended == 1);
}

TEST_CASE("a stop does not wait for a claim") {
  Hourly at;
  at.next_hour();
  CHECK(at.claims.waiting);
  at.world.stop();
  CHECK(at.world.tasks.empty());
  CHECK_FALSE(at.stats().is_running);
  CHECK(at.service.tokens.empty());
}

TEST_CASE("a timer that is paused while its tick is claimed does not run") {
  Hourly at;
  at.next_hour();
  const bool is_paused_first = GENERATE(true, false);
  at.world.timers.pause("svc", "tick", "maintenance");
  if (is_paused_first) at.world.time.advance(0s);
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.service.tokens.empty());
  at.world.timers.resume("svc", "tick");
  at.claims.answers = {ClaimOutcome::won};
  at.next_hour();
  CHECK(at.service.tokens == Tokens{at.hour()});
  CHECK(at.stats().skipped.paused == 1);
  at.check_ledger(2);
}

TEST_CASE("what came of a claim is counted in a pause, too, and a run that is asked for has the tick") {
  Hourly at;
  at.next_hour();
  at.world.timers.pause("svc", "tick", "maintenance");
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(1s);
  CHECK(at.stats().claims.won == 1);
  CHECK(at.stats().is_paused);
  CHECK_FALSE(at.world.timers.next_due("svc", "tick"));
  at.world.timers.trigger("svc", "tick");
  at.world.time.advance(0s);
  CHECK(at.service.tokens == Tokens{at.hour()});
  CHECK(at.claims.asked.size() == 1);
  CHECK(at.stats().claims.won == 1);
  CHECK(at.stats().skipped.paused == 1);
}

TEST_CASE("a timer that is paused and resumed while its tick is claimed runs") {
  Hourly at;
  at.next_hour();
  at.world.timers.pause("svc", "tick", "maintenance");
  at.world.time.advance(1s);
  at.world.timers.resume("svc", "tick");
  at.world.time.advance(1s);
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.service.tokens == Tokens{at.hour()});
  CHECK(at.stats().skipped_count == 0);
  CHECK(at.stats().drift_count == 0);
  CHECK(at.stats().last_lateness == 2s);
  CHECK(at.stats().last_lateness_cause == LatenessCause::claim);
  at.claims.answers = {ClaimOutcome::won};
  at.next_hour();
  CHECK(at.service.tokens == Tokens{at.hour() - an_hour, at.hour()});
  at.check_ledger(2);
}

TEST_CASE("a timer that is paused and triggered while its tick is claimed runs once and stays paused") {
  Hourly at;
  at.next_hour();
  at.world.timers.pause("svc", "tick", "maintenance");
  at.world.timers.trigger("svc", "tick");
  at.world.time.advance(1s);
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.service.tokens == Tokens{at.hour()});
  CHECK(at.claims.asked.size() == 1);
  CHECK(at.stats().drift_count == 0);
  CHECK(at.stats().is_paused);
  // A run that is due anyway is the one.
  at.check_ledger(1);
  at.next_hour();
  CHECK(at.service.tokens.size() == 1);
}

TEST_CASE("a run that is asked for while a tick is claimed is that tick's") {
  Hourly at;
  at.next_hour();
  at.world.timers.trigger("svc", "tick");
  at.world.time.advance(1s);
  at.claims.answer(ClaimOutcome::won);
  at.world.time.advance(0s);
  CHECK(at.service.tokens == Tokens{at.hour()});
  at.check_ledger(1);
}

TEST_CASE("a tick that is lost is passed over once, whatever was asked for meanwhile") {
  Hourly at;
  at.next_hour();
  const bool is_trigger = GENERATE(true, false);
  at.world.timers.pause("svc", "tick", "maintenance");
  if (is_trigger) {
    at.world.timers.trigger("svc", "tick");
  } else {
    at.world.timers.resume("svc", "tick");
  }
  at.world.time.advance(1s);
  at.claims.answer(ClaimOutcome::lost);
  at.world.time.advance(0s);
  CHECK(at.service.tokens.empty());
  CHECK(at.stats().skipped_count == 1);
  if (is_trigger) at.world.timers.resume("svc", "tick");
  at.claims.answers = {ClaimOutcome::won};
  at.next_hour();
  CHECK(at.service.tokens == Tokens{at.hour()});
  at.check_ledger(2);
}

TEST_CASE("a tick that is passed over before it is asked for is not claimed") {
  struct Other {
    asio::awaitable<void> act() {
      world.timers.pause("svc", "tick", "");
      world.timers.resume("svc", "tick");
      co_return;
    }
    TimerWorld& world;
  };
  Service service;
  Claims claims;
  TimerWorld world;
  claims.join(world);
  Other other{world};
  world.add(timer<&Other::act>{.interval = 1h, .align_to_epoch = true}, other);
  world.add(timer<&Service::tick>{.interval = 1h, .scope = Scope::cluster}, service);
  world.start();
  world.time.advance(1h);
  CHECK(claims.asked.empty());
  CHECK(service.tokens.empty());
  CHECK(world.stats(1).skipped.paused == 1);
}

TEST_CASE("an observer's trigger when a tick was lost asks for a run at once") {
  struct Trigger : cliffracer::TimerObserver {
    void on_skip(const cliffracer::ObservedTimer&, cliffracer::SkipReason, std::uint64_t) override {
      if (!std::exchange(has_called, true)) world->timers.trigger("svc", "tick");
    }
    TimerWorld* world = nullptr;
    bool has_called = false;
  };
  Service service;
  Claims claims;
  TimerWorld world;
  claims.join(world);
  const auto observer = std::make_shared<Trigger>();
  observer->world = &world;
  world.observer = observer;
  world.add(timer<&Service::tick>{.interval = 1h, .scope = Scope::cluster}, service);
  world.start();
  claims.answers = {ClaimOutcome::failed, ClaimOutcome::won};
  world.time.advance(1h);
  CHECK(claims.asked.size() == 2);
  CHECK(service.tokens.size() == 1);
  CHECK(world.stats().drift_count == 0);
}

TEST_CASE("the interval of a cluster timer stays") {
  Hourly at;
  CHECK_THROWS_AS(at.world.timers.set_interval("svc", "tick", 2h), std::invalid_argument);
}

TEST_CASE("a pause that ends between a claim and its run does not cost the run") {
  Hourly at;
  at.next_hour();
  REQUIRE(at.claims.waiting != nullptr);
  asio::post(at.world.strand, [&] {
    at.claims.answer(ClaimOutcome::won);
    at.world.timers.pause("svc", "tick", {});
    at.world.timers.resume("svc", "tick");
  });
  at.world.time.settle();
  CHECK(at.service.tokens == Tokens{at.hour()});
  at.check_ledger(1);
}

TEST_CASE("the frame of a timer's coroutine lies in its entry") {
  Hourly at;
  at.next_hour();
  const TimerEntry* const entry = at.claims.waiting;
  REQUIRE(entry != nullptr);
  const auto* const frame = static_cast<const std::byte*>(entry->coroutine.address());
  CHECK(frame == entry->frame.memory);
}

TEST_CASE("an eager timer that is started again asks for its tick again") {
  Service service;
  Claims claims;
  TimerWorld world;
  claims.join(world);
  world.add(timer<&Service::tick>{.interval = 1h, .eager = true, .scope = Scope::cluster}, service);
  claims.answers = {ClaimOutcome::won, ClaimOutcome::behind};
  world.start();
  world.time.advance(0s);
  CHECK(service.tokens.size() == 1);
  world.stop();
  world.start();
  world.time.advance(0s);
  CHECK(claims.asked.size() == 2);
  CHECK(service.tokens.size() == 1);
}
