#pragma once

#include <cliffracer/detail/link/message_headers.hpp>

#include <nlohmann/json.hpp>
#include <string>

namespace cliffracer::detail {

/// A message from the broker.
struct Inbound {
  std::string subject{};
  std::string reply{};          ///< Where an answer goes; empty: nobody waits for one.
  MessageHeaders headers{};     ///< As far as they are usable.
  nlohmann::json payload{};     ///< Parsed; an empty payload is an empty object.
  std::string payload_error{};  ///< Not empty: why the payload was refused. Then `payload` is null.
};

}  // namespace cliffracer::detail
