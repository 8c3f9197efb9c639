#pragma once

#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/message/reply.hpp>
#include <cliffracer/detail/text/base64.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/time/time_point.hpp>
#include <cliffracer/testing/detail/broker_message.hpp>
#include <cliffracer/testing/detail/broker_store.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cliffracer::detail {

/// JetStream as a client sees it: requests to `$JS.API.` and messages to the subjects of streams, answered in
/// the words of nats-server. It knows STREAM.INFO, STREAM.CREATE, STREAM.DELETE and STREAM.MSG.GET.
class BrokerJetStream {
 public:
  /// An instant on both clocks.
  struct Now {
    TimePoint at;
    std::chrono::system_clock::time_point time;
  };

  /// Streams with more replicas are refused; >= 1.
  explicit BrokerJetStream(std::size_t most_replicas) : most_replicas_{most_replicas} {}

  /// Whether JetStream hears `subject`.
  [[nodiscard]] bool hears(std::string_view subject) const {
    return subject.starts_with(api) || store_.keeper_of(subject);
  }

  /// Whether a message there changes nothing.
  [[nodiscard]] static bool only_reads(std::string_view subject) noexcept {
    return subject.starts_with(info) || subject.starts_with(get);
  }

  struct Answer {
    std::string text{};                 ///< Empty: JetStream says nothing to it.
    BrokerStream* stored_in = nullptr;  ///< Which has the message as its newest.
  };

  /// Does what a message asks for.
  [[nodiscard]] Answer take(const SharedMessage& message, const Now& now) {
    const std::string_view subject = message->subject;
    if (const auto name = rest_of(subject, info)) return {answer_info(*name, now)};
    if (const auto name = rest_of(subject, create)) return {answer_create(*name, *message, now)};
    if (const auto name = rest_of(subject, deletion)) return {answer_delete(*name)};
    if (const auto name = rest_of(subject, get)) return {answer_get(*name, *message, now)};
    if (const std::string* const name = store_.keeper_of(subject)) return store(*name, message, now);
    return {};
  }

  /// The newest messages of each stream.
  void forget(std::size_t count) {
    for (auto& [name, entry] : store_.streams()) entry.stream.forget(count);
  }

  /// All that is kept, in the order of the streams' names and of the messages' numbers.
  [[nodiscard]] std::vector<StoredMessage> messages(TimePoint now) {
    std::vector<StoredMessage> all;
    for (auto& [name, entry] : store_.streams()) {
      for (const auto& [sequence, stored] : entry.stream.messages(now)) all.push_back(stored);
    }
    return all;
  }

 private:
  using Json = nlohmann::json;

  using Entry = BrokerStore::Entry;

  static constexpr std::string_view api = "$JS.API.";
  static constexpr std::string_view info = "$JS.API.STREAM.INFO.";
  static constexpr std::string_view create = "$JS.API.STREAM.CREATE.";
  static constexpr std::string_view deletion = "$JS.API.STREAM.DELETE.";
  static constexpr std::string_view get = "$JS.API.STREAM.MSG.GET.";
  static constexpr const char* info_type = "io.nats.jetstream.api.v1.stream_info_response";
  static constexpr const char* create_type = "io.nats.jetstream.api.v1.stream_create_response";
  static constexpr const char* delete_type = "io.nats.jetstream.api.v1.stream_delete_response";
  static constexpr const char* get_type = "io.nats.jetstream.api.v1.stream_msg_get_response";

  /// The stream's name after `prefix`.
  [[nodiscard]] static std::optional<std::string> rest_of(std::string_view subject, std::string_view prefix) {
    if (!subject.starts_with(prefix)) return std::nullopt;
    subject.remove_prefix(prefix.size());
    if (subject.find('.') != std::string_view::npos) return std::nullopt;
    return std::string{subject};
  }

  [[nodiscard]] static Json json_of_error(const StoreError& error) {
    return {{"code", error.code}, {"err_code", error.err_code}, {"description", error.description}};
  }

  [[nodiscard]] static std::string failed(const char* type, const StoreError& error) {
    return to_text({{"type", type}, {"error", json_of_error(error)}});
  }

