#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cliffracer/detail/nats/c_api.hpp>
#include <cliffracer/detail/text/broker_url.hpp>
#include <cliffracer/service_config.hpp>

namespace cliffracer::detail {

/// A write that takes longer than this ends the connection instead of blocking its thread.
inline constexpr std::int64_t write_deadline_ms = 2000;
/// A broker that answers no ping is given up after about three of these.
inline constexpr std::int64_t ping_interval_ms = 2000;
inline constexpr int max_pings_out = 2;

/// `wait` in whole milliseconds, at least one and at most an hour: nats.c narrows its timeouts to an int.
[[nodiscard]] constexpr std::int64_t nats_milliseconds(std::chrono::nanoseconds wait) noexcept {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  return std::clamp<std::int64_t>(whole, 1, 3'600'000);
}

/// Whether the connection must be TLS, and nothing else.
[[nodiscard]] inline bool wants_tls(const ServiceConfig& config) {
  const TlsConfig& tls = config.tls;
  if (tls.enabled || !tls.verify_server || !tls.ca_file.empty() || !tls.certificate_file.empty() ||
      !tls.key_file.empty() || !tls.expected_hostname.empty())
    return true;
  for (const std::string& url : config.nats_url.list())
    if (parse_broker_url(url).tls) return true;
  return false;
}

/// Signs the broker's nonce; `closure` is a const std::string with the seed. nats.c frees the signature,
/// which nats_Sign() has allocated.
inline natsStatus sign_with_seed(char** error_text, unsigned char** signature, int* length, const char* nonce,
                                 void* closure) {
  *error_text = nullptr;
  return nats_Sign(static_cast<const std::string*>(closure)->c_str(), nonce, signature, length);
}

inline void set_authentication(natsOptions* options, const ServiceConfig& config) {
  if (!config.user.empty())
    require_ok(natsOptions_SetUserInfo(options, config.user.c_str(), config.password.c_str()), "user");
  if (!config.token.empty()) require_ok(natsOptions_SetToken(options, config.token.c_str()), "token");
  if (!config.credentials_file.empty())
    require_ok(natsOptions_SetUserCredentialsFromFiles(options, config.credentials_file.c_str(), nullptr),
               "credentials file");
  if (!config.nkey_seed.empty()) {
    // nats.c wants a void* and only reads through it.
    auto* seed = const_cast<std::string*>(&config.nkey_seed);
    require_ok(natsOptions_SetNKey(options, config.nkey.c_str(), &sign_with_seed, seed), "nkey");
  }
}

inline void set_tls(natsOptions* options, const ServiceConfig& config) {
  if (!wants_tls(config)) return;
  const TlsConfig& tls = config.tls;
  // Without this nats.c would go on in the clear, credentials included, with a server that offers no TLS.
  require_ok(natsOptions_SetSecure(options, true), "TLS");
  if (!tls.ca_file.empty())
    require_ok(natsOptions_LoadCATrustedCertificates(options, tls.ca_file.c_str()), "tls.ca_file");
  if (!tls.certificate_file.empty())
    require_ok(natsOptions_LoadCertificatesChain(options, tls.certificate_file.c_str(), tls.key_file.c_str()),
               "tls.certificate_file and tls.key_file");
  if (!tls.expected_hostname.empty())
    require_ok(natsOptions_SetExpectedHostname(options, tls.expected_hostname.c_str()),
               "tls.expected_hostname");
  if (!tls.verify_server) require_ok(natsOptions_SkipServerVerification(options, true), "tls.verify_server");
}

/// Options of one connection to the first of `servers` that answers. The connection does not reconnect: a new
/// one is made instead, so that nothing waits in nats.c's buffers or for its locks meanwhile. `config` must
/// outlive it and the connecting. Throws std::system_error of nats_category().
[[nodiscard]] inline NatsHandle<natsOptions> make_connect_options(const ServiceConfig& config,
                                                                  const std::vector<std::string>& servers) {
  natsOptions* raw = nullptr;
  require_ok(natsOptions_Create(&raw), "connection options");
  NatsHandle<natsOptions> options{raw};

  std::vector<const char*> addresses;
  for (const std::string& server : servers) addresses.push_back(server.c_str());
  require_ok(natsOptions_SetServers(raw, addresses.data(), static_cast<int>(addresses.size())), "nats_url");
  require_ok(natsOptions_SetNoRandomize(raw, true), "order of nats_url");
  require_ok(natsOptions_SetTimeout(raw, nats_milliseconds(config.connect_timeout)), "connect_timeout");

  // The name becomes part of a JSON text as it is.
  std::string name = config.name;
  for (char& c : name)
    if (c == '"' || c == '\\') c = '_';
  require_ok(natsOptions_SetName(raw, name.c_str()), "name");

  require_ok(natsOptions_SetAllowReconnect(raw, false), "reconnect");
  require_ok(natsOptions_SetReconnectBufSize(raw, 0), "reconnect buffer");
  require_ok(natsOptions_SetWriteDeadline(raw, write_deadline_ms), "write deadline");
  require_ok(natsOptions_SetPingInterval(raw, ping_interval_ms), "ping interval");
  require_ok(natsOptions_SetMaxPingsOut(raw, max_pings_out), "pings");
  require_ok(natsOptions_UseGlobalMessageDelivery(raw, true), "message delivery");
  set_tls(raw, config);
  set_authentication(raw, config);
  return options;
}

}  // namespace cliffracer::detail
