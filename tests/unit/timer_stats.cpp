#include "support/catch.hpp"

#include <cliffracer/timer_stats.hpp>

#include <nlohmann/json.hpp>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("statistics as JSON have the original's fields, durations in seconds") {
  cliffracer::TimerStats stats{.name = "purge", .method_name = "purge", .interval = 1500ms, .eager = true};
  stats.execution_count = 4;
  stats.error_count = 1;
  stats.error_rate = 25.0;
  stats.last_execution_time = 250ms;
  stats.average_execution_time = 125ms;
  stats.total_execution_time = 500ms;
  stats.next_execution = std::chrono::system_clock::time_point{1'700'000'000s};
  stats.lateness.p99 = 2ms;
  const nlohmann::json json = stats;
  CHECK(json["method_name"] == "purge");
  CHECK(json["interval"] == 1.5);
  CHECK(json["eager"] == true);
  CHECK(json["is_running"] == false);
  CHECK(json["execution_count"] == 4);
  CHECK(json["error_count"] == 1);
  CHECK(json["error_rate"] == 25.0);
  CHECK(json["last_execution_time"] == 0.25);
  CHECK(json["average_execution_time"] == 0.125);
  CHECK(json["total_execution_time"] == 0.5);
  CHECK(json["next_execution"] == 1.7e9);
  CHECK(json["lateness"]["p99"] == 0.002);
}

TEST_CASE("statistics as JSON say what operators ask for") {
  cliffracer::TimerStats stats{.name = "purge"};
  stats.is_paused = true;
  stats.pause_reason = "lunch";
  stats.skipped = {.missed = 1, .drifted = 2, .failing = 3, .paused = 4, .elsewhere = 5, .claim_failed = 6};
  stats.last_lateness_cause = cliffracer::LatenessCause::event_loop;
  stats.last_blocked_by = "timer sync";
  stats.timeout = 2s;
  stats.last_success = std::chrono::system_clock::time_point{1'700'000'000s};
  const nlohmann::json json = stats;
  CHECK(json["is_paused"] == true);
  CHECK(json["pause_reason"] == "lunch");
  CHECK(json["skipped"] == nlohmann::json({{"missed", 1},
                                           {"drifted", 2},
                                           {"failing", 3},
                                           {"paused", 4},
                                           {"elsewhere", 5},
                                           {"claim_failed", 6}}));
  CHECK(json["last_lateness_cause"] == "event_loop");
  CHECK(json["last_blocked_by"] == "timer sync");
  CHECK(json["timeout"] == 2.0);
  CHECK(json["pacing"] == "grid");
  stats.pacing = cliffracer::Pacing::after_run;
  CHECK(nlohmann::json(stats)["pacing"] == "after_run");
  CHECK(json["last_success"] == 1.7e9);
  CHECK(nlohmann::json(cliffracer::LatenessCause::none) == "none");
  CHECK(nlohmann::json(cliffracer::LatenessCause::own_run) == "own_run");
  CHECK(nlohmann::json(cliffracer::LatenessCause::claim) == "claim");
  CHECK(nlohmann::json(cliffracer::LatenessCause::suspended) == "suspended");
  CHECK(nlohmann::json(cliffracer::TimerStats{})["last_success"].is_null());
}

TEST_CASE("statistics of a timer that replicas share say what came of its claims, others do not") {
  cliffracer::TimerStats stats{.name = "purge"};
  CHECK(nlohmann::json(stats)["scope"] == "replica");
  CHECK_FALSE(nlohmann::json(stats).contains("claims"));
  stats.scope = cliffracer::Scope::cluster;
  stats.claims = {.won = 1, .lost = 2, .failed = 3, .unclear = 4, .running_elsewhere = 5};
  stats.current_token = 12;
  stats.last_owner = "A1";
  stats.last_claim_error = "no leader";
  const nlohmann::json json = stats;
  CHECK(json["scope"] == "cluster");
  CHECK(json["claims"] ==
        nlohmann::json({{"won", 1}, {"lost", 2}, {"failed", 3}, {"unclear", 4}, {"running_elsewhere", 5}}));
  CHECK(json["current_token"] == 12);
  CHECK(json["last_owner"] == "A1");
  CHECK(json["last_claim_error"] == "no leader");
}

TEST_CASE("a timer without a next due point has null there") {
  const nlohmann::json json = cliffracer::TimerStats{};
  CHECK(json["next_execution"].is_null());
}

TEST_CASE("a service's statistics are a count and a list") {
  cliffracer::ServiceTimerStats stats{.timer_count = 2};
  stats.timers.resize(2);
  const nlohmann::json json = stats;
  CHECK(json["timer_count"] == 2);
  CHECK(json["timers"].size() == 2);
}
