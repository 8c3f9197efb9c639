#pragma once

#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/detail/broker_schedule.hpp>
#include <cliffracer/testing/detail/drifting_clock.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

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
/// in order of the true instants, one thing at a time, on one thread. The same seed and the same calls give
/// the same history, as far as VirtualTimeOptions::workers_inline says.
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

  VirtualCluster() : VirtualCluster{Options{}} {}
  explicit VirtualCluster(const Options& options)
      : options_{options},
        random_{options.seed},
        time_{time_options(options.seed)},
        broker_{time_, options.broker} {
    time_.is_in_cluster_ = true;
    while (replicas_.size() < options.replicas) add_replica();
  }
  VirtualCluster(const VirtualCluster&) = delete;
  VirtualCluster& operator=(const VirtualCluster&) = delete;

  // ---- Replicas and services

  [[nodiscard]] std::size_t size() const noexcept { return replicas_.size(); }

  /// One more, which begins now: in place of one that has crashed, or to share its work. Returns its number.
  std::size_t add_replica() {
    const std::size_t site = replicas_.size() + 1;
    auto added = std::make_unique<Replica>(time_options(options_.seed == 0 ? 0 : random_.next() | 1U), *this);
    added->time.jump(elapsed());
    added->time.is_in_cluster_ = true;
    auto schedule = std::make_shared<detail::BrokerSchedule>(added->time.context(), added->time.queue_);
    broker_.serve(added->time, std::move(schedule), site);
    replicas_.push_back(std::move(added));
    return site - 1;
  }

  /// A replica's clocks, for RunLog, VirtualTime::elapsed(), context() and call_at(), which go by them. What
  /// moves time throws std::logic_error; jump() in a method of the replica holds up its event loop until the
  /// others have come that far.
  [[nodiscard]] VirtualTime& time(std::size_t replica) { return at(replica).time; }

  /// Its faults concern all replicas, or go by services' names.
  [[nodiscard]] Broker& broker() noexcept { return broker_; }

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
    auto made = at(replica).time.make<Service>(std::forward<Arguments>(arguments)...);
    return Owned<Service>{made.release(), {this, replica}};
  }

  /// co_await service.start(), to its end. Throws what that throws.
  void start(std::size_t replica, NatsService& service) { run(replica, service.start()); }
  /// co_await service.stop(), to its end.
  void stop(std::size_t replica, NatsService& service) { run(replica, service.stop()); }

  // ---- Time

  /// True time since the start.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept { return time_.elapsed(); }

  /// Lets everything happen that is due within `duration` (>= 0), which includes its last instant.
  void advance(std::chrono::nanoseconds duration) { run_until(elapsed() + duration); }

  /// Lets everything happen that is due until `since_start`, which is not in the past.
  void run_until(std::chrono::nanoseconds since_start) {
    if (since_start < elapsed()) throw std::invalid_argument{"VirtualCluster: time does not run backwards"};
    settle();
    for (;;) {
      const std::chrono::nanoseconds next = next_instant();
      if (next > since_start) break;
      step(next);
    }
    move_to(since_start);
  }

  /// Moves to the next instant at which something is due, and lets the first thing there happen. False when
  /// nothing is waiting.
  bool run_next() {
    settle();
    const std::chrono::nanoseconds next = next_instant();
    if (next == never) return false;
    step(next);
    return true;
  }

  /// Lets everything happen that needs no time.
  void settle() {
    if (inside_) throw std::logic_error{"VirtualCluster is moved by a method that runs in it"};
    const VirtualTime::Inside inside{inside_};
    settle_all();
  }

  /// Runs `task` in a replica to its end and moves time as far as it needs. Returns or throws what it does;
  /// throws std::runtime_error when it has not ended after `limit` of true time.
  template <class Result>
  Result run(std::size_t replica, asio::awaitable<Result> task,
             std::chrono::nanoseconds limit = std::chrono::hours{24}) {
    return run_on(at(replica).time, std::move(task), limit);
  }

  /// The same for a task of the test's own: cluster.run(cluster.broker().call_rpc("a", "b")).
  template <class Result>
  Result run(asio::awaitable<Result> task, std::chrono::nanoseconds limit = std::chrono::hours{24}) {
    return run_on(time_, std::move(task), limit);
  }

  /// Calls `action` when `since_start` of true time has come. What it throws leaves advance().
  void call_at(std::chrono::nanoseconds since_start, std::function<void()> action) {
    time_.call_at(since_start, std::move(action));
  }

  // ---- Clocks

  /// Somebody sets a replica's wall clock: it shows `duration` more than before (less, if negative).
  void step_wall_clock(std::size_t replica, std::chrono::nanoseconds duration) {
    at(replica).time.step_wall_clock(duration);
  }

  /// From here on both clocks of a replica run `rate` times as fast as true time: 1.0001 gains 8.6 s a day.
  /// Throws std::invalid_argument unless it is 0.5 to 2.
  void set_rate(std::size_t replica, double rate) {
    if (!(rate >= detail::DriftingClock::least_rate && rate <= detail::DriftingClock::most_rate))
      throw std::invalid_argument{"VirtualCluster: a clock's rate is 0.5 to 2"};
    at(replica).clock.set_rate(rate, elapsed());
  }

  // ---- Faults

  /// A replica gets no turn while time passes, as after SIGSTOP: also not for what is ready already. What is
  /// sent to it piles up, and after `connection_patience` the broker gives its connection up.
  void pause(std::size_t replica) {
    Replica& paused = at(replica);
    if (!paused.is_alive()) return;
    paused.is_paused = true;
    const auto end = detail::later(broker_.hub_->schedule->now(), options_.connection_patience);
    paused.patience.at(end, [this, site = replica + 1] { broker_.hub_->give_up_site(site); });
  }

  /// Ends the pause: the replica sees all the time that has passed at once.
  void resume(std::size_t replica) {
    Replica& resumed = at(replica);
    resumed.is_paused = false;
    resumed.patience.cancel();
  }

  /// As Broker::partition(), for all services of a replica.
  void partition(std::size_t replica) {
    static_cast<void>(at(replica));
    broker_.hub_->cut_off_site(replica + 1);
  }
  /// Ends the partition; so does Broker::heal() for all.
  void heal(std::size_t replica) {
    static_cast<void>(at(replica));
    broker_.hub_->heal_site(replica + 1);
  }

  /// A replica never gets a turn again, as after SIGKILL. What it has sent has reached the broker, which sees
  /// its connection end; what it had not sent yet never will be. (A machine without power is one that is
  /// paused for ever.)
  void crash(std::size_t replica) {
    Replica& crashed = at(replica);
    crashed.is_crashed = true;
    crashed.patience.cancel();
    broker_.hub_->remove_site(replica + 1);
  }

  [[nodiscard]] bool is_paused(std::size_t replica) const { return at(replica).is_paused; }
  [[nodiscard]] bool is_crashed(std::size_t replica) const { return at(replica).is_crashed; }

 private:
  static constexpr std::chrono::nanoseconds never = detail::DriftingClock::never;

  struct Replica {
    Replica(const VirtualTimeOptions& options, VirtualCluster& cluster)
        : time{options}, patience{cluster.broker_.hub_->schedule} {}

    [[nodiscard]] bool is_alive() const noexcept { return !is_paused && !is_crashed; }

    VirtualTime time;
    detail::DriftingClock clock;
    detail::BrokerWake patience;  // the broker's, with a replica that is paused
    bool is_paused = false;
    bool is_crashed = false;
  };

  [[nodiscard]] VirtualTimeOptions time_options(std::uint64_t seed) const {
    return {.seed = seed,
            .workers_inline = options_.workers_inline,
            .wall_clock = options_.wall_clock,
            .patience = options_.patience};
  }

  [[nodiscard]] Replica& at(std::size_t replica) const {
    if (replica >= replicas_.size())
      throw std::out_of_range{"VirtualCluster: there is no replica " + std::to_string(replica)};
    return *replicas_[replica];
  }

  /// Which of so many has its turn first.
  [[nodiscard]] std::size_t some_of(std::size_t count) noexcept {
    return options_.seed == 0 || count < 2 ? 0 : static_cast<std::size_t>(random_.below(count));
  }

  // Places: 0 is the broker's, each replica has one more than its number.

  [[nodiscard]] std::size_t places() const noexcept { return replicas_.size() + 1; }
  [[nodiscard]] VirtualTime& time_at(std::size_t place) noexcept {
    return place == 0 ? time_ : replicas_[place - 1]->time;
  }
  [[nodiscard]] bool gets_turns(std::size_t place) const noexcept {
    return place == 0 || (replicas_[place - 1]->is_alive() && !is_ahead(*replicas_[place - 1]));
  }

  /// Lets everything happen in one place that needs no time. False: there was nothing.
  bool settle_one(std::size_t place) {
    bool has_happened = false;
    while (gets_turns(place) && time_at(place).turn()) has_happened = true;
    return has_happened;
  }

  void settle_all() {
    // Once around without anything happening. What happens at one place may concern all others.
    std::size_t idle = 0;
    for (std::size_t place = some_of(places()); idle < places(); place = (place + 1) % places())
      idle = settle_one(place) ? 1 : idle + 1;
  }

  /// A method has jumped: the replica does nothing until then.
  [[nodiscard]] bool is_ahead(const Replica& replica) const noexcept {
    return replica.time.elapsed() > replica.clock.shown_at(elapsed());
  }

  // ---- What is next, in true time; `never`: nothing

  [[nodiscard]] std::chrono::nanoseconds next_of(Replica& replica) const {
    if (!replica.is_alive()) return never;
    if (is_ahead(replica)) return replica.clock.truth_at(replica.time.elapsed());
    const detail::TimePoint due = replica.time.next_instant();
    if (due == detail::never) return never;
    return std::max(elapsed(), replica.clock.truth_at(VirtualTime::since_start(due)));
  }

  [[nodiscard]] std::chrono::nanoseconds next_of_broker() {
    const detail::TimePoint due = time_.next_instant();
    return due == detail::never ? never : std::max(elapsed(), VirtualTime::since_start(due));
  }

  /// Looks for the places that are first.
  std::chrono::nanoseconds next_instant() {
    std::chrono::nanoseconds next = never;
    first_.clear();
    for (std::size_t place = 0; place < places(); ++place) {
      const std::chrono::nanoseconds due = place == 0 ? next_of_broker() : next_of(*replicas_[place - 1]);
      if (due == never || due > next) continue;
      if (due < next) first_.clear();
      next = due;
      first_.push_back(place);
    }
    return next;
  }

  /// Lets one of the first things happen, which are at `next`, with all that it causes.
  void step(std::chrono::nanoseconds next) {
    const VirtualTime::Inside inside{inside_};
    const std::size_t place = first_[some_of(first_.size())];
    move_to(next);
    time_at(place).queue_.fire(1);
    settle_one(place);
    settle_all();
  }

  void move_to(std::chrono::nanoseconds since_start) {
    show(time_, since_start);
    for (const auto& replica : replicas_) {
      if (!replica->is_crashed) show(replica->time, replica->clock.shown_at(since_start));
    }
  }

  static void show(VirtualTime& time, std::chrono::nanoseconds since_start) {
    if (since_start > time.elapsed()) time.jump(since_start - time.elapsed());
  }

  template <class Result>
  Result run_on(VirtualTime& time, asio::awaitable<Result> task, std::chrono::nanoseconds limit) {
    const auto ending = time.begin(std::move(task));
    const std::chrono::nanoseconds deadline = elapsed() + limit;
    settle();
    while (!ending->has_ended) {
      const std::chrono::nanoseconds next = next_instant();
      if (next == never)
        throw std::runtime_error{"VirtualCluster: nothing is due any more, and the task has not ended"};
      if (next > deadline) {
        throw std::runtime_error{"VirtualCluster: the task has not ended after " +
                                 std::to_string(std::chrono::duration<double>{limit}.count()) + " s"};
      }
      step(next);
    }
    return ending->result();
  }

  void stop_at_last(std::size_t replica, NatsService& service) noexcept {
    Replica& last = at(replica);
    try {
      if (last.is_alive()) return stop(replica, service);
      crash(replica);
      last.time.is_in_cluster_ = false;
      last.time.stop_at_last(service);
    } catch (const std::exception&) {
      // Its destructor says that it still runs.
    }
    last.time.is_in_cluster_ = true;
  }

  const Options options_;
  detail::RandomSequence random_;
  VirtualTime time_;  // the broker's, which is the true one
  std::vector<std::unique_ptr<Replica>> replicas_;
  Broker broker_;                   // it ends before them
  std::vector<std::size_t> first_;  // places where something is due next
  bool inside_ = false;
};

}  // namespace cliffracer::testing
