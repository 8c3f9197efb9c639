// Replies: whatever another service, or somebody who claims to be one, answers, the caller gets the result or
// an RpcError.
//
// Input: a line with the end of the reply's subject, and then the reply's payload.

#include <cliffracer/detail/message/reply.hpp>
#include <cliffracer/detail/text/json_text.hpp>

#include "fuzz.hpp"
#include "service_side.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using cliffracer::RpcError;
using fuzz::require;
using nlohmann::json;

/// How many arrays and objects are open at once in `value`, without recursion.
std::size_t depth_of(const json& value) {
  std::size_t deepest = 0;
  std::vector<std::pair<const json*, std::size_t>> open{{&value, 1}};
  while (!open.empty()) {
    const auto [current, depth] = open.back();
    open.pop_back();
    if (!current->is_structured()) continue;
    deepest = std::max(deepest, depth);
    for (const json& inner : *current) open.emplace_back(&inner, depth + 1);
  }
  return deepest;
}

/// The payload is refused for what the limits say, and for what is no JSON, and for nothing else.
void check_payload(std::string_view text, const cliffracer::detail::Inbound& inbound) {
  if (text.empty()) {
    require(inbound.payload == json::object() && inbound.payload_error.empty(),
            "no payload is an empty object");
    return;
  }
  // Without exceptions, which are slow. The parser takes a NUL for the end.
  const json parsed = json::parse(text, nullptr, false);
  const bool good = !parsed.is_discarded() && depth_of(parsed) <= fuzz::max_json_depth &&
                    text.find('\0') == std::string_view::npos;
  require(inbound.payload_error.empty() == good, "what is JSON within the limits is taken, and nothing else");
  if (good) {
    require(inbound.payload == parsed, "the payload is what the text says");
    return;
  }
  require(inbound.payload.is_null(), "a refused payload is not there");
  require(!fuzz::has_control(inbound.payload_error) && inbound.payload_error.size() < 128,
          "a refusal is one line, and does not repeat the text");
}

void check_result(const json& reply) {
  const bool has_error = reply.is_object() && reply.contains("error");
  const bool has_result = reply.is_object() && reply.contains("result");
  try {
    const json result = cliffracer::detail::result_of(reply, "orders", "place_order");
    require(has_result && !has_error, "only a reply with a result and without an error has one");
    require(result == reply.at("result"), "the result is the reply's");
  } catch (const RpcError& error) {
    require(error.service() == "orders" && error.method() == "place_order",
            "an RpcError says what was called");
    require(std::string_view{error.what()}.starts_with("orders.place_order"), "and so does its text");
    if (has_error) {
      const json& said = reply.at("error");
      require(error.reason() == RpcError::Reason::remote, "an error in a reply is a remote one");
      require(!said.is_string() || error.detail() == said.get_ref<const std::string&>(), "its text is kept");
    } else {
      require(!has_result && error.reason() == RpcError::Reason::bad_reply, "another reply is a bad one");
    }
  }
}

/// The number that a subject's end says: digits and nothing before them.
std::uint64_t number_of(std::string_view end) {
  constexpr std::uint64_t most = 1'000'000'000'000'000'000;
  std::uint64_t number = 0;
  for (const char c : end) {
    if (c < '0' || c > '9') break;
    if (number >= most) return 0;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Parts parts{data, size, '\n'};
  const std::string end{parts.next()};
  const std::string_view text = parts.rest();
  const auto message = fuzz::received_reply(std::string{fuzz::inbox_prefix} + "." + end, text);
  if (const std::uint64_t number = number_of(end.c_str()); number != 0)
    require(message.request_id == number, "a reply finds its request");
  require(!message.no_responders, "only the broker says that nobody serves a method");
  check_payload(text, message.inbound);
  if (message.inbound.payload_error.empty()) check_result(message.inbound.payload);
  return 0;
}
