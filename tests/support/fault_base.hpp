#pragma once

#include <chrono>
#include <fstream>
#include <string>

#include <cliffracer/service_config.hpp>
#include "support/fault_rig.hpp"
#include "support/nats_server.hpp"

// What a fault is: how it is brought about, how one knows that the service feels it, and how it ends.

namespace support::faults {

using namespace std::chrono_literals;

/// One broker that is well when this object is made, and what happens to it.
class Fault {
 public:
  Fault() = default;
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  virtual ~Fault() = default;

  [[nodiscard]] virtual cliffracer::ServiceConfig config() const = 0;
  /// How late a timer of the service may be: less than what it would wait for the broker.
  [[nodiscard]] virtual std::chrono::milliseconds max_drift() const { return Rig::max_drift; }
  virtual void begin(Rig& rig) = 0;
  /// Whether the service has noticed.
  [[nodiscard]] virtual bool is_felt(const Rig& rig) const { return !rig.is_connected(); }
  /// How long it goes on after it is felt.
  [[nodiscard]] virtual std::chrono::milliseconds lasts() const { return 300ms; }
  /// What must hold at its end.
  virtual void check(const Rig& /*rig*/) const {}
  /// Ends what the service itself does wrong.
  virtual void calm(Rig& /*rig*/) const {}
  /// Ends what the broker does wrong; the service may be gone.
  virtual void end() = 0;
};

/// A fault of a real server.
class ServerFault : public Fault {
 public:
  /// A server without a configuration file cannot be given one later.
  explicit ServerFault(const std::string& config = "debug: false") : server_{config} {}
  [[nodiscard]] cliffracer::ServiceConfig config() const override { return rig_config(server_.url()); }

 protected:
  void configure(const std::string& config) const {
    std::ofstream{server_.folder() / "server.conf"} << config;
  }
  void restart_with(const std::string& config) {
    server_.kill();
    configure(config);
    server_.restart();
  }

  NatsServer server_;
};

}  // namespace support::faults