  [[nodiscard]] static StoreError stream_not_found() { return {404, 10059, "stream not found"}; }
  [[nodiscard]] static StoreError invalid_json() { return {400, 10025, "invalid JSON"}; }

  /// Null: no JSON object.
  [[nodiscard]] static Json object_of(const BrokerMessage& message) {
    Json json = json_of(message);
    return json.is_object() ? json : Json{};
  }

  // ---- Streams

  [[nodiscard]] std::string answer_info(const std::string& name, const Now& now) {
    Json answer{{"type", info_type}, {"total", 0}, {"offset", 0}, {"limit", 0}};
    if (Entry* const entry = store_.find(name))
      describe(*entry, now, answer);
    else
      answer["error"] = json_of_error(stream_not_found());
    return to_text(answer);
  }

  [[nodiscard]] std::string answer_create(const std::string& name, const BrokerMessage& message,
                                          const Now& now) {
    auto wanted = wanted_stream(message, now);
    if (!wanted) return failed(create_type, invalid_json());
    if (const auto error = unfit(name, wanted->config)) return failed(create_type, *error);
    Entry* entry = store_.find(name);
    if (entry && entry->config != wanted->config)
      return failed(create_type, {400, 10058, "stream name already in use with a different configuration"});
    if (!entry && store_.overlaps(wanted->subjects))
      return failed(create_type, {400, 10065, "subjects overlap with an existing stream"});
    if (!entry) entry = &store_.create(name, std::move(*wanted));
    Json answer{{"type", create_type}, {"did_create", true}};
    describe(*entry, now, answer);
    return to_text(answer);
  }

  /// With all that it keeps.
  [[nodiscard]] std::string answer_delete(const std::string& name) {
    if (store_.streams().erase(name) == 0) return failed(delete_type, stream_not_found());
    return to_text({{"type", delete_type}, {"success", true}});
  }

  /// Empty: the request is no JSON object, or has fields of other types.
  [[nodiscard]] static std::optional<Entry> wanted_stream(const BrokerMessage& message, const Now& now) {
    const Json request = object_of(message);
    if (!request.is_object()) return std::nullopt;
    try {
      Json config = with_defaults(request);
      auto subjects = config["subjects"].get<std::vector<std::string>>();
      const StreamLimits limits = limits_of(config);
      return Entry{std::move(subjects), BrokerStream{limits}, std::move(config), iso_timestamp(now.time)};
    } catch (const Json::exception&) {
      return std::nullopt;
    }
  }

  [[nodiscard]] std::optional<StoreError> unfit(const std::string& name, const Json& config) const {
    if (config["name"] != name)
      return StoreError{400, 10056, "stream name in subject does not match request"};
    if (config["num_replicas"] > most_replicas_)
      return StoreError{500, 10074, "replicas > 1 not supported in non-clustered mode"};
    if (config["max_age"] > 0 && config["duplicate_window"] > config["max_age"])
      return StoreError{500, 10052, "duplicates window can not be larger then max age"};
    return std::nullopt;
  }

  /// As a stream has it that was asked for with `wanted`; fields that mean nothing here are left out.
  [[nodiscard]] static Json with_defaults(const Json& wanted) {
    constexpr std::int64_t two_minutes = std::chrono::nanoseconds{std::chrono::minutes{2}}.count();
    Json config{{"name", ""},
                {"subjects", Json::array()},
                {"retention", "limits"},
                {"max_consumers", -1},
                {"max_msgs", -1},
                {"max_bytes", -1},
                {"max_age", 0},
                {"max_msgs_per_subject", -1},
                {"max_msg_size", -1},
                {"discard", "old"},
                {"storage", "file"},
                {"num_replicas", 1},
                {"duplicate_window", 0},
                {"allow_direct", false},
                {"mirror_direct", false},
                {"sealed", false},
                {"deny_delete", false},
                {"deny_purge", false},
                {"allow_rollup_hdrs", false}};
    for (const auto& [field, value] : wanted.items()) {
      if (config.contains(field)) config[field] = value;
    }
    for (const char* const field :
         {"max_consumers", "max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size"}) {
      if (config[field] == 0) config[field] = -1;
    }
    if (config["num_replicas"] == 0) config["num_replicas"] = 1;
    if (config["duplicate_window"] == 0) {
      const auto age = config["max_age"].get<std::int64_t>();
      config["duplicate_window"] = age > 0 ? std::min(age, two_minutes) : two_minutes;
    }
    return config;
  }

