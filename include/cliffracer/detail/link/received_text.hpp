#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/service_config.hpp>

namespace cliffracer::detail {

/// A message as the broker hands it over.
struct ReceivedText {
  std::string_view subject;
  std::string_view reply;
  std::string_view correlation_id;  ///< The header of that name.
  Trace trace{};                    ///< The header `traceparent`; invalid: there is none to use.
  std::string_view service_error;   ///< The header Nats-Service-Error.
  std::string_view payload;
  bool no_responders = false;  ///< The broker's own answer: nobody serves the subject.
};

/// Parses, within the config's bounds, so that the event loop need not. `subscription` 0: a reply, to
/// `inbox_prefix`, a dot, and the request's id.
[[nodiscard]] inline InboxMessage to_inbox_message(const ReceivedText& text, std::uint64_t subscription,
                                                   std::string_view inbox_prefix,
                                                   const ServiceConfig& config) {
  constexpr std::size_t longest_id = 256;
  constexpr std::size_t longest_error = 1024;
  InboxMessage out;
  out.subscription = subscription;
  if (subscription == 0) {
    const std::string_view id = text.subject.substr(std::min(text.subject.size(), inbox_prefix.size() + 1));
    std::from_chars(id.data(), id.data() + id.size(), out.request_id);
    out.no_responders = text.no_responders;
  }
  Inbound& inbound = out.inbound;
  inbound.subject = text.subject;
  inbound.reply = text.reply;
  inbound.headers.correlation_id = text.correlation_id.substr(0, longest_id);
  inbound.headers.trace = text.trace;
  if (subscription == 0) inbound.headers.service_error = text.service_error.substr(0, longest_error);
  try {
    inbound.payload = text.payload.empty()
                          ? nlohmann::json::object()
                          : parse_bounded(text.payload, config.max_payload_bytes, config.max_json_depth);
    out.bytes = text.payload.size();
  } catch (const std::invalid_argument& refused) {
    inbound.payload_error = text_of(refused);
  }
  return out;
}

}  // namespace cliffracer::detail
