#pragma once

#include "cluster_simulation/plan.hpp"
#include "simulation/failure.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cluster_simulation {

struct Run {
  std::uint64_t token;
  std::size_t replica;
  Nanos began;  ///< As `ended` in true time.
  std::optional<Nanos> ended{};
  std::uint32_t attempt = 1;
  bool is_catch_up = false;
  std::uint32_t entry = 0;  ///< Of the timer, which may have been added again.
};

/// What the runs of a timer write to. It refuses whoever has an older token than it has seen.
class Resource {
 public:
  bool write(std::uint64_t token, std::size_t replica) {
    if (token < newest_ || (token == newest_ && replica != owner_)) return false;
    newest_ = token;
    owner_ = replica;
    return true;
  }
  [[nodiscard]] std::uint64_t newest() const { return newest_; }

 private:
  std::uint64_t newest_ = 0;
  std::size_t owner_ = 0;
};

/// All runs of one timer on all replicas, with what can be said of each when it begins.
class Ledger {
 public:
  /// Both must outlive it.
  Ledger(const Plan& plan, const TimerPlan& timer) : plan_{plan}, timer_{timer} {}

  /// Returns the run's number.
  std::size_t began(const Run& run) {
    runs_.push_back(run);
    const Run& first = runs_[firsts_.try_emplace(run.token, runs_.size() - 1).first->second];
    if (first.replica != run.replica && (plan_.forbids_doubles(timer_) || is_exact(first.began)))
      fail("at most one replica runs a tick", run, "which replica " + std::to_string(first.replica) + " ran");
    if (!resource_.write(run.token, run.replica)) {
      ++refused;
      const Run& newest = newest_run();
      const bool is_known = run.began - newest.began > plan_.unknown();
      // Tokens go back with a clock.
      const Nanos latest = plan_.wall_clock + newest.began + plan_.largest_difference();
      const bool was_ahead = newest.token > timer_.token(latest);
      if (is_known && !was_ahead && (plan_.weather == Weather::calm || is_exact(run.began)))
        fail("tokens increase", run,
             "after " + std::to_string(newest.token) + " on replica " + std::to_string(newest.replica) +
                 " at " + simulation::text_of(newest.began));
    }
    return runs_.size() - 1;
  }

  void ended(std::size_t number, Nanos now) {
    Run& run = runs_[number];
    if (!run.ended) run.ended = now;
  }
  /// Its runs in progress go no further.
  void crashed(std::size_t replica, Nanos now) {
    for (Run& run : runs_) {
      if (run.replica == replica && !run.ended) run.ended = now;
    }
  }

  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }
  [[nodiscard]] const TimerPlan& timer() const { return timer_; }
  [[nodiscard]] bool has(std::uint64_t token) const { return firsts_.contains(token); }
  [[nodiscard]] bool has(std::uint64_t token, std::size_t replica) const {
    return find(token, replica) != nullptr;
  }
  /// The newest run of the tick there; null: there is none.
  [[nodiscard]] const Run* find(std::uint64_t token, std::size_t replica) const {
    const auto found = std::find_if(runs_.rbegin(), runs_.rend(), [&](const Run& run) {
      return run.token == token && run.replica == replica;
    });
    return found == runs_.rend() ? nullptr : &*found;
  }
  [[nodiscard]] bool is_executing(std::size_t replica) const {
    for (const Run& run : runs_) {
      if (run.replica == replica && !run.ended) return true;
    }
    return false;
  }
  [[nodiscard]] bool is_exact(Nanos instant) const { return instant >= plan_.exact_from(timer_); }

  void fail(const char* check, const Run& run, const std::string& what) {
    fail(check, "the tick of " + std::to_string(run.token) + " on replica " + std::to_string(run.replica) +
                    " at " + simulation::text_of(run.began) + " " + what);
  }
  void fail(const char* check, const std::string& what) {
    if (failure.empty()) failure = std::string{check} + ": " + what;
  }

  std::string failure;  ///< The first one.
  std::uint64_t refused = 0;

 private:
  /// The first of the newest token.
  [[nodiscard]] const Run& newest_run() const {
    return *std::find_if(runs_.begin(), runs_.end(),
                         [&](const Run& run) { return run.token == resource_.newest(); });
  }

  const Plan& plan_;
  const TimerPlan& timer_;
  std::vector<Run> runs_;
  std::map<std::uint64_t, std::size_t> firsts_;  // the first run of each token
  Resource resource_;
};

}  // namespace cluster_simulation
