#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/testing/store_faults.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer::detail {

class BrokerCore;

}  // namespace cliffracer::detail

namespace cliffracer::testing {

/// How a Broker is.
struct BrokerOptions {
  /// Decides latencies, losses and which member of a queue group gets a message; empty: that of the
  /// VirtualTime.
  std::optional<std::uint64_t> seed{};
  /// Longer messages are refused; > 0.
  std::size_t max_payload = 1024 * 1024;
  /// False: events() stays empty, for tests so long that they would fill the memory.
  bool keep_events = true;
  /// Of how many servers it is: JetStream refuses streams with more replicas; >= 1.
  std::size_t servers = 1;
};

/// A message that has reached the broker.
struct BrokerEvent {
  std::chrono::nanoseconds at{};  ///< When that was, since the start of the VirtualTime.
  std::string service{};          ///< Who has published it; empty: the test itself; "$JS": JetStream.
  std::string subject{};
  nlohmann::json payload{};              ///< What is no JSON, as a string.
  std::string correlation_id{};          ///< The header of that name, or empty.
  std::string traceparent{};             ///< The header of that name, or empty.
  std::string service_error{};           ///< The header Nats-Service-Error, or empty.
  int service_error_code = 0;            ///< The header Nats-Service-Error-Code, or 0.
  std::optional<std::size_t> replica{};  ///< On which that service is, in a VirtualCluster.
};

/// A message that JetStream keeps.
struct StoredEvent {
  std::string subject{};
  std::string payload{};
  std::uint64_t sequence = 0;  ///< In its stream.
};

/// A NATS broker inside the test, for the services of one VirtualTime: they connect to it, whatever address
/// they have. No server is needed, and what passes between them takes virtual time, if any.
///
///     VirtualTime time;
///     Broker broker{time};
///     const auto orders = time.make<Orders>();
///     const auto billing = time.make<Billing>();
///     time.start(*orders);
///     time.start(*billing);
///     broker.partition("billing");
///     time.advance(1h);
///     CHECK(broker.events("orders.*").size() == 60);
///
/// It is as core NATS is: `*` and `>` in subjects, queue groups (each message goes to one member, any of
/// them), requests that nobody serves are answered at once, order is kept between two services, delivery is
/// at most once. One connection per service; what a service publishes reaches the broker at once, and from
/// there each receiver after set_latency(). Of JetStream it has what key-value buckets need: STREAM.INFO,
/// STREAM.CREATE, STREAM.DELETE and STREAM.MSG.GET under `$JS.API.`, and for messages to a stream's subjects
/// acknowledgement, expected sequence per subject, limits and age. Left out: accounts, TLS, slow consumers,
/// the rest of JetStream (consumers, deleting of messages, deduplication, mirrors).
///
/// Faults have effect from the instant of their call; VirtualTime::call_at() calls them at another. A service
/// whose connection ends tries again as its configuration says, and what it publishes meanwhile waits in its
/// outbox. The same seed and the same calls give the same history, as far as plain methods do not publish
/// from several worker threads at once (VirtualTimeOptions::workers_inline).
///
/// Thread safety: only the thread that moves the time; there also inside coroutine methods and call_at().
///
/// Object lifetimes: `time` must outlive the broker; the broker should outlive the run of its services, for
/// which it has gone for good after its end, as after stop(). One per VirtualTime at a time;
/// replicas with clocks of their own share one in a VirtualCluster.
class Broker final {
 public:
  using Options = BrokerOptions;

  /// From here on services that start find it. Throws std::logic_error when `time` has one already.
  explicit Broker(VirtualTime& time, const Options& options = {});
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();

  // ---- What was published

  /// Everything that has reached the broker so far, in order, but for requests and their replies. Messages of
  /// call_async() are among it: on the wire they look like events.
  [[nodiscard]] std::vector<BrokerEvent> events() const;

  /// The same on the subjects of `pattern`, which may have wildcards: all that a listener there would have
  /// heard, had nothing gone wrong on the way; requests and replies as well. Throws std::invalid_argument for
  /// an impossible pattern.
  [[nodiscard]] std::vector<BrokerEvent> events(std::string_view pattern) const;

