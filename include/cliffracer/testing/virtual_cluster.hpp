#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace cliffracer::detail {

class VirtualClusterCore;

}  // namespace cliffracer::detail

namespace cliffracer::testing {

/// How a VirtualCluster is.
struct VirtualClusterOptions {
  /// At the start.
  std::size_t replicas = 3;
  /// Decides which replica is first at one instant (0: the first one), and what the seeds of VirtualTime and
  /// Broker decide.
  std::uint64_t seed = 0;
  /// As VirtualTimeOptions::workers_inline.
  bool workers_inline = false;
  /// What all wall clocks show at the start.
  std::chrono::system_clock::time_point wall_clock = VirtualTimeOptions{}.wall_clock;
  /// As VirtualTimeOptions::patience.
  std::chrono::nanoseconds patience = VirtualTimeOptions{}.patience;
  /// Of which an empty seed is that of the cluster.
  BrokerOptions broker{};
  /// How long the broker keeps the connection of a paused replica: nats-server asks three times, each two
  /// minutes after the other.
  std::chrono::nanoseconds connection_patience = std::chrono::minutes{6};
};

/// Many replicas of services, each as on a machine of its own with its own clocks, on one broker. They share
/// no event loop: a replica can stand still, or be gone, while the others go on.
///
///     VirtualCluster cluster{{.replicas = 2}};
///     const auto first = cluster.make<Orders>(0);
///     const auto second = cluster.make<Orders>(1);
///     cluster.start(0, *first);
///     cluster.start(1, *second);
///     cluster.step_wall_clock(1, -300ms);
///     cluster.advance(1h);
///     cluster.pause(0);
///     cluster.advance(1min);
///     cluster.resume(0);
///
/// Time is true time: that of the broker, of events() and of advance(). Each replica has a VirtualTime, on
/// whose clocks it goes; they show the true time until step_wall_clock() and set_rate(). Everything happens
/// in order of the true instants, one step of one replica or of the broker after the other, on one thread. A
/// step is that of VirtualTime. The same seed and the same calls give the same history, as far as
/// VirtualTimeOptions::workers_inline says.
///
/// Latency of the broker is the time from it to the receiver, on the receiver's clock.
///
/// Replicas are numbered from 0. Faults have effect from the instant of their call; call_at() calls them at
/// another. They throw std::out_of_range for a replica that there is not.
///
/// Thread safety: as VirtualTime. From inside a method and call_at() nothing is allowed that moves time.
///
/// Object lifetimes: must outlive its services; make() sees to it that they are stopped first.
class VirtualCluster final {
 public:
  using Options = VirtualClusterOptions;

  VirtualCluster();
  explicit VirtualCluster(const Options& options);
  VirtualCluster(const VirtualCluster&) = delete;
  VirtualCluster& operator=(const VirtualCluster&) = delete;
  ~VirtualCluster();

  // ---- Replicas and services

  [[nodiscard]] std::size_t size() const noexcept;

  /// One more, which begins now: in place of one that has crashed, or to share its work. Returns its number.
  std::size_t add_replica();

  /// A replica's clocks, for RunLog, VirtualTime::elapsed(), context() and call_at(), which go by them. What
  /// moves time throws std::logic_error; jump() in a method of the replica holds up its event loop until the
  /// others have come that far.
  [[nodiscard]] VirtualTime& time(std::size_t replica);

  /// Its faults concern all replicas, or go by services' names.
  [[nodiscard]] Broker& broker() noexcept;

  /// Stops a service before it is deleted.
  struct StopAndDelete {
    VirtualCluster* cluster;
    std::size_t replica;
    template <class Service>
    void operator()(Service* service) const {
      cluster->stop_at_last(replica, *service);
      delete service;
    }
  };
  template <class Service>
  using Owned = std::unique_ptr<Service, StopAndDelete>;

