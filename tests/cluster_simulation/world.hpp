#pragma once

#include "cluster_simulation/plan.hpp"
#include "cluster_simulation/replica.hpp"
#include "cluster_simulation/simulation.hpp"

#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cluster_simulation {

/// Replicas that share timers, and what happens to them.
class World {
 public:
  /// `plan` must outlive it.
  explicit World(const Plan& plan);

  /// From the begin to the end. Throws simulation::Failure.
  Report play();

 private:
  struct Site {
    cliffracer::testing::VirtualCluster::Owned<Replica> service;
    std::string id{};
    bool is_disturbed = false;  ///< Its statistics do not follow from its clock.
    Nanos started_at = Nanos::max();
    bool is_leaving = false;  ///< It stops, or has stopped.
    Nanos left_at = Nanos::max();
    bool was_idle = false;     ///< When it was asked to stop.
    Nanos asked_to_stop_at{};  ///< On its own clock.
    std::optional<Nanos> stopped_at{};
  };

  void at(Nanos instant, std::function<void()> action);
  void run_until(Nanos instant);
  void add_site(bool has_its_replica = false);
  void start(std::size_t replica);
  void stop(std::size_t replica);
  void replace_perhaps();

  [[nodiscard]] std::vector<std::size_t> at_work() const;
  [[nodiscard]] bool is_busy(std::size_t replica) const;
  void begin(const Event& event);
  void happen(const Event& event, std::size_t victim);
  void happen_to_replica(const Event& event, std::size_t victim);
  void control(std::size_t replica, Fault what, Nanos length);
  void on_strand(std::size_t replica, std::function<void()> action);
  void set_clock(std::size_t replica, bool anyhow);
  void set_clocks_ahead(Nanos end);
  void set_clock_right(std::size_t replica);
  void set_clock_to(std::size_t replica, Nanos skew);
  void happen_to_broker(const Event& event);
  void happen_to_store(const Event& event);

  void check() const;
  void check_ticks(std::size_t timer);
  [[nodiscard]] bool is_excused(const Ledger& ledger, std::size_t timer, std::uint64_t token, Nanos due);
  [[nodiscard]] bool could_run(std::size_t timer, Nanos begin, Nanos end) const;
  void check_overlaps(std::size_t timer);
  void check_claims(std::size_t timer);
  void check_statistics(std::size_t replica);
  void check_due(std::size_t replica);
  void check_stops();
  [[nodiscard]] static std::string key_of(std::size_t timer, const std::string& key);

  const Plan& plan_;
  Stage stage_{plan_};
  cliffracer::testing::VirtualCluster cluster_;
  std::vector<Site> sites_;
  std::multimap<Nanos, std::function<void()>> actions_;  // planned
  cliffracer::testing::StoreFaults store_;
  std::vector<Nanos> steps_;  // when a clock was set
  Nanos newest_shown_{0};     // by clocks that were ahead
  Report report_;
};

}  // namespace cluster_simulation