  /// What JetStream keeps now on the subjects of `pattern`, oldest first in each stream. Throws
  /// std::invalid_argument for an impossible pattern.
  [[nodiscard]] std::vector<StoredEvent> stored(std::string_view pattern) const;

  void clear_events() noexcept;

  /// Messages that have arrived: one that goes to three subscriptions counts as three.
  [[nodiscard]] std::uint64_t delivered() const noexcept;
  /// Messages that were on their way to a subscription and did not arrive: by set_loss(), or because their
  /// receiver's connection or subscription ended first.
  [[nodiscard]] std::uint64_t lost() const noexcept;

  // ---- The test as another program: neither partition() nor loss on the way to the broker concerns it

  /// Publishes at once. `correlation_id` and `traceparent` become headers unless they are empty; of
  /// `traceparent` nothing is sent when W3C has it ignored. Throws std::invalid_argument for a subject that
  /// cannot be published to, std::system_error: message_size above `max_payload`, not_connected after stop().
  void publish(std::string subject, const nlohmann::json& payload, std::string correlation_id = {},
               std::string_view traceparent = {});

  /// The same with any payload, which need not be JSON.
  void publish_text(std::string subject, std::string payload, std::string correlation_id = {},
                    std::string_view traceparent = {});

  /// Calls a method of a service, as NatsService::call_rpc() does: time.run(broker.call_rpc("a", "b")).
  /// `timeout` is > 0. The broker must outlive the call.
  [[nodiscard]] asio::awaitable<nlohmann::json> call_rpc(
      std::string service, std::string method, nlohmann::json arguments = {},
      std::chrono::nanoseconds timeout = std::chrono::seconds{30});

  /// The first answer to a JSON object sent to any subject, whoever answers there, which events("_INBOX.>")
  /// has all of. Throws as call_rpc(), but for the errors in an answer, which it returns. `timeout` is > 0.
  /// The broker must outlive the call.
  [[nodiscard]] asio::awaitable<nlohmann::json> request(
      std::string subject, nlohmann::json object = {},
      std::chrono::nanoseconds timeout = std::chrono::seconds{30});

  // ---- Faults

  /// How long a message is on its way from the broker to a receiver; >= 0. A call and its answer take two of
  /// them.
  void set_latency(std::chrono::nanoseconds latency);
  /// Each message takes another time between the two, and is never faster than one before it to the same
  /// service. Throws std::invalid_argument unless 0 <= least <= most.
  void set_latency(std::chrono::nanoseconds least, std::chrono::nanoseconds most);

  /// Each message to a subscription gets lost with this probability. Throws std::invalid_argument unless it
  /// is 0 to 1.
  void set_loss(double probability);

  /// From here on JetStream is so; without faults as at first. What was waiting for its delay keeps it.
  /// Throws std::invalid_argument for a delay or a probability out of range.
  void set_store(const StoreFaults& faults = {});

  /// JetStream loses the newest messages that each stream keeps, though it has acknowledged them, as servers
  /// do that fail before they have written them to their disks. Sequence numbers go back, too.
  void forget(std::size_t newest);

  /// Cuts services, by their names, off from the broker, and so from each other: their connections hang.
  /// What is sent on them, in either direction, waits and arrives after heal(), or is lost (the sender counts
  /// it as `unconfirmed`) when the connection is given up, which is 6 s later, as in production. New
  /// connections fail at once. Concerns services that are not started yet, too.
  template <std::convertible_to<std::string_view>... Services>
  requires(sizeof...(Services) > 0) void partition(const Services&... services) {
    (cut_off(std::string_view{services}), ...);
  }

  /// Ends the partition for these services; without a name for all.
  template <std::convertible_to<std::string_view>... Services>
  void heal(const Services&... services) {
    if constexpr (sizeof...(Services) == 0) reconnect_all();
    (reconnect(std::string_view{services}), ...);
  }

  /// An outage: every connection ends at once, new ones fail, and what is on its way is lost.
  void stop();
  /// Ends the outage. Services are back with their next attempt.
  void start() noexcept;

 private:
  friend class detail::BrokerCore;

  void cut_off(std::string_view service);
  void reconnect(std::string_view service);
  void reconnect_all();

  const std::unique_ptr<detail::BrokerCore> core_;
};

}  // namespace cliffracer::testing

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/testing/impl/broker.ipp>
#endif
