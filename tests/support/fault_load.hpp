#pragma once

#include <signal.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>

#include <cliffracer/service_config.hpp>
#include "support/catch.hpp"
#include "support/fault_base.hpp"
#include "support/fault_connection.hpp"
#include "support/fault_rig.hpp"
#include "support/nats_client.hpp"

// Faults of measure: too long, too many, too fast.

namespace support::faults {

/// Each event is longer than the server takes.
class PayloadTooLong : public ServerFault {
 public:
  PayloadTooLong() : ServerFault{"max_payload: 1024"} {}
  void begin(Rig& rig) override { rig.filling = 4096; }
  [[nodiscard]] bool is_felt(const Rig& rig) const override { return rig.refused_long > 0; }
  void check(const Rig& rig) const override { CHECK(rig.is_connected()); }
  void calm(Rig& rig) const override { rig.filling = 16; }
  void end() override {}
};

/// The server's limit falls below what the service was told: it hangs up at the first event that is longer.
class PayloadLimitFalls : public ServerFault {
 public:
  void begin(Rig& rig) override {
    configure("max_payload: 1024");
    ::kill(server_.pid(), SIGHUP);
    rig.filling = 4096;
  }
  [[nodiscard]] bool is_felt(const Rig& rig) const override { return rig.refused_long > 0; }
  void calm(Rig& rig) const override { rig.filling = 16; }
  void end() override {}
};

/// More comes than the service takes. `CutOff`: and than the server keeps for it, so that it hangs up;
/// otherwise the service drops what is too much.
template <bool CutOff>
class SlowConsumer : public ServerFault {
 public:
  SlowConsumer()
      : ServerFault{CutOff ? "max_payload: 10000\nmax_pending: 10000\nwrite_deadline: \"100ms\""
                           : "max_pending: 67108864"} {}
  ~SlowConsumer() override { SlowConsumer::end(); }
  [[nodiscard]] cliffracer::ServiceConfig config() const override {
    auto config = ServerFault::config();
    config.inbox_max_messages = CutOff ? 65'536 : 50;
    return config;
  }
  void begin(Rig& rig) override {
    rig.listening_ms = CutOff ? 0 : 20;
    flood_ = std::thread{[this] {
      try {
        NatsClient client{server_.port()};
        const std::string event = R"({"filling":")" + std::string(5'000, 'x') + R"("})";
        for (int n = 0; n < 1000 && !ended_; ++n) client.publish("rig.in", event);
        client.flush();
      } catch (const std::exception&) {
        // Cut off itself: the flood has been one.
      }
    }};
  }
  [[nodiscard]] bool is_felt(const Rig& rig) const override {
    const auto broker = rig.broker();
    return CutOff ? broker.reconnects > 0 || !rig.is_connected() : broker.dropped > 0;
  }
  void calm(Rig& rig) const override { rig.listening_ms = 0; }
  void end() override {
    ended_ = true;
    if (flood_.joinable()) flood_.join();
  }

 private:
  std::atomic<bool> ended_{false};
  std::thread flood_;
};

/// The server is away until the outbox has reached its bound.
class OutboxFull : public Killed {
 public:
  [[nodiscard]] cliffracer::ServiceConfig config() const override {
    auto config = Killed::config();
    config.outbox_max_messages = 50;
    return config;
  }
  void begin(Rig& rig) override {
    rig.events_per_tick = 20;
    Killed::begin(rig);
  }
  [[nodiscard]] bool is_felt(const Rig& rig) const override { return rig.refused_full > 0; }
  void check(const Rig& rig) const override { CHECK(rig.broker().outbox_messages == 50); }
  void calm(Rig& rig) const override { rig.events_per_tick = 1; }
};

/// 10,000 calls that the server has handed on to somebody silent, when it dies. `Patient`: none of them times
/// out by itself.
template <bool Patient>
class RequestsInFlight : public Killed {
 public:
  static constexpr int count = 10'000;

  [[nodiscard]] cliffracer::ServiceConfig config() const override {
    auto config = Killed::config();
    // All are in flight before the first times out.
    config.request_timeout = Patient ? 60s : 1500ms * slowness;
    return config;
  }
  void begin(Rig& rig) override {
    NatsClient silent{server_.port()};
    silent.subscribe("silent.rpc.wait");
    rig.ask_at_once(count, "silent", "wait");
    int seen = 0;
    while (seen < count && silent.next()) ++seen;
    CHECK(seen == count);
    // A few of the rig's own may be among those that ended.
    CHECK(rig.calls.asked - rig.calls.ended() >= count);
    Killed::begin(rig);
  }
  // The ends of 10,000 coroutines are work for the event loop, too.
  [[nodiscard]] std::chrono::milliseconds max_drift() const override { return 1000ms * slowness; }
  [[nodiscard]] bool is_felt(const Rig& rig) const override { return rig.calls.timed_out >= count; }
};

}  // namespace support::faults
