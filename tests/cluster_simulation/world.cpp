#include "cluster_simulation/world.hpp"

#include "simulation/failure.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cluster_simulation {

namespace {

cliffracer::testing::VirtualClusterOptions options_of(const Plan& plan) {
  cliffracer::testing::VirtualClusterOptions options{.replicas = plan.replicas, .seed = plan.seed + 1};
  options.wall_clock = std::chrono::system_clock::time_point{plan.wall_clock};
  options.workers_inline = true;
  options.broker.keep_events = false;
  return options;
}

}  // namespace

World::World(const Plan& plan) : plan_{plan}, cluster_{options_of(plan)} {
  cluster_.broker().set_latency(Nanos{0}, plan.latency);
  store_.request_delay.most = plan.store_delay;
  store_.answer_delay.most = plan.store_delay;
  cluster_.broker().set_store(store_);
  for (std::size_t n = 0; n < plan.replicas; ++n) add_site(true);
  for (const Event& event : plan.events) at(event.at, [this, &event] { begin(event); });
  stage_.control = [this](std::size_t replica) {
    control(replica, stage_.random.one_of({Fault::pause_timer, Fault::remove_timer, Fault::trigger}),
            stage_.random.of_any_size(Nanos{1}, 3 * plan_.timers.front().interval));
  };
}

// ---- The course of events

void World::at(Nanos instant, std::function<void()> action) { actions_.emplace(instant, std::move(action)); }

void World::run_until(Nanos instant) {
  while (!actions_.empty() && actions_.begin()->first <= instant) {
    const auto next = actions_.extract(actions_.begin());
    cluster_.run_until(std::max(next.key(), cluster_.elapsed()));
    check();
    next.mapped()();
  }
  cluster_.run_until(instant);
  check();
}

Report World::play() {
  run_until(plan_.end);
  for (std::size_t timer = 0; timer < plan_.timers.size(); ++timer) {
    check_ticks(timer);
    check_overlaps(timer);
    if (plan_.weather == Weather::hiccups) check_claims(timer);
  }
  for (std::size_t replica = 0; replica < sites_.size(); ++replica) check_statistics(replica);
  for (const std::size_t replica : at_work()) check_due(replica);
  check();
  for (const std::size_t replica : at_work()) stop(replica);
  run_until(plan_.end + plan_.stop_timeout + std::chrono::seconds{2});
  check_stops();
  check();
  for (const auto& ledger : stage_.ledgers) {
    report_.runs += ledger->runs().size();
    report_.refused += ledger->refused;
  }
  report_.retries = stage_.retries;
  report_.catch_ups = stage_.catch_ups;
  report_.replicas = sites_.size();
  report_.hash = stage_.hash;
  return report_;
}

// ---- Replicas

void World::add_site(bool has_its_replica) {
  const std::size_t replica = has_its_replica ? sites_.size() : cluster_.add_replica();
  Site& site =
      sites_.emplace_back(Site{.service = cluster_.make<Replica>(replica, stage_, cluster_, replica)});
  site.id = site.service->get_service_info().id;
  site.service->set_clock(stage_.random.between(-plan_.largest_skew, plan_.largest_skew));
  // As good as clocks of computers are.
  cluster_.set_rate(replica, 1 + static_cast<double>(stage_.random.between(-100, 100)) / 1e6);
  if (has_its_replica) {
    at(stage_.random.between(Nanos{0}, 2 * plan_.timers.front().interval),
       [this, replica] { start(replica); });
  } else {
    start(replica);
  }
}

void World::start(std::size_t replica) {
  Site& site = sites_[replica];
  site.started_at = cluster_.elapsed();
  site.service->timers_begin();
  asio::co_spawn(cluster_.time(replica).context(), site.service->start(), asio::detached);
}

void World::stop(std::size_t replica) {
  Site& site = sites_[replica];
  site.is_disturbed = true;
  site.is_leaving = true;
  site.left_at = cluster_.elapsed();
  site.was_idle = !is_busy(replica);
  site.asked_to_stop_at = site.service->own_time();
  auto stopping = [this, replica]() -> asio::awaitable<void> {
    sites_[replica].service->stop_began = sites_[replica].service->own_time();
    co_await sites_[replica].service->stop();
    sites_[replica].stopped_at = sites_[replica].service->own_time();
  };
  asio::co_spawn(cluster_.time(replica).context(), std::move(stopping), asio::detached);
}

