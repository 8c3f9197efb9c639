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
#include <utility>
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

  /// Time passes and nothing gets a turn.
  void jump(Nanos duration) {
    time.jump(duration);
    jumped += duration;
    jumped_to = now();
  }

  /// Something is awake because its time has come.
  void woke(const Waiting& waiting) {
    ++wakes;
    woken = waiting;
  }

  /// A method asks for a stop. It takes effect when the method has given the
  /// event loop back.
  void request_stop(std::size_t service) {
    services[service]->request_stop();
    requests_.push_back(service);
  }
  void event_loop_is_free() {
    for (const std::size_t service : std::exchange(requests_, {})) models[service].stop_requested(now());
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
  int wakes = 0;   // of what was woken because its time had come
  Waiting woken;   // the newest of them
  Nanos jumped{};  // by methods
  std::string failure;

  Nanos jumped_to{};  // where the newest jump has ended

 private:
  std::vector<std::size_t> requests_;
};

}  // namespace simulation
