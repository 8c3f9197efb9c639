#include "cluster_simulation/world.hpp"

#include "simulation/failure.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cluster_simulation {

using simulation::Failure;
using simulation::text_of;

namespace {

/// A claim takes no longer.
constexpr std::chrono::seconds longest_claim{10};

/// Of the replica that has made a claim.
std::string owner_in(const std::string& claim) { return claim.substr(0, claim.find(' ')); }

}  // namespace

/// What was seen while it happened.
void World::check() const {
  for (std::size_t timer = 0; timer < stage_.ledgers.size(); ++timer) {
    const Ledger& ledger = *stage_.ledgers[timer];
    if (!ledger.failure.empty()) throw Failure{Replica::name_of(timer) + ": " + ledger.failure};
  }
}

/// Where nothing is wrong, each tick is run by one replica.
void World::check_ticks(std::size_t timer) {
  Ledger& ledger = *stage_.ledgers[timer];
  const TimerPlan& plan = ledger.timer();
  const Nanos skew = plan_.largest_difference();
  const Nanos first = plan_.wall_clock + plan_.exact_from(plan) + skew;
  for (std::int64_t point = plan.points(first) + 1;; ++point) {
    const std::uint64_t token = plan.token(plan.due(point));
    const Nanos due = plan.due(point) - plan_.wall_clock;
    if (due + plan.interval + skew > plan_.end) return;
    ++report_.exact;
    if (ledger.has(token)) continue;
    if (is_excused(ledger, timer, token, due)) {
      ++report_.excused;
    } else {
      ledger.fail("exactly one replica runs each tick",
                  "that of " + std::to_string(token) + ", due at " + text_of(due) + ", was run by none");
    }
  }
}

bool World::is_excused(const Ledger& ledger, std::size_t timer, std::uint64_t token, Nanos due) {
  const TimerPlan& plan = ledger.timer();
  // A failed run has its retry later, for which its replica passes over ticks.
  if (plan.fails > 0 && plan_.weather == Weather::calm) return true;
  const Nanos begin = due - plan_.largest_difference();
  const Nanos end = due + plan_.largest_difference() + plan.jitter + plan.tolerance + 8 * plan_.latency;
  const bool is_busy = std::any_of(ledger.runs().begin(), ledger.runs().end(), [&](const Run& run) {
    return run.token < token && run.began <= end && run.ended.value_or(plan_.end) >= begin;
  });
  if (is_busy) return true;
  // Clocks that are set forward show no tick between.
  const Nanos notice = plan.interval + std::chrono::seconds{1};
  for (const Nanos step : steps_) {
    if (step >= begin - notice && step <= end + notice) return true;
  }
  if (!could_run(timer, begin, end)) return true;
  // A replica that is stopped, or whose timer is paused or removed, does not run what it has claimed, and
  // nor does one whose clock was set back.
  for (const auto& stored : cluster_.broker().stored(key_of(timer, std::to_string(token)))) {
    for (const Site& site : sites_) {
      if (site.id != owner_in(stored.payload)) continue;
      const bool was_held = site.service->told[timer].was_held(begin, end + longest_claim);
      const Nanos shown = plan_.wall_clock + due;
      if (site.is_leaving || was_held || shown <= newest_shown_) return true;
    }
  }
  return false;
}

/// Some replica was at work all the time, and its timer neither paused nor removed.
bool World::could_run(std::size_t timer, Nanos begin, Nanos end) const {
  return std::any_of(sites_.begin(), sites_.end(), [&](const Site& site) {
    return site.started_at < begin && site.left_at > end && !site.service->told[timer].was_held(begin, end);
  });
}

