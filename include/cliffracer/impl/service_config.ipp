#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/text/broker_url.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/text/subject.hpp>
#include <cliffracer/service_config.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer {

CLIFFRACER_DECL NatsUrls::NatsUrls(const char* urls) : NatsUrls(detail::UrlText{urls}.text) {}

CLIFFRACER_DECL NatsUrls::NatsUrls(std::string_view urls) { detail::append_urls(list_, urls); }

CLIFFRACER_DECL NatsUrls::NatsUrls(const std::string& urls) : NatsUrls(std::string_view{urls}) {}

CLIFFRACER_DECL NatsUrls::NatsUrls(std::initializer_list<detail::UrlText> urls) {
  for (const detail::UrlText& url : urls) detail::append_urls(list_, url.text);
}

CLIFFRACER_DECL NatsUrls::NatsUrls(const std::vector<std::string>& urls) {
  for (const std::string& url : urls) detail::append_urls(list_, url);
}

CLIFFRACER_DECL std::string NatsUrls::redacted() const {
  std::string out;
  for (const std::string& url : list_) {
    if (!detail::parse_broker_url(url).problem.empty()) return "***";
    if (!out.empty()) out += ',';
    out += detail::redacted_url(url);
  }
  return out;
}

namespace detail {

/// Refuses one config with one message. No message repeats a value that may be a secret.
class ConfigCheck {
 public:
  explicit ConfigCheck(const ServiceConfig& config) : config_{config} {}

  void run() const {
    identity();
    addresses();
    times();
    bounds();
    authentication();
    tls();
    cluster();
  }

 private:
  void require(bool ok, std::string_view rule) const {
    if (ok) return;
    const std::string subject = is_subject_token(config_.name) && config_.name.size() <= longest_name
                                    ? "service " + config_.name
                                    : "service \"" + escaped(config_.name, 128) + "\"";
    throw std::invalid_argument{subject + ": " + std::string{rule}};
  }

  void identity() const {
    if (config_.name.empty()) throw std::invalid_argument{"service config: name must not be empty"};
    if (const auto rule = violated_token_rule(config_.name); !rule.empty())
      require(false, "name must be " + std::string{rule});
    require(config_.name.size() <= longest_name, "name must be no longer than 255 bytes");
    if (const auto rule = violated_publish_rule(config_.queue_group); !rule.empty())
      require(config_.queue_group.empty(), "queue_group must be " + std::string{rule});
  }

  void addresses() const {
    const auto& urls = config_.nats_url.list();
    require(!urls.empty(), "nats_url must name at least one address");
    for (std::size_t n = 0; n < urls.size(); ++n) {
      const std::string which = urls.size() == 1 ? "nats_url" : "nats_url " + std::to_string(n + 1);
      if (const auto url = parse_broker_url(urls[n]); !url.problem.empty())
        require(false, which + " " + std::string{url.problem});
    }
  }

  void times() const {
    using namespace std::chrono_literals;
    require(config_.request_timeout > 0ns, "request_timeout must be greater than zero");
    require(config_.connect_timeout >= 1ms, "connect_timeout must be at least 1 ms");
    require(config_.reconnect_time_wait >= 1ms, "reconnect_time_wait must be at least 1 ms");
    require(config_.stop_timeout >= 0ns, "stop_timeout must not be negative");
    require(config_.blocking_threshold >= 0ns, "blocking_threshold must not be negative");
    require(config_.default_tolerance >= 0ns, "default_tolerance must not be negative");
    require(config_.max_reconnect_attempts >= -1,
            "max_reconnect_attempts must be -1 (forever), zero or more");
  }

