#pragma once

#include <cliffracer/detail/cluster/claim_attempt.hpp>
#include <cliffracer/detail/cluster/owner_watch.hpp>
#include <cliffracer/detail/text/base64.hpp>
#include <cliffracer/detail/text/json_text.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// An error of JetStream's, as its answers have it.
struct BucketError {
  static constexpr std::int64_t unavailable = 10008;  ///< Servers elect a leader.
  static constexpr std::int64_t wrong_sequence = 10071;
  static constexpr std::int64_t no_stream = 10059;
  static constexpr std::int64_t stream_differs = 10058;
  static constexpr std::int64_t no_message = 10037;

  std::int64_t code = 0;  ///< JetStream's own, not HTTP's.
  std::string text{};
};

/// The error in an answer. It must be looked for first: what else stands there has no meaning then.
[[nodiscard]] inline std::optional<BucketError> error_in(const nlohmann::json& answer) {
  if (!answer.is_object()) return BucketError{.text = "the answer is no object"};
  const auto found = answer.find("error");
  if (found == answer.end()) return std::nullopt;
  BucketError error{.text = to_text(*found)};
  if (!found->is_object()) return error;
  if (const auto code = found->find("err_code"); code != found->end() && code->is_number_integer())
    error.code = code->get<std::int64_t>();
  if (const auto text = found->find("description"); text != found->end() && text->is_string())
    error.text = text->get<std::string>();
  return error;
}

/// The answer to a create; `error` is the error in it.
[[nodiscard]] inline ClaimAttempt::Created created_by(const nlohmann::json& answer,
                                                      const std::optional<BucketError>& error) {
  if (error) {
    return error->code == BucketError::wrong_sequence ? ClaimAttempt::Created::taken
                                                      : ClaimAttempt::Created::refused;
  }
  // Whoever else answers on the subject says nothing of it.
  const auto sequence = answer.find("seq");
  const bool is_stored = answer.contains("stream") && sequence != answer.end() &&
                         sequence->is_number_unsigned() && *sequence > 0;
  return is_stored ? ClaimAttempt::Created::stored : ClaimAttempt::Created::no_answer;
}

/// A text of the message in the answer to a get; empty: there is none.
[[nodiscard]] inline std::optional<std::string> message_text_in(const nlohmann::json& answer,
                                                                const char* name) {
  if (!answer.is_object() || answer.contains("error")) return std::nullopt;
  const auto message = answer.find("message");
  if (message == answer.end() || !message->is_object()) return std::nullopt;
  const auto text = message->find(name);
  if (text == message->end() || !text->is_string()) return std::nullopt;
  return text->get<std::string>();
}

/// The value in the answer to a get; empty: none.
[[nodiscard]] inline std::optional<std::string> value_in(const nlohmann::json& answer) {
  const auto data = message_text_in(answer, "data");
  return data ? from_base64(*data) : std::nullopt;
}

/// The subject of that value; empty: there is none.
[[nodiscard]] inline std::string subject_in(const nlohmann::json& answer) {
  return message_text_in(answer, "subject").value_or(std::string{});
}

[[nodiscard]] inline std::string text_of(const Announcement& announcement) {
  nlohmann::json json = nlohmann::json::object();
  json["owner"] = announcement.owner;
  json["token"] = announcement.token;
  if (announcement.has_ended) {
    json["ended"] = true;
  } else {
    json["beat"] = announcement.beat;
  }
  return to_text(json);
}

/// Empty: it is none.
[[nodiscard]] inline std::optional<Announcement> announcement_in(const nlohmann::json& json) {
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  };
  if (!json.is_object()) return std::nullopt;
  const auto owner = json.find("owner");
  if (owner == json.end() || !owner->is_string() || owner->get_ref<const std::string&>().empty())
    return std::nullopt;
  const auto token = number("token");
  if (!token) return std::nullopt;
  const auto ended = json.find("ended");
  return Announcement{.owner = owner->get<std::string>(),
                      .token = *token,
                      .beat = number("beat").value_or(0),
                      .has_ended = ended != json.end() && *ended == true};
}

/// The same from a key's value.
[[nodiscard]] inline std::optional<Announcement> announcement_in(const std::string& text) {
  constexpr std::size_t longest = 1024;
  constexpr std::size_t deepest = 8;
  try {
    return announcement_in(parse_bounded(text, longest, deepest));
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace cliffracer::detail
