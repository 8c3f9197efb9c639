#pragma once

#include "simulation/actor.hpp"
#include "simulation/log_tally.hpp"
#include "simulation/plan.hpp"
#include "simulation/simulation.hpp"
#include "simulation/stage.hpp"
#include "simulation/waiting.hpp"

#include <cliffracer/detail/timer/run_probe.hpp>
#include <cliffracer/testing/run_log.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

/// Services in virtual time, taken from step to step beside their model.
class World : private cliffracer::detail::RunProbe {
 public:
  /// `plan` must outlive the world.
  explicit World(const Plan& plan);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() override;

  /// The next thing happens, and is looked at.
  void step();
  [[nodiscard]] bool has_ended() const { return has_ended_; }

  /// Between two steps: every service is asked to stop, and from now on nobody
  /// else starts or stops one.
  void ask_all_to_stop();
  /// Steps until every service has stopped.
  void finish_stopping();
  void start_all();

  /// What can be said only at the end: percentiles, the log.
  void check_at_end();

  [[nodiscard]] Report report() const;
  /// Where it is, for those who read of a failure.
  [[nodiscard]] std::string where() const;

 private:
  struct Player {
    std::unique_ptr<LogTally> log;
    cliffracer::testing::VirtualTime::Owned<Actor> actor;
    bool is_watched_closely = true;                         ///< Something happened to it in this step.
    ServiceModel::Phase phase = ServiceModel::Phase::idle;  ///< After the step before.
    bool has_start_ahead = false;
    bool had_stop_planned = false;
  };
  using Phase = ServiceModel::Phase;

  void at(Nanos instant, std::function<void()> action);
  void start(std::size_t service);
  void start_ended(std::size_t service, const std::exception_ptr& thrown);
  void stop(std::size_t service);
  void plan_suspends();
  void plan_clock_steps();
  void plan_requests();
  void ask_from_outside();
  void set_clock(Nanos step);
  void plan_starts_and_stops();

  // RunProbe
  void run_started(std::string_view service, std::string_view timer,
                   const cliffracer::detail::Schedule::Decision& why,
                   cliffracer::detail::TimePoint now) override;
  void run_ended(std::string_view service, std::string_view timer, Outcome outcome,
                 cliffracer::detail::TimePoint now) override;

  void begin_step();
  [[nodiscard]] Queue queue() const;
  void check_after();
  void check_log_of_runs();
  void check_services();
  void check_statistics(std::size_t service);
  void check_open_runs();
  void note(std::int64_t value) { hash_ = (hash_ ^ static_cast<std::uint64_t>(value)) * 0x100000001b3U; }

  const Plan& plan_;
  Stage stage_;
  cliffracer::testing::RunLog log_{stage_.time};
  std::vector<Player> players_;
  std::list<Waiting> actions_;  // planned
  Nanos round_ = Nanos::min();  // when the newest step was
  Nanos suspend_{};             // after this step
  Nanos clock_step_{};          // the same
  bool is_asked_ = false;       // something of a timer, after this step
  bool has_ended_ = false;
  bool is_left_alone_ = false;
  std::size_t seen_ = 0;           // entries of the log
  std::vector<std::size_t> open_;  // of these, what had not ended
  std::uint64_t runs_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace simulation