void World::replace_perhaps() {
  if (!at_work().empty() && stage_.random.chance(300)) return;
  at(std::min(cluster_.elapsed() + stage_.random.of_any_size(Nanos{1}, 3 * plan_.timers.front().interval),
              plan_.faults_until),
     [this] { add_site(); });
}

std::vector<std::size_t> World::at_work() const {
  std::vector<std::size_t> found;
  for (std::size_t n = 0; n < sites_.size(); ++n) {
    if (!sites_[n].is_leaving && !cluster_.is_crashed(n)) found.push_back(n);
  }
  return found;
}

bool World::is_busy(std::size_t replica) const {
  return std::any_of(stage_.ledgers.begin(), stage_.ledgers.end(),
                     [&](const auto& ledger) { return ledger->is_executing(replica); });
}

// ---- Faults

void World::begin(const Event& event) {
  auto candidates = at_work();
  if (candidates.empty()) return;
  // Rather one in the middle of a run.
  if (!event.is_aimed && event.fault != Fault::step) {
    const auto idle = std::stable_partition(candidates.begin(), candidates.end(),
                                            [this](std::size_t replica) { return is_busy(replica); });
    if (idle != candidates.begin()) candidates.erase(idle, candidates.end());
  }
  const auto victim = candidates[stage_.random.number() % candidates.size()];
  Nanos wait{0};
  if (event.is_aimed) {
    const TimerPlan& timer = plan_.timers[stage_.random.number() % plan_.timers.size()];
    wait = timer.left(sites_[victim].service->wall_clock()) + event.after_tick;
  }
  at(std::min(cluster_.elapsed() + wait, plan_.faults_until), [this, &event, victim] {
    if (sites_[victim].is_leaving || cluster_.is_crashed(victim)) return;
    ++report_.faults;
    happen(event, victim);
  });
}

void World::happen(const Event& event, std::size_t victim) {
  if (event.fault <= Fault::trigger) return happen_to_replica(event, victim);
  if (event.fault == Fault::clocks_ahead)
    return set_clocks_ahead(std::min(cluster_.elapsed() + event.length, plan_.faults_until));
  if (event.fault <= Fault::latency) return happen_to_broker(event);
  happen_to_store(event);
}

void World::happen_to_replica(const Event& event, std::size_t victim) {
  Site& site = sites_[victim];
  const Nanos end = std::min(cluster_.elapsed() + event.length, plan_.faults_until);
  switch (event.fault) {
    case Fault::join:
      if (at_work().size() < 9) add_site();
      return;
    case Fault::stop:
      if (plan_.weather == Weather::calm && at_work().size() == 1) return;
      stop(victim);
      return replace_perhaps();
    case Fault::crash:
      cluster_.crash(victim);
      site.left_at = cluster_.elapsed();
      for (const auto& ledger : stage_.ledgers) ledger->crashed(victim, cluster_.elapsed());
      return replace_perhaps();
    case Fault::pause:
      site.is_disturbed = true;
      cluster_.pause(victim);
      return at(end, [this, victim] {
        cluster_.resume(victim);
        sites_[victim].service->resumed();
      });
    case Fault::partition:
      cluster_.partition(victim);
      return at(end, [this, victim] { cluster_.heal(victim); });
    case Fault::step:
      return set_clock(victim, event.is_aimed);
    case Fault::drift:
      return cluster_.set_rate(victim, 1 + static_cast<double>(stage_.random.between(-100, 100)) / 1e6);
    default:
      on_strand(victim, [this, &event, victim] { control(victim, event.fault, event.length); });
  }
}

void World::on_strand(std::size_t replica, std::function<void()> action) {
  asio::post(sites_[replica].service->get_executor(), [this, replica, action = std::move(action)] {
    // What happens when it is deleted is no part of the history.
    if (!cluster_.is_crashed(replica)) action();
  });
}

/// Of one of its timers. On the replica's strand.
void World::control(std::size_t replica, Fault what, Nanos length) {
  Replica& service = *sites_[replica].service;
  const std::size_t timer = stage_.random.number() % plan_.timers.size();
  const Nanos now = cluster_.elapsed();
  const Nanos end = std::max(now, std::min(now + length, plan_.faults_until));
  const auto later = [&](void (Replica::*action)(std::size_t)) {
    cluster_.call_at(end, [this, replica, timer, action] {
      on_strand(replica, [this, replica, timer, action] { ((*sites_[replica].service).*action)(timer); });
    });
  };
  switch (what) {
    case Fault::pause_timer:
      service.pause_timer(timer);
      return later(&Replica::resume_timer);
    case Fault::remove_timer:
      service.remove_timer(timer);
      return later(&Replica::add_timer_again);
    default:
      service.trigger_timer(timer);
  }
}