/// While a replica is known to run a tick, no other one runs the next.
void World::check_overlaps(std::size_t timer) {
  Ledger& ledger = *stage_.ledgers[timer];
  if (plan_.weather != Weather::calm) return;
  const auto& runs = ledger.runs();
  for (std::size_t later = 0; later < runs.size(); ++later) {
    for (std::size_t n = 0; n < later; ++n) {
      const Run& before = runs[n];
      if (before.replica == runs[later].replica || before.token == runs[later].token) continue;
      if (before.ended.value_or(plan_.end) <= runs[later].began) continue;
      if (runs[later].began - before.began <= plan_.unknown()) continue;
      // The one that was added again does not wait for it.
      if (before.entry != sites_[before.replica].service->told[timer].entry) continue;
      ledger.fail("ticks do not overlap", runs[later],
                  "while replica " + std::to_string(before.replica) + " ran " + std::to_string(before.token) +
                      ", since " + text_of(before.began));
    }
  }
}

/// Who has a claim, runs it: also when it was not told.
void World::check_claims(std::size_t timer) {
  Ledger& ledger = *stage_.ledgers[timer];
  // What was claimed at a start may have been won too late.
  const TimerPlan& plan = ledger.timer();
  const std::uint64_t oldest = plan.token(plan_.wall_clock + plan_.calm_from);
  const std::uint64_t newest =
      plan.token(plan_.wall_clock + plan_.end - plan_.largest_difference() - plan.interval);
  for (const auto& stored : cluster_.broker().stored(key_of(timer, "*"))) {
    const std::string key = stored.subject.substr(stored.subject.rfind('.') + 1);
    if (key == "owner" || std::stoull(key) < oldest || std::stoull(key) > newest) continue;
    const auto owner = std::find_if(sites_.begin(), sites_.end(),
                                    [&](const Site& site) { return site.id == owner_in(stored.payload); });
    if (owner == sites_.end()) {
      ledger.fail("a claim has its owner's id", "that of " + key);
    } else if (!ledger.has(std::stoull(key), static_cast<std::size_t>(owner - sites_.begin()))) {
      ledger.fail("what is claimed is run",
                  "that of " + key + " of replica " + std::to_string(owner - sites_.begin()));
    }
  }
}

void World::check_statistics(std::size_t replica) {
  if (cluster_.is_crashed(replica)) return;
  const Site& site = sites_[replica];
  for (const auto& stats : site.service->get_timer_stats().timers) {
    const std::size_t timer = Replica::number_of(stats.name);
    const Told& told = site.service->told[timer];
    Ledger& ledger = *stage_.ledgers[timer];
    const auto must = [&](bool is_so, const std::string& what) {
      if (!is_so) ledger.fail("statistics", "replica " + std::to_string(replica) + ": " + what);
    };
    const auto& claims = stats.claims;
    const auto& skipped = stats.skipped;
    for (const std::uint64_t count :
         {stats.execution_count, stats.skipped_count, claims.won, claims.lost, claims.failed, claims.unclear,
          claims.running_elsewhere, stats.current_token})
      stage_.note(static_cast<std::int64_t>(count));
    must(stats.execution_count == told.runs, "execution_count");
    must(stats.execution_count ==
             stats.success_count + stats.error_count + stats.cancelled_count + (stats.is_executing ? 1U : 0U),
         "the sum of outcomes");
    must(stats.skipped_count == skipped.missed + skipped.drifted + skipped.failing + skipped.paused +
                                    skipped.elsewhere + skipped.claim_failed,
         "the sum of reasons");
    must(skipped.claim_failed <= claims.failed + claims.unclear, "skipped.claim_failed");
    std::uint64_t tokens = 0;
    std::uint64_t on_grid = 0;
    std::uint64_t newest = 0;
    Nanos running_since = plan_.end;
    for (const Run& run : ledger.runs()) {
      if (run.replica != replica || run.entry != told.entry) continue;
      if (run.token != newest) ++tokens;
      if (run.attempt == 1 && !run.is_catch_up) ++on_grid;
      newest = run.token;
      if (!run.ended) running_since = run.began;
    }
    must(stats.current_token == newest, "current_token");
    const bool runs_claimed = !ledger.timer().runs_unclaimed;
    if (runs_claimed) must(claims.won >= tokens, "claims.won is less than the ticks that were run");
    if (site.is_disturbed || plan_.weather > Weather::hiccups) continue;
    if (plan_.weather == Weather::hiccups && !ledger.timer().is_eager)
      must(claims.unclear == 0 && claims.failed == 0, "claims.failed");
    // What was won in a pause is not run.
    must(claims.won == tokens || (claims.won > tokens && !told.holds.empty()),
         "claims.won is not the number of ticks that were run");
    if (ledger.timer().fails > 0 || ledger.timer().is_eager) continue;
    // A point is told of when it was dealt with; those that pass in a run, after it.
    const auto points =
        static_cast<std::uint64_t>(ledger.timer().points(site.service->wall_clock()) - told.points_before);
    const auto pending =
        static_cast<std::uint64_t>((plan_.end - running_since) / ledger.timer().interval) + 1;
    const std::uint64_t counted = on_grid + stats.skipped_count;
    // Runs that were asked for have no point, and what is caught up is counted with what came before the
    // start.
    const bool is_more = counted > points + told.triggers && stats.catch_up_count == 0;
    must(!is_more && points <= counted + pending,
         std::to_string(points) + " points, of which " + std::to_string(counted) + " are counted");
  }
}

