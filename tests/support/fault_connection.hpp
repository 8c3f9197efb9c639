#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <cliffracer/service_config.hpp>
#include "support/catch.hpp"
#include "support/fault_base.hpp"
#include "support/fault_certificates.hpp"
#include "support/fault_port.hpp"
#include "support/fault_rig.hpp"

// Faults of the broker: it is gone, silent, somebody else, or refuses the service.

namespace support::faults {

/// kill -9.
class Killed : public ServerFault {
 public:
  void begin(Rig& /*rig*/) override { server_.kill(); }
  void end() override { server_.restart(); }
};

/// kill -9, and a new one on the same port at once.
class Restarted : public ServerFault {
 public:
  void begin(Rig& /*rig*/) override { server_.restart(); }
  [[nodiscard]] bool is_felt(const Rig& rig) const override {
    return !rig.is_connected() || rig.broker().reconnects > 0;
  }
  void end() override {}
};

/// SIGSTOP. `Long`: for longer than every timeout that the library has.
template <bool Long>
class Hanging : public ServerFault {
 public:
  ~Hanging() override { server_.cont(); }
  void begin(Rig& /*rig*/) override { server_.stop(); }
  [[nodiscard]] bool is_felt(const Rig& rig) const override {
    return Long ? !rig.is_connected() : rig.broker().outbox_messages > 0;
  }
  [[nodiscard]] std::chrono::milliseconds lasts() const override { return Long ? 1000ms : 300ms; }
  void end() override { server_.cont(); }
};

/// Instead of the server somebody listens there who says `greeting` and nothing else.
class Impostor : public ServerFault {
 public:
  explicit Impostor(std::string greeting, const std::string& config = "debug: false")
      : ServerFault{config}, greeting_{std::move(greeting)} {}
  void begin(Rig& /*rig*/) override {
    server_.kill();
    port_.emplace(server_.port(), greeting_);
  }
  [[nodiscard]] bool is_felt(const Rig& /*rig*/) const override { return port_->connections() > 0; }
  // One attempt at least fails.
  [[nodiscard]] std::chrono::milliseconds lasts() const override { return config_timeout() + 200ms; }
  void end() override {
    port_.reset();
    server_.restart();
  }

 protected:
  [[nodiscard]] std::chrono::milliseconds config_timeout() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(config().connect_timeout);
  }
  [[nodiscard]] const FaultyPort& port() const { return *port_; }

 private:
  std::string greeting_;
  std::optional<FaultyPort> port_;
};

class SilentPort : public Impostor {
 public:
  SilentPort() : Impostor{""} {}
};

class GreetingPort : public Impostor {
 public:
  GreetingPort() : Impostor{plain_greeting} {}
};

/// A plain-text server behind a tls:// address.
class PlainBehindTls : public Impostor {
 public:
  PlainBehindTls() : Impostor{plain_greeting, Certificates::get().server_config("good")} {}
  [[nodiscard]] cliffracer::ServiceConfig config() const override {
    auto config = rig_config("tls://joe:hush-hush@127.0.0.1:" + std::to_string(server_.port()));
    config.tls.ca_file = Certificates::get().authority();
    return config;
  }
  void check(const Rig& /*rig*/) const override {
    CHECK(port().connections() > 1);
    CHECK(port().heard() == "");
    CHECK(Rig::log().count("hush-hush") == 0);
  }
};

/// The server comes back with another configuration, which refuses the service.
class Reconfigured : public ServerFault {
 public:
  Reconfigured(std::string good, std::string bad)
      : ServerFault{good}, good_{std::move(good)}, bad_{std::move(bad)} {}
  void begin(Rig& /*rig*/) override { restart_with(bad_); }
  [[nodiscard]] bool is_felt(const Rig& rig) const override { return !rig.is_connected(); }
  void check(const Rig& rig) const override {
    CHECK_FALSE(rig.is_connected());
    CHECK(rig.broker().reconnects == 0);
    CHECK_FALSE(rig.broker().last_error.empty());
    CHECK(rig.broker().last_error.find("hush-hush") == std::string::npos);
    CHECK(Rig::log().count("hush-hush") == 0);
  }
  void end() override { restart_with(good_); }

 private:
  std::string good_;
  std::string bad_;
};

class CredentialsRefused : public Reconfigured {
 public:
  CredentialsRefused()
      : Reconfigured{"authorization { user: joe, password: hush-hush }",
                     "authorization { user: joe, password: other }"} {}
  [[nodiscard]] cliffracer::ServiceConfig config() const override {
    auto config = rig_config(server_.url());
    config.user = "joe";
    config.password = "hush-hush";
    return config;
  }
};

class TlsFault : public Reconfigured {
 public:
  explicit TlsFault(const std::string& bad_certificate)
      : Reconfigured{Certificates::get().server_config("good") + accounts,
                     Certificates::get().server_config(bad_certificate) + accounts} {}
  [[nodiscard]] cliffracer::ServiceConfig config() const override {
    auto config = rig_config("tls://joe:hush-hush@127.0.0.1:" + std::to_string(server_.port()));
    config.tls.ca_file = Certificates::get().authority();
    return config;
  }

 private:
  static constexpr const char* accounts = "authorization { user: joe, password: hush-hush }";
};

class CertificateExpired : public TlsFault {
 public:
  CertificateExpired() : TlsFault{"expired"} {}
};
class CertificateOfAnotherHost : public TlsFault {
 public:
  CertificateOfAnotherHost() : TlsFault{"elsewhere"} {}
};
class CertificateOfAStranger : public TlsFault {
 public:
  CertificateOfAStranger() : TlsFault{"stranger"} {}
};

}  // namespace support::faults
