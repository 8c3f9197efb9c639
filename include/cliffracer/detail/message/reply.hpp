#pragma once

#include <cliffracer/detail/json_text.hpp>
#include <cliffracer/detail/message/timestamp.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// What a caller gets: `{"result": ..., "timestamp": ..., "correlation_id": ...}`. Bytes in the result that
/// are no UTF-8 are replaced.
[[nodiscard]] inline std::string result_reply(nlohmann::json result, const std::string& correlation_id,
                                              std::chrono::system_clock::time_point now) {
  nlohmann::json reply = nlohmann::json::object();
  reply["result"] = std::move(result);
  reply["timestamp"] = iso_timestamp(now);
  reply["correlation_id"] = correlation_id;
  return to_text(reply);
}

/// The same for a failure, with "error" in the place of "result".
[[nodiscard]] inline std::string error_reply(std::string_view error, const std::string& correlation_id,
                                             std::chrono::system_clock::time_point now) {
  nlohmann::json reply = nlohmann::json::object();
  reply["error"] = error;
  reply["timestamp"] = iso_timestamp(now);
  reply["correlation_id"] = correlation_id;
  return to_text(reply);
}

}  // namespace cliffracer::detail