/// No timer stops for ever: each has a run in progress, or comes at the next point.
void World::check_due(std::size_t replica) {
  Replica& service = *sites_[replica].service;
  for (const auto& stats : service.get_timer_stats().timers) {
    Ledger& ledger = *stage_.ledgers[Replica::number_of(stats.name)];
    const TimerPlan& plan = ledger.timer();
    // Retries come beside the points.
    if (stats.is_executing || (plan.fails > 0 && plan_.weather == Weather::calm)) continue;
    const auto due = service.next_due(stats.name);
    const std::string where = "replica " + std::to_string(replica);
    if (!due) return ledger.fail("a timer goes on", where + " has no next run");
    const Nanos left = cliffracer::testing::VirtualTime::since_start(*due) - service.own_time();
    const Nanos next = plan.left(service.wall_clock());
    constexpr std::chrono::milliseconds unnoticed{2};
    const bool is_asking = left <= Nanos{0} && left + plan.tolerance + longest_claim >= Nanos{0};
    const bool is_next = left >= next - unnoticed && left <= next + plan.jitter + unnoticed;
    if (!is_asking && !is_next && !(plan.jitter > Nanos{0} && left > Nanos{0} && left <= plan.jitter))
      ledger.fail("a timer goes on",
                  where + " runs in " + text_of(left) + ", and its next point is in " + text_of(next));
  }
}

/// Services stop in time, and with them what they announce.
void World::check_stops() {
  for (std::size_t replica = 0; replica < sites_.size(); ++replica) {
    const Site& site = sites_[replica];
    if (cluster_.is_crashed(replica)) continue;
    if (!site.stopped_at) throw Failure{"a stop ends in time: replica " + std::to_string(replica)};
    if (plan_.weather > Weather::hiccups && site.asked_to_stop_at < plan_.end) continue;
    const Nanos limit = site.was_idle ? Nanos{0} : plan_.stop_timeout;
    if (*site.stopped_at - site.asked_to_stop_at > limit + std::chrono::milliseconds{1})
      throw Failure{"a stop ends in time: replica " + std::to_string(replica)};
  }
  for (std::size_t timer = 0; timer < plan_.timers.size(); ++timer) {
    const Ledger& ledger = *stage_.ledgers[timer];
    // What was announced while something was wrong may be lost.
    if (ledger.runs().empty() || !ledger.is_exact(ledger.runs().back().began)) continue;
    for (const auto& stored : cluster_.broker().stored(key_of(timer, "owner"))) {
      if (!nlohmann::json::parse(stored.payload).contains("ended"))
        throw Failure{Replica::name_of(timer) + ": what is announced at last is an end: " + stored.payload};
    }
  }
}

std::string World::key_of(std::size_t timer, const std::string& key) {
  return std::string{"$KV.cliffracer."} + Replica::name + "." + Replica::name_of(timer) + "." + key;
}

}  // namespace cluster_simulation
