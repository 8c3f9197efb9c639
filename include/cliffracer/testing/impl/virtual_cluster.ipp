#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/detail/virtual_cluster_core.hpp>
#include <cliffracer/testing/virtual_cluster.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace cliffracer::testing {

CLIFFRACER_DECL VirtualCluster::VirtualCluster() : VirtualCluster{Options{}} {}

CLIFFRACER_DECL VirtualCluster::VirtualCluster(const Options& options)
    : core_{std::make_unique<detail::VirtualClusterCore>(
          VirtualTimeOptions{.seed = options.seed,
                             .workers_inline = options.workers_inline,
                             .wall_clock = options.wall_clock,
                             .patience = options.patience},
          options.broker, options.connection_patience)} {
  while (size() < options.replicas) add_replica();
}

CLIFFRACER_DECL VirtualCluster::~VirtualCluster() = default;

// ---- Replicas and services

CLIFFRACER_DECL std::size_t VirtualCluster::size() const noexcept { return core_->size(); }

CLIFFRACER_DECL std::size_t VirtualCluster::add_replica() { return core_->add_replica(); }

CLIFFRACER_DECL VirtualTime& VirtualCluster::time(std::size_t replica) { return core_->at(replica).time; }

CLIFFRACER_DECL Broker& VirtualCluster::broker() noexcept { return core_->broker(); }

CLIFFRACER_DECL void VirtualCluster::start(std::size_t replica, NatsService& service) {
  run(replica, service.start());
}

CLIFFRACER_DECL void VirtualCluster::stop(std::size_t replica, NatsService& service) {
  run(replica, service.stop());
}

CLIFFRACER_DECL void VirtualCluster::stop_at_last(std::size_t replica, NatsService& service) noexcept {
  core_->stop_at_last(replica, service);
}

// ---- Time

CLIFFRACER_DECL std::chrono::nanoseconds VirtualCluster::elapsed() const noexcept { return core_->elapsed(); }

CLIFFRACER_DECL void VirtualCluster::advance(std::chrono::nanoseconds duration) {
  run_until(elapsed() + duration);
}

CLIFFRACER_DECL void VirtualCluster::run_until(std::chrono::nanoseconds since_start) {
  core_->run_until(since_start);
}

CLIFFRACER_DECL bool VirtualCluster::run_next() { return core_->run_next(); }

CLIFFRACER_DECL void VirtualCluster::settle() { core_->settle(); }

CLIFFRACER_DECL void VirtualCluster::run_in_replica(std::size_t replica, asio::awaitable<void> task,
                                                    std::chrono::nanoseconds limit) {
  core_->run(core_->at(replica).core, std::move(task), limit);
}

CLIFFRACER_DECL void VirtualCluster::run_apart(asio::awaitable<void> task, std::chrono::nanoseconds limit) {
  core_->run(core_->true_time(), std::move(task), limit);
}

CLIFFRACER_DECL void VirtualCluster::call_at(std::chrono::nanoseconds since_start,
                                             std::function<void()> action) {
  core_->call_at(since_start, std::move(action));
}

// ---- Clocks

CLIFFRACER_DECL void VirtualCluster::step_wall_clock(std::size_t replica, std::chrono::nanoseconds duration) {
  core_->at(replica).time.step_wall_clock(duration);
}

CLIFFRACER_DECL void VirtualCluster::set_rate(std::size_t replica, double rate) {
  core_->set_rate(replica, rate);
}

// ---- Faults

CLIFFRACER_DECL void VirtualCluster::pause(std::size_t replica) { core_->pause(replica); }

CLIFFRACER_DECL void VirtualCluster::resume(std::size_t replica) { core_->resume(replica); }

CLIFFRACER_DECL void VirtualCluster::partition(std::size_t replica) { core_->partition(replica); }

CLIFFRACER_DECL void VirtualCluster::heal(std::size_t replica) { core_->heal(replica); }

CLIFFRACER_DECL void VirtualCluster::crash(std::size_t replica) { core_->crash(replica); }

CLIFFRACER_DECL bool VirtualCluster::is_paused(std::size_t replica) const {
  return core_->at(replica).is_paused;
}

CLIFFRACER_DECL bool VirtualCluster::is_crashed(std::size_t replica) const {
  return core_->at(replica).is_crashed;
}

}  // namespace cliffracer::testing