  void bounds() const {
    require(config_.outbox_max_messages > 0, "outbox_max_messages must be greater than zero");
    require(config_.outbox_max_bytes > 0, "outbox_max_bytes must be greater than zero");
    require(config_.inbox_max_messages > 0, "inbox_max_messages must be greater than zero");
    require(config_.inbox_max_bytes > 0, "inbox_max_bytes must be greater than zero");
    require(config_.max_payload_bytes > 0, "max_payload_bytes must be greater than zero");
    require(config_.message_threads > 0 && config_.message_threads <= 1024,
            "message_threads must be 1 to 1024");
    // Beyond this the recursion that copies and prints JSON comes near the end of a small stack.
    require(config_.max_json_depth > 0 && config_.max_json_depth <= 1024, "max_json_depth must be 1 to 1024");
  }

  void authentication() const {
    require(config_.password.empty() || !config_.user.empty(), "password needs a user");
    int methods = 0;
    if (!config_.user.empty()) ++methods;
    if (!config_.token.empty()) ++methods;
    if (!config_.credentials_file.empty()) ++methods;
    if (!config_.nkey.empty() || !config_.nkey_seed.empty()) ++methods;
    for (const std::string& url : config_.nats_url.list()) {
      if (parse_broker_url(url).user_info.empty()) continue;
      ++methods;
      break;
    }
    require(methods <= 1,
            "only one of user, token, credentials_file, nkey and an address with user or token may be set");
    require(is_word(config_.user), "user must not hold control characters, quotes or backslashes");
    require(is_word(config_.password), "password must not hold control characters, quotes or backslashes");
    require(is_word(config_.token), "token must not hold control characters, quotes or backslashes");
    require(config_.nkey_seed.empty() || !config_.nkey.empty(), "nkey_seed needs an nkey");
    require(config_.nkey.empty() || !config_.nkey_seed.empty(), "nkey needs an nkey_seed");
    require(config_.nkey.empty() || is_nkey(config_.nkey, "U", 56),
            "nkey must be a user's public key: U and 55 more base32 characters");
    require(config_.nkey_seed.empty() || is_nkey(config_.nkey_seed, "SU", 58),
            "nkey_seed must be a user's seed: SU and 56 more base32 characters");
    require(is_path(config_.credentials_file), "credentials_file must not hold a NUL character");
  }

  void tls() const {
    const TlsConfig& tls = config_.tls;
    require(tls.key_file.empty() || !tls.certificate_file.empty(),
            "tls.key_file needs a tls.certificate_file");
    require(tls.certificate_file.empty() || !tls.key_file.empty(),
            "tls.certificate_file needs a tls.key_file");
    require(is_path(tls.ca_file) && is_path(tls.certificate_file) && is_path(tls.key_file) &&
                is_path(tls.expected_hostname),
            "tls members must not hold a NUL character");
  }

  void cluster() const {
    using namespace std::chrono_literals;
    const ClusterConfig& cluster = config_.cluster;
    const bool is_name =
        !cluster.bucket.empty() && cluster.bucket.size() <= 128 &&
        cluster.bucket.find_first_not_of(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
    require(is_name, "cluster.bucket must be 1 to 128 letters, digits, '-' and '_'");
    require(cluster.replicas >= 1 && cluster.replicas <= 5, "cluster.replicas must be 1 to 5");
    require(cluster.keep >= 0ns, "cluster.keep must not be negative");
    require(cluster.owner_timeout >= 100ms, "cluster.owner_timeout must be at least 100 ms");
  }

  // nats.c writes these into the CONNECT line as they are.
  static bool is_word(std::string_view text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') return false;
    }
    return true;
  }
  static bool is_path(std::string_view text) { return text.find('\0') == std::string_view::npos; }
  static bool is_nkey(std::string_view text, std::string_view prefix, std::size_t length) {
    return text.size() == length && text.starts_with(prefix) &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == std::string_view::npos;
  }

  // With methods behind it it must still be a subject.
  static constexpr std::size_t longest_name = 255;

  const ServiceConfig& config_;
};

}  // namespace detail

CLIFFRACER_DECL void check_validity(const ServiceConfig& config) { detail::ConfigCheck{config}.run(); }

}  // namespace cliffracer
