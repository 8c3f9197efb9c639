#pragma once

#include "cluster_simulation/ledger.hpp"
#include "cluster_simulation/plan.hpp"
#include "cluster_simulation/told.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>

#include <asio/awaitable.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cluster_simulation {

/// What the replicas of a world share with those who watch them.
struct Stage {
  explicit Stage(const Plan& world) : plan{world}, random{world.seed + 0xc1057e5} {
    for (const TimerPlan& timer : plan.timers) ledgers.push_back(std::make_unique<Ledger>(plan, timer));
  }

  const Plan& plan;
  Random random;
  std::vector<std::unique_ptr<Ledger>> ledgers;  // of the timers
  /// Called in some runs, in the replica.
  std::function<void(std::size_t replica)> control;
  std::uint64_t retries = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t hash = 0xcbf29ce484222325U;

  void note(std::int64_t value) { hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3U; }
};

/// One replica of the service, on a machine of its own.
class Replica : public cliffracer::NatsService {
 public:
  static constexpr std::size_t most_timers = 3;
  static constexpr const char* name = "worker";

  Replica(Stage& stage, cliffracer::testing::VirtualCluster& cluster, std::size_t number)
      : NatsService{config_of(stage.plan, number)}, stage_{stage}, cluster_{cluster}, number_{number} {
    add_timers({}, std::make_index_sequence<most_timers>{});
  }

  static std::string name_of(std::size_t timer) { return "t" + std::to_string(timer); }
  static std::size_t number_of(const std::string& timer) { return std::stoul(timer.substr(1)); }

  /// Its wall clock, which shows `skew` more than it would if it had never been set.
  [[nodiscard]] Nanos wall_clock() const { return stage_.plan.wall_clock + own_time() + skew; }
  [[nodiscard]] Nanos own_time() const { return cluster_.time(number_).elapsed(); }

  void set_clock(Nanos new_skew) {
    cluster_.step_wall_clock(number_, new_skew - skew);
    skew_before = std::exchange(skew, new_skew);
    skew_unseen_until = own_time() + notices_after;
  }
  [[nodiscard]] bool knows_its_clock() const { return own_time() > skew_unseen_until; }
  void resumed() { skew_unseen_until = own_time() + notices_after; }

  // On its strand, as in its methods: what is asked has then happened.

  void timers_begin() {
    for (std::size_t n = 0; n < stage_.plan.timers.size(); ++n) timer_begins(n);
  }
  void pause_timer(std::size_t n) {
    Told& timer = told[n];
    if (timer.is_removed) return;
    pause(name_of(n), "asked for");
    if (!timer.is_paused) timer.held_since = own_time();
    timer.is_paused = true;
    timer.is_asked_once = false;
    timer.hold(cluster_.elapsed());
  }
  void resume_timer(std::size_t n) {
    Told& timer = told[n];
    if (timer.is_removed || !timer.is_paused) return;
    resume(name_of(n));
    timer.is_paused = false;
    timer.release(cluster_.elapsed());
  }
  void trigger_timer(std::size_t n) {
    Told& timer = told[n];
    try {
      trigger(name_of(n));
    } catch (const std::logic_error&) {
      // It does not run, or there is none.
      return;
    }
    ++timer.triggers;
    timer.is_asked_once = timer.is_paused;
  }
  void remove_timer(std::size_t n) {
    Told& timer = told[n];
    if (timer.is_removed) return;
    remove(name_of(n));
    timer.is_removed = true;
    timer.held_since = own_time();
    timer.hold(cluster_.elapsed());
  }
  void add_timer_again(std::size_t n) {
    Told& timer = told[n];
    if (!timer.is_removed) return;
    timer.release(cluster_.elapsed());
    timer = Told{.entry = timer.entry + 1, .holds = std::move(timer.holds)};
    timer_begins(n);
    add_timers(n, std::make_index_sequence<most_timers>{});
  }

