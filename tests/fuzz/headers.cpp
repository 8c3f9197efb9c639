// Headers and log lines: text from outside becomes one header, one line of a log, and nothing else.
//
// Input: two lines, of which the second may have anything in it: what nats.c says, the text.

#include <cliffracer/detail/link/link_log.hpp>
#include <cliffracer/detail/link/request_text.hpp>
#include <cliffracer/detail/message/correlation_id.hpp>
#include <cliffracer/detail/message/prepared_message.hpp>
#include <cliffracer/detail/text/escaped.hpp>

#include "fuzz.hpp"
#include "service_side.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace {

using namespace cliffracer::detail;
using fuzz::require;

/// The lines of a header block, by the rule that a receiver goes by: each ends at CR LF, or at any part of
/// it.
std::size_t lines_in(std::string_view block) {
  std::size_t lines = 0;
  bool in_line = false;
  for (const char c : block) {
    const bool ends = c == '\r' || c == '\n' || c == '\0';
    if (!ends && !in_line) ++lines;
    in_line = !ends;
  }
  return lines;
}

void check_header(std::string_view text) {
  const std::string header = header_text(text);
  require(!fuzz::has_control(header), "a header's value holds no control character");
  require(header.size() <= 256, "a header's value is short");
  require(lines_in("NATS/1.0\r\ncorrelation_id: " + header + "\r\n\r\n") == 2, "one header stays one");
  require(header_text(header) == header, "what is clean stays as it is");
  std::size_t at = 0;
  for (const char c : header) {
    at = text.find(c, at);
    require(at != std::string_view::npos, "nothing is added to a header's value");
    ++at;
  }
}

void check_correlation_id(std::string_view text) {
  const bool usable = is_usable_correlation_id(text);
  if (usable) require(header_text(text) == text, "a correlation id goes into a header as it is");
  require(usable == (!text.empty() && text.size() <= 256 && !fuzz::has_control(text)),
          "a correlation id is short and has no control character");

  // What came in a header, through nats.c, which ends it at a NUL.
  const std::string header{text};
  const std::string value = std::string{header.c_str()}.substr(0, 256);
  const PreparedMessage job = prepare_message(fuzz::received_with_header(header));
  const std::string& id = job.context->correlation_id();
  require(job.payload_error.empty(), "an empty object is a payload");
  require(is_usable_correlation_id(id), "every message has a usable correlation id");
  if (is_usable_correlation_id(value))
    require(id == value, "a usable correlation id is kept");
  else
    require(id.size() == 36, "for an unusable correlation id another is made");
}

/// What escaped() has made of a text, undone.
std::string unescaped(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    if (text[0] != '\\') {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    require(text.size() > 1, "no escape sequence is cut");
    if (text[1] == 'x') {
      require(text.size() > 3, "no escape sequence is cut");
      out += static_cast<char>(hex.find(text[2]) * 16 + hex.find(text[3]));
      text.remove_prefix(4);
      continue;
    }
    const std::size_t known = std::string_view{"nrt\\"}.find(text[1]);
    require(known != std::string_view::npos, "no other escape sequence is made");
    out += std::string_view{"\n\r\t\\"}[known];
    text.remove_prefix(2);
  }
  return out;
}

void check_log_text(std::string_view text) {
  constexpr std::size_t limit = 64;
  const std::string whole = escaped(text, text.size());
  require(!fuzz::shows_control(whole), "no control character gets into a log");
  require(unescaped(whole) == text, "escaped text says what the text was");
  const std::string cut = escaped(text, limit);
  require(!fuzz::shows_control(cut), "no control character gets into a log");
  require(cut.size() <= 4 * limit + 32, "text in a log is short");
  if (text.size() > limit) {
    const std::string note = "... (" + std::to_string(text.size()) + " bytes)";
    require(cut.ends_with(note), "cut text says so");
    require(unescaped(cut.substr(0, cut.size() - note.size())) == text.substr(0, limit),
            "cut text is the beginning");
  }
}

void check_traceparent(std::string_view text) {
  const auto trace = parse_traceparent(text);
  if (!trace) return;
  require(trace->is_valid(), "a trace that is read is one");
  const std::string written = traceparent_of(*trace);
  require(parse_traceparent(written) == trace, "what is written can be read");
  require(written.substr(2) == text.substr(2, 53), "a trace is written as it was read, but for the version");
}

void check_service_error(std::string_view text) {
  const std::string header = error_header_text(text);
  require(!header.empty() && header.size() <= 255, "an error has a short text");
  for (const char c : header) require(c >= 0x20 && c < 0x7f, "it is printable ASCII");
  require(header.front() != ' ' && header.back() != ' ', "no blank is at its ends");
  require(header_text(header) == header, "it goes into a header as it is");
}

void check_error_text(std::string_view said, std::string_view text) {
  const std::string without = without_source_places(std::string{said});
  require(without.size() <= said.size(), "leaving out places makes no text longer");
  const std::string both = with_detail(std::string{said}, text);
  require(both.find(said) != std::string::npos && both.find(text) != std::string::npos,
          "a text with its detail holds both");
  require(both.size() <= said.size() + text.size() + 2, "each is in it once");
  const auto error = rpc_error(cliffracer::RpcError::Reason::bad_reply, std::string{said}, std::string{text});
  require(error.detail() == text && said.starts_with(error.service()) && said.ends_with(error.method()),
          "an RpcError names what was called");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Parts parts{data, size, '\n'};
  const std::string_view said = parts.next();
  const std::string_view text = parts.rest();
  check_header(text);
  check_correlation_id(text);
  check_traceparent(text);
  check_service_error(text);
  check_log_text(text);
  check_error_text(said, text);
  return 0;
}
