#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <cliffracer/detail/text/escaped.hpp>

namespace cliffracer::detail {

/// A longer protocol line makes the broker hang up (its limit is 4096 bytes with two subjects in it).
inline constexpr std::size_t max_subject_bytes = 1024;

namespace subject_rules {

inline constexpr std::string_view token =
    "one NATS subject token (no '.', '*', '>', white space or control character)";
inline constexpr std::string_view empty = "not empty";
inline constexpr std::string_view characters = "without white space and control characters";
inline constexpr std::string_view tokens = "without an empty token between its dots";
inline constexpr std::string_view wildcard = "without wildcards ('*', '>')";
inline constexpr std::string_view star = "one where '*' is a whole token";
inline constexpr std::string_view tail = "one where '>' is the whole last token";
inline constexpr std::string_view length = "no longer than 1024 bytes";

/// White space and control characters end a line or a word of the NATS protocol.
[[nodiscard]] constexpr bool is_plain(std::string_view text) noexcept {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) return false;
  }
  return true;
}

/// The first rule that `subject` breaks, or empty text.
[[nodiscard]] constexpr std::string_view violated(std::string_view subject, bool wildcards_allowed) noexcept {
  if (subject.empty()) return empty;
  if (subject.size() > max_subject_bytes) return length;
  if (!is_plain(subject)) return characters;
  for (std::size_t begin = 0; begin <= subject.size();) {
    const std::size_t dot = subject.find('.', begin);
    const bool last = dot == std::string_view::npos;
    const std::string_view word = subject.substr(begin, last ? dot : dot - begin);
    if (word.empty()) return tokens;
    const bool star_inside = word.find('*') != std::string_view::npos;
    const bool tail_inside = word.find('>') != std::string_view::npos;
    if ((star_inside || tail_inside) && !wildcards_allowed) return wildcard;
    if (star_inside && word != "*") return star;
    if (tail_inside && (word != ">" || !last)) return tail;
    if (last) break;
    begin = dot + 1;
  }
  return {};
}

}  // namespace subject_rules

/// What `text` must be and is not to serve as one token of a subject; empty text when it is one.
[[nodiscard]] constexpr std::string_view violated_token_rule(std::string_view text) noexcept {
  if (text.empty()) return subject_rules::empty;
  if (text.size() > max_subject_bytes) return subject_rules::length;
  if (!subject_rules::is_plain(text) || text.find_first_of(".*>") != std::string_view::npos)
    return subject_rules::token;
  return {};
}

/// What `subject` must be and is not to be published to; empty text when all is well.
[[nodiscard]] constexpr std::string_view violated_publish_rule(std::string_view subject) noexcept {
  return subject_rules::violated(subject, false);
}

/// What `subject` must be and is not to be subscribed to; empty text when all is well.
[[nodiscard]] constexpr std::string_view violated_subscription_rule(std::string_view subject) noexcept {
  return subject_rules::violated(subject, true);
}

[[nodiscard]] constexpr bool is_subject_token(std::string_view text) noexcept {
  return violated_token_rule(text).empty();
}
[[nodiscard]] constexpr bool is_publish_subject(std::string_view subject) noexcept {
  return violated_publish_rule(subject).empty();
}
[[nodiscard]] constexpr bool is_subscription_subject(std::string_view subject) noexcept {
  return violated_subscription_rule(subject).empty();
}

[[noreturn]] inline void throw_bad_subject(std::string_view subject, std::string_view rule) {
  throw std::invalid_argument{"subject \"" + escaped(subject, 128) + "\" must be " + std::string{rule}};
}

/// Throws std::invalid_argument that names the subject and the rule it breaks.
inline void require_publish_subject(std::string_view subject) {
  if (const auto rule = violated_publish_rule(subject); !rule.empty()) throw_bad_subject(subject, rule);
}
inline void require_subscription_subject(std::string_view subject) {
  if (const auto rule = violated_subscription_rule(subject); !rule.empty()) throw_bad_subject(subject, rule);
}

/// The subject of `service`'s `method`. Throws std::invalid_argument for what is no name.
[[nodiscard]] inline std::string method_subject(std::string_view operation, std::string_view service,
                                                std::string_view kind, std::string_view method) {
  for (const auto name : {service, method}) {
    if (is_subject_token(name)) continue;
    throw std::invalid_argument{std::string{operation} + ": \"" + escaped(name, 128) +
                                "\" is not one NATS subject token"};
  }
  return std::string{service} + "." + std::string{kind} + "." + std::string{method};
}

}  // namespace cliffracer::detail
