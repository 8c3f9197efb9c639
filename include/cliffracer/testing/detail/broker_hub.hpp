#pragma once

#include <cliffracer/detail/time/splitmix64.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/testing/detail/broker_connection.hpp>
#include <cliffracer/testing/detail/broker_message.hpp>
#include <cliffracer/testing/detail/broker_schedule.hpp>
#include <cliffracer/testing/detail/broker_store_server.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// A client of an in-process broker, whether it is connected or not.
class BrokerClient {
 public:
  virtual ~BrokerClient() = default;

  [[nodiscard]] virtual const BrokerClientName& client() const = 0;
  /// Its connection hangs, or does not any more; nothing happens when it has none.
  virtual void hang(bool is_hung) = 0;
  /// Its connection ends, if it has one.
  virtual void disconnect(std::string_view why) = 0;
};

/// A message that has reached the broker.
struct BrokerRecord {
  TimePoint at;
  BrokerClientName client;
  SharedMessage message;
};

/// An in-process broker: takes messages to those who have subscribed to them, and lets go wrong what a test
/// wants to go wrong. Only on the event loop's thread.
class BrokerHub {
 public:
  /// `keep_messages`: in the journal. `most_replicas`: of a stream.
  BrokerHub(asio::io_context& context, TimerQueue& queue, std::uint64_t seed, std::size_t most_payload,
            bool keep_messages, std::size_t most_replicas)
      : max_payload{most_payload},
        schedule{std::make_shared<BrokerSchedule>(context, queue)},
        random_{seed},
        keeps_messages_{keep_messages},
        // Random numbers of its own: without it everything else is as it was.
        store_{schedule, ~seed, most_replicas, [this](const SharedMessage& reply) { answer(reply); }} {}
  BrokerHub(const BrokerHub&) = delete;
  BrokerHub& operator=(const BrokerHub&) = delete;
  ~BrokerHub() { schedule->clear(); }

  const std::size_t max_payload;
  const std::shared_ptr<BrokerSchedule> schedule;

  // Clients. Each is here from its construction to its destruction.

  void add(BrokerClient& client) { clients_.push_back(&client); }
  void remove(BrokerClient& client) noexcept { std::erase(clients_, &client); }

  /// Why no connection is to be had for a client; empty: it is.
  [[nodiscard]] std::string_view refusal(const BrokerClientName& client) const {
    if (!is_running_) return "connection refused";
    return is_cut_off(client) ? "no route to host" : std::string_view{};
  }

  /// It lasts until its owner ends it. What it receives comes on `at_client`.
  [[nodiscard]] std::shared_ptr<BrokerConnection> connect(BrokerClientName client,
                                                          std::shared_ptr<BrokerSchedule> at_client,
                                                          BrokerConnection::Receive receive) {
    std::erase_if(connections_, [](const auto& connection) { return connection.expired(); });
    auto made = std::make_shared<BrokerConnection>(std::move(client), std::move(at_client), deliveries_,
                                                   std::move(receive));
    connections_.push_back(made);
    return made;
  }

  /// A message from `sender` has reached the broker.
  void publish(const SharedMessage& message, BrokerConnection& sender) {
    note(sender.client(), message);
    const bool is_heard = route(message);
    const bool is_stored = store_.hear(message);
    if (!is_heard && !is_stored && !message->reply_to.empty()) {
      const BrokerMessage answer{.subject = message->reply_to, .no_responders = true};
      deliver(sender, std::make_shared<const BrokerMessage>(answer), 0);
    }
  }

  [[nodiscard]] BrokerStoreServer& store() noexcept { return store_; }

  [[nodiscard]] const BrokerDeliveries& deliveries() const noexcept { return deliveries_; }
  [[nodiscard]] const std::vector<BrokerRecord>& journal() const noexcept { return journal_; }
  void clear_journal() noexcept { journal_.clear(); }

  // Faults.

  void set_latency(std::chrono::nanoseconds least, std::chrono::nanoseconds most) noexcept {
    least_latency_ = least;
    most_latency_ = most;
  }

  void set_loss(double probability) noexcept { loss_ = probability; }

