#pragma once

#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/link/received_text.hpp>
#include <cliffracer/detail/text/json_text.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// A message as it is on the wire.
struct BrokerMessage {
  std::string subject{};
  std::string payload{};
  std::string reply_to{};
  MessageHeaders headers{};
  bool no_responders = false;  ///< The broker's own answer: nobody serves the subject.

  /// As the broker measures it against max_payload: with the headers.
  [[nodiscard]] std::size_t size() const { return payload.size() + wire_bytes(headers); }
};

using SharedMessage = std::shared_ptr<const BrokerMessage>;

/// The message as its receiver reads it from the wire.
[[nodiscard]] inline ReceivedText text_of(const BrokerMessage& message) {
  return {.subject = message.subject,
          .reply = message.reply_to,
          .correlation_id = message.headers.correlation_id,
          .trace = message.headers.trace,
          .service_error = message.headers.service_error,
          .payload = message.payload,
          .no_responders = message.no_responders};
}

/// The payload; as a string when it is no JSON, or nested too deep to be copied safely.
[[nodiscard]] inline nlohmann::json json_of(const BrokerMessage& message) {
  constexpr std::size_t deepest = 1024;
  if (message.payload.empty()) return nlohmann::json::object();
  try {
    return parse_bounded(message.payload, std::numeric_limits<std::size_t>::max(), deepest);
  } catch (const std::invalid_argument&) {
    return message.payload;
  }
}

/// Whether a subscription to `pattern` hears `subject`: `*` is one token, `>` one or more at the end. Both
/// are well-formed.
[[nodiscard]] constexpr bool subject_matches(std::string_view pattern, std::string_view subject) noexcept {
  for (;;) {
    if (pattern == ">") return true;
    const std::size_t end = pattern.find('.');
    const std::size_t dot = subject.find('.');
    const std::string_view token = pattern.substr(0, end);
    if (token != "*" && token != subject.substr(0, dot)) return false;
    if (end == std::string_view::npos || dot == std::string_view::npos) return end == dot;
    pattern.remove_prefix(end + 1);
    subject.remove_prefix(dot + 1);
  }
}

}  // namespace cliffracer::detail