  Nanos skew{0};
  Nanos skew_before{0};
  std::optional<Nanos> stop_began{};  ///< On its own clock.
  std::array<Told, most_timers> told{};

 private:
  using TickContext = cliffracer::TickContext;
  // How long it may go by the clock as it was before it was set.
  static constexpr std::chrono::milliseconds notices_after{1000};

  static cliffracer::ServiceConfig config_of(const Plan& plan, std::size_t number) {
    cliffracer::ServiceConfig config{.name = name};
    config.stop_timeout = plan.stop_timeout;
    config.jitter_seed = plan.seed * 16 + number + 1;
    config.cluster.owner_timeout = plan.owner_timeout;
    // In the end it is looked at who has claimed what.
    if (plan.end > std::chrono::hours{24}) config.cluster.keep = 10 * plan.end;
    return config;
  }

  void timer_begins(std::size_t n) {
    told[n].added_at = own_time();
    told[n].points_before = stage_.plan.timers[n].points(wall_clock());
  }

  /// That of the number, or all.
  template <std::size_t... N>
  void add_timers(std::optional<std::size_t> number, std::index_sequence<N...>) {
    (add_timer<N>(number), ...);
  }

  template <std::size_t N>
  void add_timer(std::optional<std::size_t> number) {
    if (N >= stage_.plan.timers.size() || number.value_or(N) != N) return;
    const TimerPlan& plan = stage_.plan.timers[N];
    if (plan.is_plain) {
      add_method<&Replica::plain<N>>(plan, N);
    } else {
      add_method<&Replica::coroutine<N>>(plan, N);
    }
  }

  template <auto Method>
  void add_method(const TimerPlan& plan, std::size_t n) {
    if (plan.calendar) {
      add(with_options(cliffracer::cron<Method>{.at = cliffracer::CronExpression::parse(plan.calendar->at),
                                                .zone = plan.calendar->zone},
                       plan, n));
    } else {
      auto registration = cliffracer::timer<Method>{.interval = plan.interval};
      registration.offset = plan.offset;
      add(with_options(std::move(registration), plan, n));
    }
  }

  template <class Registration>
  static Registration with_options(Registration registration, const TimerPlan& plan, std::size_t n) {
    registration.eager = plan.is_eager;
    registration.error_backoff = plan.error_backoff;
    registration.tolerance = plan.tolerance;
    registration.jitter = plan.jitter;
    registration.scope = cliffracer::Scope::cluster;
    if (plan.runs_unclaimed) registration.when_unavailable = cliffracer::WhenUnavailable::run;
    registration.catch_up = plan.catch_up;
    registration.name = name_of(n);
    return registration;
  }

  template <std::size_t N>
  asio::awaitable<void> coroutine(TickContext tick) {
    const std::size_t run = begin(N, tick);
    std::exception_ptr thrown;
    try {
      control_perhaps();
      co_await sleep_for(some_length(stage_.plan.timers[N]));
      fail_perhaps(stage_.plan.timers[N]);
    } catch (...) {
      thrown = std::current_exception();
    }
    end(N, run);
    if (thrown) std::rethrow_exception(thrown);
  }

  template <std::size_t N>
  void plain(TickContext tick) {
    const TimerPlan& timer = stage_.plan.timers[N];
    const std::size_t run = begin(N, tick);
    control_perhaps();
    const Nanos length = is_long(timer) ? stage_.random.between(Nanos{1}, 3 * timer.interval) : Nanos{0};
    cluster_.time(number_).jump(length);
    end(N, run, length);
    fail_perhaps(timer);
  }

  [[nodiscard]] bool may_be_odd() const {
    return stage_.plan.weather == Weather::calm || cluster_.elapsed() < stage_.plan.calm_from;
  }
  [[nodiscard]] bool is_long(const TimerPlan& timer) {
    return may_be_odd() && stage_.random.chance(timer.long_runs);
  }
  [[nodiscard]] Nanos some_length(const TimerPlan& timer) {
    if (is_long(timer)) return stage_.random.between(timer.interval / 5, 3 * timer.interval);
    return stage_.random.of_any_size(Nanos{1}, timer.interval / 5);
  }
  void fail_perhaps(const TimerPlan& timer) {
    if (may_be_odd() && stage_.random.chance(timer.fails)) throw std::runtime_error{"no luck"};
  }

