#pragma once

#include "simulation/failure.hpp"
#include "simulation/plan.hpp"
#include "simulation/random.hpp"
#include "simulation/service_model.hpp"
#include "simulation/waiting.hpp"

#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace simulation {

/// What the services of a world share with those who watch them.
class Stage {
 public:
  explicit Stage(const Plan& world)
      : plan{world},
        time{{.seed = world.is_shuffled ? world.seed : 0, .workers_inline = !world.has_worker_threads}},
        random{world.seed + 0x51a9e} {}

  [[nodiscard]] Nanos now() const { return time.elapsed(); }

  /// What the wall clock shows at the start of the world, as it is set now.
  [[nodiscard]] Nanos clock() const { return time.wall_clock().time_since_epoch() - now(); }

  /// Time passes and nothing gets a turn.
  void jump(Nanos duration) {
    time.jump(duration);
    jumped += duration;
    jumped_to = now();
  }

  // Groups: each strand is one, but that coroutines come before timers.
  static constexpr std::size_t actions = 0;
  [[nodiscard]] static constexpr std::size_t timers_of(std::size_t service) { return 2 * service + 1; }
  [[nodiscard]] static constexpr std::size_t coroutines_of(std::size_t service) { return 2 * service + 2; }

  /// Something is awake because its time has come.
  /// `group`: those that are served in one step have their turns in order.
  void woke(Waiting waiting, std::size_t group) {
    waiting.group = group;
    woken.push_back(waiting);
  }

  /// A method asks for a stop, which begins when it has given the event loop back.
  void request_stop(std::size_t service) {
    services[service]->request_stop();
    models[service].stop_requested();
  }

  /// Runs a check where an exception would be taken for the method's own. The
  /// first failure is kept.
  template <class Check>
  void watch(std::size_t service, Check check) {
    try {
      check();
    } catch (const Failure& caught) {
      if (failure.empty()) failure = "s" + std::to_string(service) + ": " + caught.what();
    }
  }
  template <class Check>
  void watch(std::size_t service, std::size_t timer, Check check) {
    try {
      check();
    } catch (const Failure& caught) {
      if (failure.empty())
        failure = "s" + std::to_string(service) + ".t" + std::to_string(timer) + ": " + caught.what();
    }
  }

  const Plan& plan;
  cliffracer::testing::VirtualTime time;
  Random random;
  std::vector<ServiceModel> models;
  std::vector<cliffracer::NatsService*> services;

  // Of the step that is going on.
  std::uint64_t step = 1;
  std::vector<Waiting> woken;  // because their time had come
  bool has_skipped = false;    // a timer was woken only to skip what it has missed
  Nanos jumped{};              // by methods
  std::string failure;

  Nanos jumped_to{};  // where the newest jump has ended
};

}  // namespace simulation
