#pragma once

#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/error.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// `time` as ISO 8601 in UTC with microseconds: "2024-02-29T23:59:59.000042Z".
[[nodiscard]] inline std::string iso_timestamp(std::chrono::system_clock::time_point time) {
  namespace chrono = std::chrono;
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date{day};
  const chrono::hh_mm_ss clock{chrono::floor<chrono::microseconds>(time - day)};
  std::array<char, 64> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

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

/// The result in a reply. Throws RpcError for an error in it.
[[nodiscard]] inline nlohmann::json result_of(nlohmann::json reply, const std::string& service,
                                              const std::string& method) {
  if (reply.is_object()) {
    if (const auto error = reply.find("error"); error != reply.end()) {
      throw RpcError{RpcError::Reason::remote, service, method,
                     error->is_string() ? error->get<std::string>() : to_text(*error)};
    }
    if (const auto result = reply.find("result"); result != reply.end()) return std::move(*result);
  }
  throw RpcError{RpcError::Reason::bad_reply, service, method, "neither result nor error"};
}

}  // namespace cliffracer::detail
