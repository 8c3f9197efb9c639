#pragma once

#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/testing/detail/broker_jetstream.hpp>
#include <cliffracer/testing/detail/broker_message.hpp>
#include <cliffracer/testing/detail/broker_schedule.hpp>
#include <cliffracer/testing/store_faults.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// JetStream of an in-process broker: what it does when, and what goes wrong with it. Only on the event loop.
class BrokerStoreServer {
 public:
  /// Sends an answer.
  using Send = std::function<void(const SharedMessage&)>;

  BrokerStoreServer(std::shared_ptr<BrokerSchedule> schedule, std::uint64_t seed, std::size_t most_replicas,
                    Send send)
      : schedule_{std::move(schedule)}, random_{seed}, jetstream_{most_replicas}, send_{std::move(send)} {}
  BrokerStoreServer(const BrokerStoreServer&) = delete;
  BrokerStoreServer& operator=(const BrokerStoreServer&) = delete;

  /// A message has reached the broker. False: it is none that JetStream hears.
  bool hear(const SharedMessage& message) {
    if (faults_.is_off || !jetstream_.hears(message->subject)) return false;
    const TimePoint due = later(schedule_->now(), some(faults_.request_delay));
    if (random_.is_true_with(faults_.lost_requests)) return true;
    if (BrokerJetStream::only_reads(message->subject)) {
      at(due, [this, message] { apply(message); });
      return true;
    }
    // What changes something is applied in the order in which it came.
    last_write_ = std::max(due, last_write_);
    ++writes_waiting_;
    const auto write = [this, message] {
      --writes_waiting_;
      apply(message);
    };
    if (writes_waiting_ == 1)
      at(last_write_, write);
    else
      schedule(last_write_, write);
    return true;
  }

  void set_faults(const testing::StoreFaults& faults) {
    faults_ = faults;
    if (faults.is_off) drop_waiting();
  }

  /// It ends, or its broker does: what is stored stays, what was not done yet never is.
  void drop_waiting() noexcept {
    ++generation_;
    writes_waiting_ = 0;
    last_write_ = TimePoint{};
  }

  void forget(std::size_t newest) { jetstream_.forget(newest); }

  [[nodiscard]] std::vector<StoredMessage> messages() { return jetstream_.messages(schedule_->now()); }

 private:
  [[nodiscard]] std::chrono::nanoseconds some(const testing::StoreDelay& delay) noexcept {
    const auto span = static_cast<std::uint64_t>((delay.most - delay.least).count());
    return delay.least + std::chrono::nanoseconds{random_.below(span + 1)};
  }

  void at(TimePoint due, std::function<void()> action) {
    if (due <= schedule_->now())
      action();
    else
      schedule(due, std::move(action));
  }

  void schedule(TimePoint due, std::function<void()> action) {
    schedule_->add(due, [this, generation = generation_, action = std::move(action)] {
      if (generation == generation_) action();
    });
  }

  void apply(const SharedMessage& message) {
    const auto answer = jetstream_.take(message, {schedule_->now(), schedule_->wall_clock()});
    if (answer.stored_in && random_.is_true_with(faults_.forgotten_writes)) answer.stored_in->forget(1);
    if (answer.text.empty() || message->reply_to.empty()) return;
    const TimePoint due = later(schedule_->now(), some(faults_.answer_delay));
    if (random_.is_true_with(faults_.lost_answers)) return;
    at(due, [this, reply = std::make_shared<const BrokerMessage>(BrokerMessage{
                       .subject = message->reply_to, .payload = answer.text})] { send_(reply); });
  }

  const std::shared_ptr<BrokerSchedule> schedule_;
  RandomSequence random_;
  BrokerJetStream jetstream_;
  const Send send_;
  testing::StoreFaults faults_;
  TimePoint last_write_{};  // when the newest write is applied
  std::size_t writes_waiting_ = 0;
  std::uint64_t generation_ = 0;  // what was scheduled in an earlier one is not done
};

}  // namespace cliffracer::detail