void World::set_clock(std::size_t replica, bool anyhow) {
  Replica& service = *sites_[replica].service;
  Nanos skew = stage_.random.between(-plan_.largest_skew, plan_.largest_skew);
  // To just before its next tick, if that is not too far.
  const TimerPlan& timer = plan_.timers[stage_.random.number() % plan_.timers.size()];
  const Nanos soon = stage_.random.between(Nanos{0}, std::chrono::seconds{3});
  const Nanos before = service.skew + timer.left(service.wall_clock()) - soon;
  if (!anyhow && std::chrono::abs(before) <= plan_.largest_skew) skew = before;
  // A millisecond is not noticed.
  constexpr std::chrono::milliseconds least{2};
  if (!service.knows_its_clock() || std::chrono::abs(skew - service.skew) < least) return;
  set_clock_to(replica, skew);
}

void World::set_clock_to(std::size_t replica, Nanos skew) {
  sites_[replica].is_disturbed = true;
  steps_.push_back(cluster_.elapsed());
  sites_[replica].service->set_clock(skew);
}

/// All that run follow a wrong time server.
void World::set_clocks_ahead(Nanos end) {
  const Nanos ahead = std::min(plan_.timers.front().interval * stage_.random.between(2, 20), most_ahead);
  for (const std::size_t replica : at_work()) {
    const Replica& service = *sites_[replica].service;
    if (!service.knows_its_clock()) continue;
    set_clock_to(replica, service.skew + ahead);
    at(end, [this, replica] { set_clock_right(replica); });
  }
}

void World::set_clock_right(std::size_t replica) {
  const Replica& service = *sites_[replica].service;
  if (cluster_.is_crashed(replica) || service.skew <= plan_.largest_skew) return;
  if (!service.knows_its_clock())
    return at(cluster_.elapsed() + std::chrono::seconds{1}, [this, replica] { set_clock_right(replica); });
  newest_shown_ = std::max(newest_shown_, service.wall_clock());
  set_clock_to(replica, stage_.random.between(-plan_.largest_skew, plan_.largest_skew));
}

void World::happen_to_broker(const Event& event) {
  auto& broker = cluster_.broker();
  const Nanos end = std::min(cluster_.elapsed() + event.length, plan_.faults_until);
  switch (event.fault) {
    case Fault::outage:
      broker.stop();
      return at(end, [&broker] { broker.start(); });
    case Fault::loss:
      broker.set_loss(static_cast<double>(stage_.random.between(1, 100)) / 100);
      return at(end, [&broker] { broker.set_loss(0); });
    default:
      broker.set_latency(
          Nanos{0}, stage_.random.of_any_size(std::chrono::milliseconds{1}, plan_.timers.front().interval));
      at(end, [this] { cluster_.broker().set_latency(Nanos{0}, plan_.latency); });
  }
}

void World::happen_to_store(const Event& event) {
  const double probability = static_cast<double>(stage_.random.between(10, 100)) / 100;
  switch (event.fault) {
    case Fault::off:
      store_.is_off = true;
      break;
    case Fault::slow:
      store_.request_delay.most =
          stage_.random.of_any_size(std::chrono::milliseconds{1}, plan_.timers.front().interval);
      store_.answer_delay.most = store_.request_delay.most;
      break;
    case Fault::lost_requests:
      store_.lost_requests = probability;
      break;
    case Fault::lost_answers:
      store_.lost_answers = probability;
      break;
    case Fault::forgotten_writes:
      store_.forgotten_writes = probability;
      break;
    default:
      return cluster_.broker().forget(static_cast<std::size_t>(stage_.random.between(1, 10)));
  }
  cluster_.broker().set_store(store_);
  // All of them end with the first that does.
  at(std::min(cluster_.elapsed() + event.length, plan_.faults_until), [this] {
    store_ = {};
    store_.request_delay.most = plan_.store_delay;
    store_.answer_delay.most = plan_.store_delay;
    cluster_.broker().set_store(store_);
  });
}

Report simulate(std::uint64_t seed) {
  const Plan plan = plan_of(seed);
  return World{plan}.play();
}

}  // namespace cluster_simulation
