#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/cluster_config.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer {
namespace detail {

/// An element of a braced list of addresses. std::string_view would not do: two literals in a second pair of
/// braces make one, as the two ends of a range.
struct UrlText {
  UrlText(const char* url) : text{url == nullptr ? "" : url} {}
  UrlText(std::string_view url) : text{url} {}
  UrlText(const std::string& url) : text{url} {}

  std::string_view text;
};

}  // namespace detail

/// The addresses of a NATS cluster, tried in order: one URL, a list of URLs, or one string with commas
/// between them. Each is `nats://` or `tls://`, an optional `user:password@` or `token@`, a host and an
/// optional port.
class NatsUrls {
 public:
  NatsUrls(const char* urls);
  NatsUrls(std::string_view urls);
  NatsUrls(const std::string& urls);
  NatsUrls(std::initializer_list<detail::UrlText> urls);
  NatsUrls(const std::vector<std::string>& urls);

  [[nodiscard]] const std::vector<std::string>& list() const noexcept { return list_; }
  /// The addresses with user, password and token replaced by `***`, separated by commas: for logs and
  /// reports. `***` alone when one of them is no address: its comma may then belong to a password.
  [[nodiscard]] std::string redacted() const;

 private:
  std::vector<std::string> list_;
};

/// TLS towards the broker. Any member that is set, or a `tls://` URL, turns TLS on; the server must then
/// speak TLS.
struct TlsConfig {
  /// Require TLS even when no other member is set.
  bool enabled = false;
  /// PEM file of trusted authorities; empty: the system's.
  std::string ca_file{};
  /// Client certificate chain (PEM); goes with `key_file`.
  std::string certificate_file{};
  /// Private key of the client certificate (PEM).
  std::string key_file{};
  /// Name the server's certificate must carry; empty: the URL's host.
  std::string expected_hostname{};
  /// False accepts any certificate: for tests only.
  bool verify_server = true;
};

/// How a service is called, where its broker is, and where its limits are.
struct ServiceConfig {
  /// One NATS subject token of at most 255 bytes: not empty; no '.', '*', '>', white space, control
  /// character. Also the logger's name.
  std::string name{};
  /// The brokers, in order of preference.
  NatsUrls nats_url = "nats://localhost:4222";
  /// The service's own version, shown in get_service_info().
  std::string version = "0.1.0";
  /// For people, shown in get_service_info().
  std::string description{};
  /// Replicas with one group share RPC requests; empty: `q`, as NATS's services protocol has it.
  std::string queue_group{};

  /// How long call_rpc() waits; > 0.
  std::chrono::nanoseconds request_timeout = std::chrono::seconds{30};
  /// Bound of one connection attempt to one server; >= 1 ms.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{2};
  /// From one attempt to the next; >= 1 ms.
  std::chrono::nanoseconds reconnect_time_wait = std::chrono::seconds{2};
  /// Attempts in a row before giving up for good; -1: never gives up; 0: no second attempt.
  int max_reconnect_attempts = -1;

  /// Messages waiting to be sent; > 0.
  std::size_t outbox_max_messages = 65'536;
  /// Bytes waiting to be sent; > 0.
  std::size_t outbox_max_bytes = 64 * 1024 * 1024;
  /// Messages received and not yet handed to the event loop, and again messages that wait for their handler
  /// or are handled; more are refused. > 0.
  std::size_t inbox_max_messages = 65'536;
  /// Bytes received and not yet handed to the event loop; > 0.
  std::size_t inbox_max_bytes = 64 * 1024 * 1024;
  /// Longer messages from outside are refused unparsed; > 0.
  std::size_t max_payload_bytes = 1024 * 1024;
  /// Deeper JSON from outside is refused unparsed; 1 to 1024.
  std::size_t max_json_depth = 64;

  /// What runs in progress get at stop; >= 0; 0: coroutines are cancelled at once.
  std::chrono::nanoseconds stop_timeout = std::chrono::seconds{10};
  /// The `.tolerance` of timers that give none, but at most a tenth of their interval, also after
  /// set_interval(); >= 0; 0: they run as soon as they are due.
  std::chrono::nanoseconds default_tolerance{0};
  /// Something that holds the event loop for this long is named in a warning and counted: >= 0; 0: nothing
  /// is. (As slow_callback_duration of Python's asyncio.)
  std::chrono::nanoseconds blocking_threshold = std::chrono::milliseconds{100};
  /// Decides the timers' jitter; 0: each start of the process has another one.
  std::uint64_t jitter_seed = 0;
  /// Answers NATS's services protocol (ADR-32): `$SRV.PING`, `$SRV.INFO`, `$SRV.STATS`. Some of its tools
  /// want a `name` of letters, digits, '-' and '_' only, and a semantic `version`.
  bool discovery = true;
  /// The timers can be paused, resumed, triggered and given another interval with requests. Their subjects
  /// are `{name}.rpc.timers.*`; whoever may publish there may do so.
  bool remote_control = false;

  /// Threads for plain timer methods; 0: one per plain timer.
  std::size_t worker_threads = 0;
  /// Threads for plain RPC methods and listeners; 1 to 1024.
  std::size_t message_threads = 4;

  /// Goes with `password`. At most one of user, token, credentials_file and nkey is used.
  std::string user{};
  std::string password{};
  std::string token{};
  /// Path of a file with JWT and seed, as `nsc` writes it.
  std::string credentials_file{};
  /// Public user key ("U..."), goes with `nkey_seed`.
  std::string nkey{};
  /// Private seed ("SU..."); signs the broker's challenge, is never sent.
  std::string nkey_seed{};
  TlsConfig tls{};
  ClusterConfig cluster{};
};

/// Throws std::invalid_argument that names the service and the rule when `config` breaks one. The message
/// holds no secret.
void check_validity(const ServiceConfig& config);

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/service_config.ipp>
#endif
