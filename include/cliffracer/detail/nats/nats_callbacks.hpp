#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/received_text.hpp>
#include <cliffracer/detail/nats/c_api.hpp>

namespace cliffracer::detail {

/// Callbacks of nats.c: its threads call them, nothing may leave them.
namespace nats_callbacks {

struct Connection {
  std::shared_ptr<LinkCore> core;
  std::uint64_t generation;
};

struct Subscription {
  std::shared_ptr<LinkCore> core;
  std::uint64_t id;  // 0: replies
};

/// The subscriptions of the process whose messages are wanted. A callback brings the number of its
/// subscription and not a pointer to it: nats.c tells that the last callback has ended only if that was asked
/// for before the connection ended, so a closure might have to be kept for ever.
class SubscriptionRegistry {
 public:
  /// Never destroyed: threads of nats.c may still run when the process exits.
  [[nodiscard]] static SubscriptionRegistry& of_process() {
    static SubscriptionRegistry& registry = *new SubscriptionRegistry;
    return registry;
  }

  /// Numbers are not used twice, so a late message cannot reach another subscription.
  [[nodiscard]] std::uintptr_t add(Subscription subscription) {
    const std::unique_lock lock{mutex_};
    entries_.emplace(++newest_, std::move(subscription));
    return newest_;
  }

  /// A callback that has found its subscription before may still be running afterwards.
  void remove(std::uintptr_t number) {
    const std::unique_lock lock{mutex_};
    entries_.erase(number);
  }

  [[nodiscard]] std::optional<Subscription> find(std::uintptr_t number) const {
    const std::shared_lock lock{mutex_};
    const auto found = entries_.find(number);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uintptr_t, Subscription> entries_;
  std::uintptr_t newest_ = 0;
};

/// A subscription in the registry, as long as this lives.
class WantedMessages {
 public:
  explicit WantedMessages(Subscription subscription)
      : number_{SubscriptionRegistry::of_process().add(std::move(subscription))} {}

  WantedMessages(WantedMessages&& other) noexcept : number_{std::exchange(other.number_, 0)} {}
  WantedMessages& operator=(WantedMessages&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  ~WantedMessages() {
    if (number_ != 0) SubscriptionRegistry::of_process().remove(number_);
  }

  /// For on_message.
  [[nodiscard]] void* closure() const noexcept { return std::bit_cast<void*>(number_); }

 private:
  std::uintptr_t number_;
};

/// The last callback of a connection that was made: its closure is freed here and nowhere else.
inline void on_closed(natsConnection* /*connection*/, void* closure) {
  const std::unique_ptr<Connection> connection{static_cast<Connection*>(closure)};
  connection->core->connection_closed(connection->generation);
}

inline void on_error(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsStatus status,
                     void* closure) {
  try {
    static_cast<Connection*>(closure)->core->note_problem(nats_category().message(static_cast<int>(status)));
  } catch (...) {
    // Without memory there is no text either.
  }
}

[[nodiscard]] inline std::string_view header_of(natsMsg* message, const char* name) {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, name, &value) != NATS_OK || value == nullptr) return {};
  return value;
}

[[nodiscard]] inline InboxMessage to_inbox_message(const Subscription& subscription, natsMsg* message) {
  const char* reply = natsMsg_GetReply(message);
  const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  const ReceivedText text{
      .subject = natsMsg_GetSubject(message),
      .reply = reply == nullptr ? "" : reply,
      .correlation_id = header_of(message, header_names::correlation_id),
      .trace = parse_traceparent(header_of(message, header_names::traceparent)).value_or(Trace{}),
      .service_error = header_of(message, header_names::service_error),
      .payload = {size == 0 ? "" : natsMsg_GetData(message), size},
      .no_responders = natsMsg_IsNoResponders(message)};
  return detail::to_inbox_message(text, subscription.id, subscription.core->inbox_prefix,
                                  subscription.core->config);
}

inline void on_message(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsMsg* message,
                       void* closure) {
  if (message == nullptr) return;
  const NatsHandle<natsMsg> owner{message};
  const auto subscription = SubscriptionRegistry::of_process().find(std::bit_cast<std::uintptr_t>(closure));
  if (!subscription) return;
  try {
    subscription->core->received(to_inbox_message(*subscription, message));
  } catch (...) {
    subscription->core->receive_failed();
  }
}

}  // namespace nats_callbacks

}  // namespace cliffracer::detail