  [[nodiscard]] static StreamLimits limits_of(const Json& config) {
    return {.max_messages = config["max_msgs"].get<std::int64_t>(),
            .max_bytes = config["max_bytes"].get<std::int64_t>(),
            .max_messages_per_subject = config["max_msgs_per_subject"].get<std::int64_t>(),
            .max_message_size = config["max_msg_size"].get<std::int64_t>(),
            .max_age = std::chrono::nanoseconds{config["max_age"].get<std::int64_t>()},
            .discards_new = config["discard"] == "new"};
  }

  static void describe(Entry& entry, const Now& now, Json& answer) {
    constexpr const char* no_time = "0001-01-01T00:00:00Z";
    BrokerStream& stream = entry.stream;
    const auto& messages = stream.messages(now.at);
    const std::uint64_t last = stream.last_sequence();
    const bool is_empty = messages.empty();
    answer["config"] = entry.config;
    answer["created"] = entry.created;
    answer["state"] = {
        {"messages", messages.size()},
        {"bytes", stream.bytes()},
        {"first_seq", is_empty ? (last == 0 ? 0 : last + 1) : messages.begin()->first},
        {"first_ts", is_empty ? std::string{no_time} : iso_timestamp(messages.begin()->second.time)},
        {"last_seq", last},
        {"last_ts", stream.last_time() ? iso_timestamp(*stream.last_time()) : std::string{no_time}},
        {"consumer_count", 0}};
    if (is_empty) return;
    answer["state"]["num_subjects"] = stream.subjects();
    const std::uint64_t numbers = last - messages.begin()->first + 1;
    if (numbers > messages.size()) answer["state"]["num_deleted"] = numbers - messages.size();
  }

  // ---- Messages

  [[nodiscard]] Answer store(const std::string& name, const SharedMessage& message, const Now& now) {
    BrokerStream& stream = store_.find(name)->stream;
    const auto result = stream.store(message, now.at, now.time);
    if (const auto* const error = std::get_if<StoreError>(&result))
      return {to_text({{"error", json_of_error(*error)}, {"stream", name}, {"seq", 0}})};
    return {to_text({{"stream", name}, {"seq", std::get<std::uint64_t>(result)}}), &stream};
  }

  [[nodiscard]] std::string answer_get(const std::string& name, const BrokerMessage& message,
                                       const Now& now) {
    Entry* const entry = store_.find(name);
    if (!entry) return failed(get_type, stream_not_found());
    const Json wanted = object_of(message);
    if (!wanted.is_object()) return failed(get_type, invalid_json());
    const bool is_by_sequence = wanted.contains("seq");
    if (is_by_sequence == wanted.contains("last_by_subj"))
      return failed(get_type, {400, 10003, "bad request"});
    const StoredMessage* found = nullptr;
    try {
      found = is_by_sequence
                  ? entry->stream.find(wanted["seq"].get<std::uint64_t>(), now.at)
                  : entry->stream.newest(wanted["last_by_subj"].get_ref<const std::string&>(), now.at);
    } catch (const Json::exception&) {
      return failed(get_type, invalid_json());
    }
    if (!found) return failed(get_type, {404, 10037, "no message found"});
    Json stored{{"subject", found->message->subject},
                {"seq", found->sequence},
                {"data", to_base64(found->message->payload)},
                {"time", iso_timestamp(found->time)}};
    if (!found->message->headers.empty()) stored["hdrs"] = to_base64(headers_text(found->message->headers));
    return to_text({{"type", get_type}, {"message", std::move(stored)}});
  }

  [[nodiscard]] static std::string headers_text(const MessageHeaders& headers) {
    std::string text = "NATS/1.0\r\n";
    for_each_header(headers, [&](std::string_view name, std::string_view value) {
      text.append(name).append(": ").append(value).append("\r\n");
    });
    return text.append("\r\n");
  }

  const std::size_t most_replicas_;
  BrokerStore store_;
};

}  // namespace cliffracer::detail