  /// Makes a service that lives in a replica, whichever of its constructors it has. It is stopped, if it
  /// still runs, when the pointer dies, which must not be inside call_at(): where the replica is paused or
  /// has crashed that is apart from the others and without a broker. What its methods do then is no part of
  /// the history any more: is_crashed() and is_paused() tell them. Throws what the constructor throws.
  template <class Service, class... Arguments>
  [[nodiscard]] Owned<Service> make(std::size_t replica, Arguments&&... arguments) {
    auto made = time(replica).make<Service>(std::forward<Arguments>(arguments)...);
    return Owned<Service>{made.release(), {this, replica}};
  }

  /// co_await service.start(), to its end. Throws what that throws.
  void start(std::size_t replica, NatsService& service);
  /// co_await service.stop(), to its end.
  void stop(std::size_t replica, NatsService& service);

  // ---- Time

  /// True time since the start.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept;

  /// Lets everything happen that is due within `duration` (>= 0), which includes its last instant.
  void advance(std::chrono::nanoseconds duration);

  /// Lets everything happen that is due until `since_start`, which is not in the past.
  void run_until(std::chrono::nanoseconds since_start);

  /// Moves to the next instant at which something is due, and lets one step happen there, of one replica or
  /// of the broker. False when nothing is waiting.
  bool run_next();

  /// Lets everything happen that needs no time.
  void settle();

  /// Runs `task` in a replica to its end and moves time as far as it needs. Returns or throws what it does;
  /// throws std::runtime_error when it has not ended after `limit` of true time.
  template <class Result>
  Result run(std::size_t replica, asio::awaitable<Result> task,
             std::chrono::nanoseconds limit = std::chrono::hours{24}) {
    return detail::result_after(std::move(task), [&](asio::awaitable<void> whole) {
      run_in_replica(replica, std::move(whole), limit);
    });
  }

  /// The same for a task of the test's own: cluster.run(cluster.broker().call_rpc("a", "b")).
  template <class Result>
  Result run(asio::awaitable<Result> task, std::chrono::nanoseconds limit = std::chrono::hours{24}) {
    return detail::result_after(std::move(task),
                                [&](asio::awaitable<void> whole) { run_apart(std::move(whole), limit); });
  }

  /// Calls `action` when `since_start` of true time has come. What it throws leaves advance().
  void call_at(std::chrono::nanoseconds since_start, std::function<void()> action);

  // ---- Clocks

  /// Somebody sets a replica's wall clock: it shows `duration` more than before (less, if negative).
  void step_wall_clock(std::size_t replica, std::chrono::nanoseconds duration);

  /// From here on both clocks of a replica run `rate` times as fast as true time: 1.0001 gains 8.6 s a day.
  /// Throws std::invalid_argument unless it is 0.5 to 2.
  void set_rate(std::size_t replica, double rate);

  // ---- Faults

  /// A replica gets no turn while time passes, as after SIGSTOP: also not for what is ready already. What is
  /// sent to it piles up, and after `connection_patience` the broker gives its connection up.
  void pause(std::size_t replica);

  /// Ends the pause: the replica sees all the time that has passed at once.
  void resume(std::size_t replica);

  /// As Broker::partition(), for all services of a replica.
  void partition(std::size_t replica);
  /// Ends the partition; so does Broker::heal() for all.
  void heal(std::size_t replica);

  /// A replica never gets a turn again, as after SIGKILL. What it has sent has reached the broker, which sees
  /// its connection end; what it had not sent yet never will be. (A machine without power is one that is
  /// paused for ever.)
  void crash(std::size_t replica);

  [[nodiscard]] bool is_paused(std::size_t replica) const;
  [[nodiscard]] bool is_crashed(std::size_t replica) const;

 private:
  void run_in_replica(std::size_t replica, asio::awaitable<void> task, std::chrono::nanoseconds limit);
  void run_apart(asio::awaitable<void> task, std::chrono::nanoseconds limit);
  void stop_at_last(std::size_t replica, NatsService& service) noexcept;

  const std::unique_ptr<detail::VirtualClusterCore> core_;
};

}  // namespace cliffracer::testing

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/testing/impl/virtual_cluster.ipp>
#endif
