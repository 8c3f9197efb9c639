#pragma once

#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/detail/broker_core.hpp>
#include <cliffracer/testing/detail/broker_schedule.hpp>
#include <cliffracer/testing/detail/drifting_clock.hpp>
#include <cliffracer/testing/detail/virtual_time_core.hpp>
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

namespace cliffracer::detail {

/// What a testing::VirtualCluster is, which documents the public functions: the broker with the true time,
/// the replicas, and who has the next turn.
class VirtualClusterCore {
 public:
  static constexpr std::chrono::nanoseconds never = DriftingClock::never;

  struct Replica {
    Replica(const testing::VirtualTimeOptions& options, const BrokerHub& hub)
        : time{options}, core{VirtualTimeCore::of(time)}, patience{hub.schedule} {}

    [[nodiscard]] bool is_alive() const noexcept { return !is_paused && !is_crashed; }

    testing::VirtualTime time;
    VirtualTimeCore& core;
    DriftingClock clock;
    BrokerWake patience;  // the broker's, with a replica that is paused
    bool is_paused = false;
    bool is_crashed = false;
  };

  /// Without replicas. `options` are those of the true time, and but for the seed those of each replica.
  VirtualClusterCore(const testing::VirtualTimeOptions& options, const testing::BrokerOptions& broker,
                     std::chrono::nanoseconds connection_patience)
      : options_{options},
        connection_patience_{connection_patience},
        random_{options.seed},
        time_{options},
        broker_{time_, broker} {
    true_time_.enter_cluster();
  }
  VirtualClusterCore(const VirtualClusterCore&) = delete;
  VirtualClusterCore& operator=(const VirtualClusterCore&) = delete;

  // ---- Replicas

  [[nodiscard]] std::size_t size() const noexcept { return replicas_.size(); }

  std::size_t add_replica() {
    const std::size_t site = replicas_.size() + 1;
    testing::VirtualTimeOptions options = options_;
    if (options.seed != 0) options.seed = random_.next() | 1U;
    auto added = std::make_unique<Replica>(options, hub_);
    added->time.jump(elapsed());
    added->core.enter_cluster();
    auto schedule = std::make_shared<BrokerSchedule>(added->time.context(), added->core.queue());
    BrokerCore::of(broker_).serve(added->core, std::move(schedule), site);
    replicas_.push_back(std::move(added));
    return site - 1;
  }

  [[nodiscard]] Replica& at(std::size_t replica) const {
    if (replica >= replicas_.size())
      throw std::out_of_range{"VirtualCluster: there is no replica " + std::to_string(replica)};
    return *replicas_[replica];
  }

  [[nodiscard]] testing::Broker& broker() noexcept { return broker_; }
  /// The broker's.
  [[nodiscard]] VirtualTimeCore& true_time() noexcept { return true_time_; }

  // ---- Time

  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept { return time_.elapsed(); }

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

  bool run_next() {
    settle();
    const std::chrono::nanoseconds next = next_instant();
    if (next == never) return false;
    step(next);
    return true;
  }

  void settle() {
    if (inside_) throw std::logic_error{"VirtualCluster is moved by a method that runs in it"};
    const VirtualTimeCore::Inside inside{inside_};
    settle_all();
  }

  /// Returns when `task` has ended, which is on the event loop of `time`.
  void run(VirtualTimeCore& time, asio::awaitable<void> task, std::chrono::nanoseconds limit) {
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
    if (ending->thrown) std::rethrow_exception(ending->thrown);
  }

  void call_at(std::chrono::nanoseconds since_start, std::function<void()> action) {
    time_.call_at(since_start, std::move(action));
  }

  // ---- Clocks and faults

  void set_rate(std::size_t replica, double rate) {
    if (!(rate >= DriftingClock::least_rate && rate <= DriftingClock::most_rate))
      throw std::invalid_argument{"VirtualCluster: a clock's rate is 0.5 to 2"};
    at(replica).clock.set_rate(rate, elapsed());
  }

  void pause(std::size_t replica) {
    Replica& paused = at(replica);
    if (!paused.is_alive()) return;
    paused.is_paused = true;
    const auto end = later(hub_.schedule->now(), connection_patience_);
    paused.patience.at(end, [this, site = replica + 1] { hub_.give_up_site(site); });
  }

  void resume(std::size_t replica) {
    Replica& resumed = at(replica);
    resumed.is_paused = false;
    resumed.patience.cancel();
  }

  void partition(std::size_t replica) {
    static_cast<void>(at(replica));
    hub_.cut_off_site(replica + 1);
  }
  void heal(std::size_t replica) {
    static_cast<void>(at(replica));
    hub_.heal_site(replica + 1);
  }

  void crash(std::size_t replica) {
    Replica& crashed = at(replica);
    crashed.is_crashed = true;
    crashed.patience.cancel();
    hub_.remove_site(replica + 1);
  }

  /// Stops a service, in the cluster or, where it gets no turn there, apart from it.
  void stop_at_last(std::size_t replica, NatsService& service) noexcept {
    Replica& last = at(replica);
    try {
      if (last.is_alive()) return run(last.core, service.stop(), std::chrono::hours{24});
      crash(replica);
      last.core.leave_cluster();
      last.time.stop(service);
    } catch (const std::exception&) {
      // Its destructor says that it still runs.
    }
    last.core.enter_cluster();
  }

 private:
  /// Which of so many has its turn first.
  [[nodiscard]] std::size_t some_of(std::size_t count) noexcept {
    return options_.seed == 0 || count < 2 ? 0 : static_cast<std::size_t>(random_.below(count));
  }

  // Places: 0 is the broker's, each replica has one more than its number.

  [[nodiscard]] std::size_t places() const noexcept { return replicas_.size() + 1; }
  [[nodiscard]] VirtualTimeCore& time_at(std::size_t place) noexcept {
    return place == 0 ? true_time_ : replicas_[place - 1]->core;
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
    const TimePoint due = replica.core.next_instant();
    if (due == detail::never) return never;
    return std::max(elapsed(), replica.clock.truth_at(testing::VirtualTime::since_start(due)));
  }

  [[nodiscard]] std::chrono::nanoseconds next_of_broker() {
    const TimePoint due = true_time_.next_instant();
    return due == detail::never ? never : std::max(elapsed(), testing::VirtualTime::since_start(due));
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

  /// One place of those that are first, which is at `next`, takes a step, with all that it causes.
  void step(std::chrono::nanoseconds next) {
    const VirtualTimeCore::Inside inside{inside_};
    const std::size_t place = first_[some_of(first_.size())];
    move_to(next);
    time_at(place).fire();
    settle_one(place);
    settle_all();
  }

  void move_to(std::chrono::nanoseconds since_start) {
    show(time_, since_start);
    for (const auto& replica : replicas_) {
      if (!replica->is_crashed) show(replica->time, replica->clock.shown_at(since_start));
    }
  }

  static void show(testing::VirtualTime& time, std::chrono::nanoseconds since_start) {
    if (since_start > time.elapsed()) time.jump(since_start - time.elapsed());
  }

  const testing::VirtualTimeOptions options_;
  const std::chrono::nanoseconds connection_patience_;
  RandomSequence random_;
  testing::VirtualTime time_;  // the broker's, which is the true one
  VirtualTimeCore& true_time_{VirtualTimeCore::of(time_)};
  std::vector<std::unique_ptr<Replica>> replicas_;
  testing::Broker broker_;  // it ends before them
  BrokerHub& hub_{BrokerCore::of(broker_).hub()};
  std::vector<std::size_t> first_;  // places where something is due next
  bool inside_ = false;
};

}  // namespace cliffracer::detail
