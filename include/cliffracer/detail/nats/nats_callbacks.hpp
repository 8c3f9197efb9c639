#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <cliffracer/detail/json_text.hpp>
#include <cliffracer/detail/nats/c_api.hpp>
#include <cliffracer/detail/nats/link_core.hpp>

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

[[nodiscard]] inline std::string header_of(natsMsg* message, const char* name) {
  constexpr std::size_t longest = 256;
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, name, &value) != NATS_OK || value == nullptr) return {};
  return std::string{std::string_view{value}.substr(0, longest)};
}

/// Parses here, on nats.c's thread, so that the event loop need not.
[[nodiscard]] inline InboxMessage to_inbox_message(const Subscription& subscription, natsMsg* message) {
  const ServiceConfig& config = subscription.core->config;
  InboxMessage out;
  out.subscription = subscription.id;
  Inbound& inbound = out.inbound;
  inbound.subject = natsMsg_GetSubject(message);
  if (const char* reply = natsMsg_GetReply(message)) inbound.reply = reply;
  if (subscription.id == 0) {
    const std::string_view id = std::string_view{inbound.subject}.substr(
        std::min(inbound.subject.size(), subscription.core->inbox_prefix.size() + 1));
    std::from_chars(id.data(), id.data() + id.size(), out.request_id);
    out.no_responders = natsMsg_IsNoResponders(message);
  }
  inbound.correlation_id = header_of(message, "correlation_id");
  const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  const std::string_view text{size == 0 ? "" : natsMsg_GetData(message), size};
  try {
    inbound.payload = text.empty() ? nlohmann::json::object()
                                   : parse_bounded(text, config.max_payload_bytes, config.max_json_depth);
    out.bytes = size;
  } catch (const std::invalid_argument& refused) {
    inbound.payload_error = refused.what();
  }
  return out;
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
