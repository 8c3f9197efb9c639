#pragma once

#include <cliffracer/cluster_config.hpp>

#include <spdlog/fmt/fmt.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// The key-value bucket in which claims are kept, as JetStream has it: a stream whose subjects are the keys.
class Bucket {
 public:
  /// `least_keep`: how long the claims of its timers are needed.
  Bucket(const ClusterConfig& config, std::chrono::nanoseconds least_keep)
      : config_{config},
        least_keep_{config.keep.count() > 0 ? config.keep : least_keep},
        keep_{config.keep.count() > 0 ? config.keep : std::chrono::hours{24} + least_keep_} {}

  /// For people.
  [[nodiscard]] std::string name() const { return "the bucket " + config_.bucket; }

  [[nodiscard]] std::string info_subject() const { return "$JS.API.STREAM.INFO." + stream(); }
  [[nodiscard]] std::string create_subject() const { return "$JS.API.STREAM.CREATE." + stream(); }
  [[nodiscard]] std::string get_subject() const { return "$JS.API.STREAM.MSG.GET." + stream(); }

  /// Where the value of a key is published; "*" for a part stands for all.
  [[nodiscard]] std::string subject_of(std::string_view service, std::string_view timer,
                                       std::string_view key) const {
    return fmt::format("$KV.{}.{}.{}.{}", config_.bucket, service, timer, key);
  }

  /// The request that reads the value of a key.
  [[nodiscard]] static nlohmann::json get_request(const std::string& subject) {
    nlohmann::json request = nlohmann::json::object();
    request["last_by_subj"] = subject;
    return request;
  }

  /// The request that creates the bucket, with the settings that NATS's own clients give to one.
  [[nodiscard]] nlohmann::json create_request() const {
    using namespace std::chrono_literals;
    nlohmann::json request = nlohmann::json::object();
    request["name"] = stream();
    request["description"] = "ticks of cluster timers";
    request["subjects"] = nlohmann::json::array({"$KV." + config_.bucket + ".>"});
    request["retention"] = "limits";
    request["storage"] = "file";
    request["discard"] = "new";
    request["num_replicas"] = config_.replicas;
    request["max_age"] = keep_.count();
    request["duplicate_window"] = std::min<std::chrono::nanoseconds>(keep_, 2min).count();
    request["max_msgs_per_subject"] = 1;
    request["deny_delete"] = true;
    request["allow_rollup_hdrs"] = true;
    request["allow_direct"] = true;
    for (const char* unlimited : {"max_msgs", "max_bytes", "max_msg_size", "max_consumers"})
      request[unlimited] = -1;
    return request;
  }

  /// How long a bucket with these settings keeps claims; 0: for ever.
  [[nodiscard]] static std::chrono::nanoseconds kept_with(const nlohmann::json& settings) {
    return std::chrono::nanoseconds{number_in(settings, "max_age", 0)};
  }

  /// Why a bucket with these settings cannot be used; empty: it can.
  [[nodiscard]] std::string problem_of(const nlohmann::json& settings) const {
    const auto text = [&](const char* name) {
      const auto found = settings.find(name);
      return found != settings.end() && found->is_string() ? found->get<std::string>() : std::string{};
    };
    if (!settings.is_object()) return "its settings are not told";
    const auto subjects = settings.find("subjects");
    if (subjects == settings.end() || *subjects != nlohmann::json::array({"$KV." + config_.bucket + ".>"}))
      return "it is a stream, and no key-value bucket";
    if (text("storage") != "file")
      return "it is kept in memory: a restart of the server would forget who has claimed what";
    if (text("persist_mode") == "async")
      return "it acknowledges claims before they are written: a failure of the server would forget who has "
             "claimed what; persist_mode must be default";
    if (const auto replicas = number_in(settings, "num_replicas", 1); replicas < config_.replicas)
      return fmt::format("it has {} of the {} replicas that ServiceConfig::cluster wants", replicas,
                         config_.replicas);
    if (const auto age = number_in(settings, "max_age", 0); age > 0 && age < least_keep_.count()) {
      return fmt::format("it keeps claims for {:.3f} s, and {:.3f} s are needed",
                         std::chrono::duration<double>(std::chrono::nanoseconds{age}).count(),
                         std::chrono::duration<double>(least_keep_).count());
    }
    const bool is_limited =
        number_in(settings, "max_msgs", -1) > 0 || number_in(settings, "max_bytes", -1) > 0;
    if (is_limited && text("discard") != "new") return "it forgets old claims when it is full";
    if (const auto longest = number_in(settings, "max_msg_size", -1); longest >= 0 && longest < longest_value)
      return fmt::format("it takes values of {} bytes at most, and {} are needed", longest, longest_value);
    return {};
  }

 private:
  // Of an announcement, with its subject and headers.
  static constexpr std::int64_t longest_value = 1024;

  [[nodiscard]] static std::int64_t number_in(const nlohmann::json& settings, const char* name,
                                              std::int64_t otherwise) {
    const auto found = settings.find(name);
    return found != settings.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
  }

  [[nodiscard]] std::string stream() const { return "KV_" + config_.bucket; }

  ClusterConfig config_;
  std::chrono::nanoseconds least_keep_;
  std::chrono::nanoseconds keep_;
};

}  // namespace cliffracer::detail