  void cut_off(std::string service) {
    cut_off_.insert(std::move(service));
    update_hung();
  }
  void heal(const std::string& service) {
    cut_off_.erase(service);
    update_hung();
  }
  void cut_off_site(std::size_t site) {
    cut_off_sites_.insert(site);
    update_hung();
  }
  void heal_site(std::size_t site) {
    cut_off_sites_.erase(site);
    update_hung();
  }
  void heal_all() {
    cut_off_.clear();
    cut_off_sites_.clear();
    update_hung();
  }

  /// Ends the connections from there, which say nothing any more; others can be made. What the broker has
  /// sent on them can still be read.
  void give_up_site(std::size_t site) {
    for (const auto& weak : connections_) {
      const auto connection = weak.lock();
      if (connection && connection->client().site == site) connection->receive_due();
    }
    disconnect_site(site, "the broker has given the connection up");
  }

  /// There is nobody any more.
  void remove_site(std::size_t site) {
    removed_sites_.insert(site);
    disconnect_site(site, "the process has crashed");
  }

  void stop() {
    is_running_ = false;
    store_.drop_waiting();
    for (BrokerClient* const client : clients_) client->disconnect("the broker hung up");
  }
  void start() noexcept { is_running_ = true; }
  [[nodiscard]] bool is_running() const noexcept { return is_running_; }

 private:
  using Target = std::pair<std::shared_ptr<BrokerConnection>, std::uint64_t>;  // and a subscription of it

  [[nodiscard]] bool is_cut_off(const BrokerClientName& client) const {
    return cut_off_.contains(client.service) || cut_off_sites_.contains(client.site) ||
           removed_sites_.contains(client.site);
  }

  void disconnect_site(std::size_t site, std::string_view why) {
    for (BrokerClient* const client : clients_) {
      if (client->client().site == site) client->disconnect(why);
    }
  }

  void update_hung() {
    for (BrokerClient* const client : clients_) client->hang(is_cut_off(client->client()));
  }

  void note(const BrokerClientName& client, const SharedMessage& message) {
    if (keeps_messages_) journal_.push_back({schedule->now(), client, message});
  }

  /// To those who have subscribed to it. False: nobody has.
  bool route(const SharedMessage& message) {
    std::vector<Target> targets;
    std::map<std::string_view, std::vector<Target>> groups;
    for (const auto& weak : connections_) {
      const auto connection = weak.lock();
      if (!connection) continue;
      for (const WantedSubscription& wanted : connection->subscriptions()) {
        if (!subject_matches(wanted.subject, message->subject)) continue;
        (wanted.queue_group.empty() ? targets : groups[wanted.queue_group])
            .emplace_back(connection, wanted.id);
      }
    }
    for (const auto& [group, members] : groups) targets.push_back(members[random_.below(members.size())]);
    for (const auto& [connection, subscription] : targets) deliver(*connection, message, subscription);
    return !targets.empty();
  }

  /// JetStream's own.
  void answer(const SharedMessage& reply) {
    note({.service = "$JS"}, reply);
    route(reply);
  }

  void deliver(BrokerConnection& to, SharedMessage message, std::uint64_t subscription) {
    if (random_.is_true_with(loss_)) {
      ++deliveries_.lost;
      return;
    }
    to.deliver(std::move(message), subscription, some_latency());
  }

  [[nodiscard]] std::chrono::nanoseconds some_latency() noexcept {
    const auto span = static_cast<std::uint64_t>((most_latency_ - least_latency_).count());
    return least_latency_ + std::chrono::nanoseconds{random_.below(span + 1)};
  }

  RandomSequence random_;
  const bool keeps_messages_;
  std::vector<BrokerRecord> journal_;
  BrokerDeliveries deliveries_;
  std::vector<BrokerClient*> clients_;
  std::vector<std::weak_ptr<BrokerConnection>> connections_;
  std::chrono::nanoseconds least_latency_{0};
  std::chrono::nanoseconds most_latency_{0};
  double loss_ = 0;
  std::set<std::string> cut_off_;  // services
  std::set<std::size_t> cut_off_sites_;
  std::set<std::size_t> removed_sites_;
  bool is_running_ = true;
  BrokerStoreServer store_;
};

}  // namespace cliffracer::detail
