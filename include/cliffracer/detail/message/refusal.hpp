#pragma once

#include <cliffracer/detail/link/message_headers.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// Why a request got no result. The codes are HTTP's: 400 and 404 are the caller's mistake, and the same
/// request will fail again; 429 and 503 pass: another replica, or this one later, will take it; 500 is the
/// method's own failure.
struct Refusal {
  int code = 0;
  std::string text{};
};

[[nodiscard]] inline Refusal bad_payload(std::string why) { return {.code = 400, .text = std::move(why)}; }
[[nodiscard]] inline Refusal unknown_method(std::string_view method) {
  return {.code = 404, .text = "Unknown method: " + std::string{method}};
}
[[nodiscard]] inline Refusal overloaded() { return {.code = 429, .text = "service is overloaded"}; }
[[nodiscard]] inline Refusal method_failed(std::string why) { return {.code = 500, .text = std::move(why)}; }
[[nodiscard]] inline Refusal stopping() { return {.code = 503, .text = "service is stopping"}; }

/// By which clients of NATS's services protocol know an error.
[[nodiscard]] inline MessageHeaders error_headers(const Refusal& refusal) {
  MessageHeaders headers;
  headers.service_error = error_header_text(refusal.text);
  headers.service_error_code = refusal.code;
  return headers;
}

}  // namespace cliffracer::detail