  void control_perhaps() {
    if (cluster_.elapsed() < stage_.plan.faults_until && stage_.random.chance(stage_.plan.control_in_runs))
      stage_.control(number_);
  }

  std::size_t begin(std::size_t n, const TickContext& tick) {
    Ledger& ledger = *stage_.ledgers[n];
    // Of a plain method it may be earlier.
    const Nanos began = began_at(tick);
    const bool is_of_removed = began < told[n].added_at;
    const Run run{.token = tick.token,
                  .replica = number_,
                  .began = cluster_.elapsed(),
                  .attempt = tick.attempt,
                  .is_catch_up = tick.is_catch_up,
                  .entry = told[n].entry - (is_of_removed ? 1 : 0)};
    for (const std::int64_t value : {static_cast<std::int64_t>(n), static_cast<std::int64_t>(tick.token),
                                     static_cast<std::int64_t>(number_), run.began.count()})
      stage_.note(value);
    if (tick.attempt > 1) ++stage_.retries;
    if (tick.is_catch_up) ++stage_.catch_ups;
    if (!is_of_removed) check_told(ledger, told[n], run, began);
    if (cluster_.is_paused(number_) || cluster_.is_crashed(number_))
      ledger.fail("what stands still runs nothing", run, "");
    // Until then the stop may not have had its turn.
    if (stop_began && own_time() > *stop_began) ledger.fail("no run starts after a stop", run, "");
    if (!is_token(tick, ledger.timer()))
      ledger.fail("a token is the newest point of the replica's wall clock", run,
                  "at " + simulation::text_of(wall_clock()) + " since the epoch");
    return ledger.began(run);
  }

  void check_told(Ledger& ledger, Told& timer, const Run& run, Nanos began) {
    ++timer.runs;
    if (timer.is_removed && began > timer.held_since)
      ledger.fail("a timer that was removed does not run", run, "");
    if (timer.is_paused && began > timer.held_since) {
      if (!timer.is_asked_once) ledger.fail("a timer that is paused does not run", run, "");
      timer.is_asked_once = false;
    }
    const Run* const before = ledger.find(run.token, number_);
    if (!before || run.attempt > 1 || !stage_.plan.forbids_doubles(ledger.timer())) return;
    if (before->entry != run.entry || ++timer.repeats > timer.triggers)
      ledger.fail("a tick is run once, unless it fails or is asked for", run, "");
  }

  /// When the run was begun: one of a plain method may have waited for another one, which let time pass.
  [[nodiscard]] Nanos began_at(const TickContext& run) const {
    if (run.is_catch_up) return own_time();
    return cliffracer::testing::VirtualTime::since_start(run.due) + run.deferral + run.lateness;
  }

  [[nodiscard]] bool is_token(const TickContext& run, const TimerPlan& timer) const {
    const Nanos began = began_at(run);
    const Nanos wall = wall_clock() - (own_time() - began);
    if (run.token == timer.token(wall)) return true;
    if (run.is_catch_up && timer.is_plain) return run.token < timer.token(wall);
    return began <= skew_unseen_until && run.token == timer.token(wall - skew + skew_before);
  }

  void end(std::size_t n, std::size_t run, Nanos from_now = Nanos{0}) {
    // What its coroutines do when it is deleted is no part of the history.
    if (cluster_.is_crashed(number_)) return;
    stage_.ledgers[n]->ended(run, cluster_.elapsed() + from_now);
    stage_.note(cluster_.elapsed().count());
  }

  Stage& stage_;
  cliffracer::testing::VirtualCluster& cluster_;
  const std::size_t number_;
  Nanos skew_unseen_until{0};
};

}  // namespace cluster_simulation
