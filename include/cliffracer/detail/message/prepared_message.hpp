#pragma once

#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/message/correlation_id.hpp>
#include <cliffracer/detail/message/message_context.hpp>
#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/time/time_point.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>

namespace cliffracer::detail {

/// A message made ready for a handler.
struct PreparedMessage {
  Request request;
  std::string reply;          ///< Where an answer goes; empty: nobody waits for one.
  std::string payload_error;  ///< Not empty: why no handler can have it.
  std::shared_ptr<MessageContext> context;
  TimePoint taken{};  ///< When its handling began.
};

/// The correlation id comes from the payload's member of that name, which leaves the payload, else from the
/// header; without a usable one it is made. The work is a span of its own in the trace of the header, or
/// begins one.
[[nodiscard]] inline PreparedMessage prepare_message(Inbound message) {
  PreparedMessage job;
  job.request.subject = std::move(message.subject);
  job.request.payload = std::move(message.payload);
  job.reply = std::move(message.reply);
  job.payload_error = std::move(message.payload_error);
  std::string id;
  if (auto* members = job.request.payload.get_ptr<nlohmann::json::object_t*>(); members != nullptr) {
    if (const auto found = members->find("correlation_id"); found != members->end()) {
      if (found->second.is_string()) id = found->second.get<std::string>();
      members->erase(found);
    }
  } else if (job.payload_error.empty()) {
    job.payload_error = "payload is not a JSON object";
  }
  if (!is_usable_correlation_id(id)) id = std::move(message.headers.correlation_id);
  if (!is_usable_correlation_id(id)) id = make_correlation_id();
  const Trace& sender = message.headers.trace;
  job.context =
      std::make_shared<MessageContext>(std::move(id), sender.is_valid() ? child_of(sender) : Trace{});
  return job;
}

}  // namespace cliffracer::detail
