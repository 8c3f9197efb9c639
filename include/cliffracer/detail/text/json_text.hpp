#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// How many arrays and objects are open at once at most in the JSON `text`, counted without parsing it.
/// Brackets in strings do not count. Right for every well-formed text; never less than what the parser would
/// build.
[[nodiscard]] constexpr std::size_t nesting_depth(std::string_view text) noexcept {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\')
        ++at;  // whatever is escaped ends no string
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > deepest) deepest = depth;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

/// `text` as JSON. The bounds are tested before anything is parsed: nlohmann::json copies and prints by
/// recursion, so that one deep text could end the process. Throws std::invalid_argument; its message never
/// repeats the text.
[[nodiscard]] inline nlohmann::json parse_bounded(std::string_view text, std::size_t max_bytes,
                                                  std::size_t max_depth) {
  if (text.size() > max_bytes)
    throw std::invalid_argument{"payload of " + std::to_string(text.size()) + " bytes exceeds the limit of " +
                                std::to_string(max_bytes) + " bytes"};
  if (nesting_depth(text) > max_depth)
    throw std::invalid_argument{"JSON is nested deeper than the limit of " + std::to_string(max_depth) +
                                " levels"};
  // The parser takes a NUL for the end of the text, whatever stands behind it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    throw std::invalid_argument{"malformed JSON at byte " + std::to_string(nul + 1)};
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    // Its what() quotes the text, which is somebody else's data.
    throw std::invalid_argument{"malformed JSON at byte " + std::to_string(error.byte)};
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument{"JSON holds a number out of range"};
  }
}

/// `value` as JSON text. Bytes that are no UTF-8 become U+FFFD instead of an exception.
[[nodiscard]] inline std::string to_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// `arguments` as the text of a JSON object; null is an empty one.
[[nodiscard]] inline std::string object_text(std::string_view operation, const nlohmann::json& arguments) {
  if (arguments.is_null()) return "{}";
  if (!arguments.is_object()) {
    throw std::invalid_argument{std::string{operation} + ": a JSON object is needed, not " +
                                arguments.type_name()};
  }
  return to_text(arguments);
}

}  // namespace cliffracer::detail
