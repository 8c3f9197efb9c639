#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

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

/// The last callback of a subscription.
inline void on_complete(void* closure) { delete static_cast<Subscription*>(closure); }

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
  const auto& subscription = *static_cast<Subscription*>(closure);
  try {
    subscription.core->received(to_inbox_message(subscription, message));
  } catch (...) {
    subscription.core->receive_failed();
  }
}

}  // namespace nats_callbacks

}  // namespace cliffracer::detail
