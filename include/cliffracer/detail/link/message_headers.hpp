#pragma once

#include <cliffracer/detail/text/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// The headers of a message that mean something here.
struct MessageHeaders {
  std::string correlation_id{};  ///< Empty: there is none.
  Trace trace{};                 ///< The sender's span; invalid: there is none. As text: `traceparent`.
  std::string service_error{};   ///< Of a reply that is an error: its text as error_header_text() gives it.
  int service_error_code = 0;    ///< As those of HTTP; 0: there is none.
  /// JetStream stores the message only if this is the sequence number of its subject's newest one; 0: if it
  /// has none.
  std::optional<std::uint64_t> expected_sequence{};

  [[nodiscard]] bool empty() const noexcept {
    return correlation_id.empty() && !trace.is_valid() && service_error.empty() && service_error_code == 0 &&
           !expected_sequence;
  }

  /// What its texts need beyond the object itself.
  [[nodiscard]] std::size_t text_bytes() const noexcept {
    return correlation_id.size() + service_error.size();
  }
};

namespace header_names {

inline constexpr const char* correlation_id = "correlation_id";
inline constexpr const char* traceparent = "traceparent";
inline constexpr const char* service_error = "Nats-Service-Error";
inline constexpr const char* service_error_code = "Nats-Service-Error-Code";
inline constexpr const char* expected_sequence = "Nats-Expected-Last-Subject-Sequence";

}  // namespace header_names

/// Calls `take(name, value)` for each header that there is.
template <class Take>
void for_each_header(const MessageHeaders& headers, Take&& take) {
  if (!headers.correlation_id.empty()) take(header_names::correlation_id, headers.correlation_id);
  if (headers.trace.is_valid()) take(header_names::traceparent, traceparent_of(headers.trace));
  if (!headers.service_error.empty()) take(header_names::service_error, headers.service_error);
  if (headers.service_error_code != 0)
    take(header_names::service_error_code, std::to_string(headers.service_error_code));
  if (headers.expected_sequence)
    take(header_names::expected_sequence, std::to_string(*headers.expected_sequence));
}

/// Their size on the wire, which the broker counts as part of the payload.
[[nodiscard]] inline std::size_t wire_bytes(const MessageHeaders& headers) {
  constexpr std::string_view frame = "NATS/1.0\r\n\r\n";
  constexpr std::string_view line = ": \r\n";
  if (headers.empty()) return 0;
  std::size_t bytes = frame.size();
  for_each_header(headers, [&](std::string_view name, std::string_view value) {
    bytes += name.size() + line.size() + value.size();
  });
  return bytes;
}

/// `text` as the value of a header: one line of at most 255 printable ASCII characters, since clients differ
/// in how they read others; what is none is a blank (a control character) or a question mark. Never empty.
[[nodiscard]] inline std::string error_header_text(std::string_view text) {
  constexpr std::size_t longest = 255;
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0) continue;  // goes on with a character that has its question mark
    const char shown = byte >= 0x80 ? '?' : byte <= 0x20 || byte == 0x7F ? ' ' : c;
    // A blank at an end would not survive the way.
    if (shown == ' ' && out.empty()) continue;
    out += shown;
    if (out.size() == longest) break;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out.empty() ? "unknown error" : out;
}

}  // namespace cliffracer::detail
