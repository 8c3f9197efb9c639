#pragma once

#include <cliffracer/detail/link/subscriptions.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/testing/detail/broker_message.hpp>
#include <cliffracer/testing/detail/broker_schedule.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// Who a client of an in-process broker is.
struct BrokerClientName {
  std::string service{};  ///< Empty: the test itself.
  std::size_t site = 0;   ///< The machine that it is on; 0: the broker's.
};

/// What became of the messages that were on their way from the broker to a receiver.
struct BrokerDeliveries {
  std::uint64_t arrived = 0;
  std::uint64_t lost = 0;
};

/// One connection to an in-process broker, from its beginning to its end: what it has subscribed to, and what
/// is on its way in either direction, in order. Only on the event loop.
class BrokerConnection {
 public:
  /// Takes a message for one of the subscriptions.
  using Receive = std::function<void(const BrokerMessage&, std::uint64_t subscription)>;

  /// `client` is who has made it, `schedule` is on its event loop; `deliveries` must outlive it.
  BrokerConnection(BrokerClientName client, std::shared_ptr<BrokerSchedule> schedule,
                   BrokerDeliveries& deliveries, Receive receive)
      : client_{std::move(client)},
        schedule_{std::move(schedule)},
        deliveries_{deliveries},
        receive_{std::move(receive)},
        wake_{schedule_} {}
  BrokerConnection(const BrokerConnection&) = delete;
  BrokerConnection& operator=(const BrokerConnection&) = delete;
  ~BrokerConnection() { deliveries_.lost += incoming_.size(); }

  [[nodiscard]] const BrokerClientName& client() const noexcept { return client_; }
  [[nodiscard]] const std::vector<WantedSubscription>& subscriptions() const noexcept {
    return subscriptions_;
  }

  /// To the broker: at once, or when the connection does not hang any more.
  void send(std::function<void()> action) {
    if (is_hung_)
      outgoing_.push_back(std::move(action));
    else
      action();
  }

  void subscribe(WantedSubscription wanted) { subscriptions_.push_back(std::move(wanted)); }
  void unsubscribe_all_but_replies() {
    std::erase_if(subscriptions_, [](const WantedSubscription& wanted) { return wanted.id != 0; });
  }

  /// From the broker, after `latency`, or later with what was sent before: nothing is overtaken.
  void deliver(SharedMessage message, std::uint64_t subscription, std::chrono::nanoseconds latency) {
    const TimePoint due = later(schedule_->now(), latency);
    if (incoming_.empty() && !is_hung_ && due <= schedule_->now()) return arrive(*message, subscription);
    incoming_.push_back({std::move(message), subscription, due});
    await_first();
  }

  [[nodiscard]] bool is_hung() const noexcept { return is_hung_; }

  /// Nothing gets through in either direction, as when a cable is pulled.
  void hang() {
    is_hung_ = true;
    wake_.cancel();
  }

  /// What has waited gets through.
  void resume() {
    is_hung_ = false;
    for (const auto& action : std::exchange(outgoing_, {})) action();
    // Which may have been answered at once: what is first is another one now.
    wake_.cancel();
    receive_due();
    await_first();
  }

  /// What is due arrives now, though the receiver's event loop does not turn.
  void receive_due() {
    while (!is_hung_ && !incoming_.empty() && incoming_.front().due <= schedule_->now()) first_arrives();
  }

 private:
  struct Incoming {
    SharedMessage message;
    std::uint64_t subscription;
    TimePoint due;
  };

  void await_first() {
    if (incoming_.empty() || is_hung_ || wake_.is_set()) return;
    wake_.at(incoming_.front().due, [this] {
      first_arrives();
      await_first();
    });
  }

  void first_arrives() {
    const Incoming first = std::move(incoming_.front());
    incoming_.pop_front();
    arrive(*first.message, first.subscription);
  }

  void arrive(const BrokerMessage& message, std::uint64_t subscription) {
    // It may have been given up meanwhile.
    const bool is_wanted =
        std::any_of(subscriptions_.begin(), subscriptions_.end(),
                    [&](const WantedSubscription& wanted) { return wanted.id == subscription; });
    ++(is_wanted ? deliveries_.arrived : deliveries_.lost);
    if (is_wanted) receive_(message, subscription);
  }

  const BrokerClientName client_;
  const std::shared_ptr<BrokerSchedule> schedule_;
  BrokerDeliveries& deliveries_;
  const Receive receive_;
  std::vector<WantedSubscription> subscriptions_;
  std::deque<Incoming> incoming_;
  std::vector<std::function<void()>> outgoing_;
  BrokerWake wake_;
  bool is_hung_ = false;
};

}  // namespace cliffracer::detail
