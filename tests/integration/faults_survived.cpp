#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/fault_base.hpp"
#include "support/fault_certificates.hpp"
#include "support/fault_connection.hpp"
#include "support/fault_load.hpp"
#include "support/fault_rig.hpp"
#include "support/running_service.hpp"

// What can happen to a broker, and a service that lives through it, stops in the midst of it, or is destroyed
// in the midst of it. `integration_tests "[figures]"` prints what was measured.

using namespace std::chrono_literals;
using namespace support::faults;
using support::eventually;
using support::Metronome;
using support::Rig;
using support::Running;
using Clock = std::chrono::steady_clock;

namespace {

/// Stopping takes stop_timeout and little more; this is much more.
std::chrono::nanoseconds longest_stop(const Rig& rig) {
  return rig.config().stop_timeout + 3s * support::slowness;
}

std::uint64_t due_points(const cliffracer::TimerStats& stats) {
  return stats.execution_count + stats.skipped_count;
}

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// What is true of a service that has stopped, whatever happened.
void check_ledgers(const Rig& rig) {
  for (const char* name : {"tick", "plain_tick"}) {
    const auto stats = rig.stats(name);
    INFO(name << ": " << stats.execution_count << " runs, " << stats.skipped_count << " skipped");
    CHECK(stats.execution_count == stats.success_count + stats.error_count + stats.cancelled_count);
    CHECK(stats.error_count == 0);
    CHECK_FALSE(stats.is_running);
  }
  // Every call was told how it ended.
  const auto& calls = rig.calls;
  CHECK(calls.asked == calls.ended());
  CHECK(calls.strange == 0);
  // Every event that was accepted, and every request and reply, was handed to a connection or reported lost.
  // Requests that nobody waits for any more are neither. Each request is answered at most once, by its
  // handler or with an error: the service stops, or has too many.
  const auto broker = rig.broker();
  const std::uint64_t refused = rig.refused_full + rig.refused_long + rig.refused_other;
  INFO("accepted " << rig.accepted << ", refused " << refused << ", calls " << calls.asked << ", not sent "
                   << calls.not_sent << ", published " << broker.published << ", unconfirmed "
                   << broker.unconfirmed << ", errors " << broker.publish_errors);
  CHECK(broker.state == "closed");
  CHECK(broker.outbox_messages == 0);
  CHECK(broker.publish_errors >= refused);
  CHECK(broker.published + broker.publish_errors >= rig.accepted + refused + calls.not_sent);
  CHECK(broker.published + broker.publish_errors <= rig.accepted + refused + 2 * calls.asked);
  CHECK(broker.unconfirmed <= broker.published);
}

/// No tick is late but those that the machine itself delayed.
void check_ticks(const Rig& rig, const Metronome& metronome) {
  for (const char* name : {"tick", "plain_tick"}) {
    const auto stats = rig.stats(name);
    INFO(name << ": lateness at most " << milliseconds(stats.lateness.max) << " ms, a sleeping thread's "
              << milliseconds(metronome.worst()) << " ms");
    if (metronome.worst() < Rig::max_drift / 3) CHECK(stats.drift_count == 0);
  }
}

void live_through(const std::string& name, Fault& fault) {
  const Metronome metronome;
  Rig rig{fault.config(), fault.max_drift()};
  Running running{rig};
  REQUIRE(eventually([&] { return rig.calls.answered > 1; }));
  const std::uint64_t reconnects = rig.broker().reconnects;
  const auto began = Clock::now();
  const std::uint64_t due_before = due_points(rig.stats("tick"));

  fault.begin(rig);
  REQUIRE(eventually([&] { return fault.is_felt(rig); }));
  std::this_thread::sleep_for(fault.lasts());
  fault.check(rig);
  const std::string error = rig.broker().last_error;
  fault.calm(rig);
  fault.end();
  // Through the broker and back.
  const std::uint64_t answered = rig.calls.answered;
  CHECK(eventually([&] { return rig.is_connected() && rig.calls.answered > answered + 1; }));

  const auto now = Clock::now();
  const std::uint64_t due = due_points(rig.stats("tick")) - due_before;
  const auto expected = static_cast<std::uint64_t>((now - began) / Rig::interval);
  const auto stats = rig.stats("tick");
  // The newest points may not have had their run yet.
  const auto slack = static_cast<std::uint64_t>(fault.max_drift() / Rig::interval + 2);
  if (stats.drift_count == 0) {
    CHECK(due + slack >= expected);
    CHECK(due <= expected + slack);
  }
  check_ticks(rig, metronome);

  const auto asked = Clock::now();
  running.stop();
  const std::chrono::nanoseconds took = Clock::now() - asked;
  CHECK(took < longest_stop(rig));
  CHECK_FALSE(running.thrown());
  check_ledgers(rig);
  std::printf(
      "%-52s | %5.1f s | due %4llu, run %4llu, skipped %2llu, drifted %llu | late p99 %6.2f, max %6.2f ms"
      " | reconnects %2llu | stop %4.0f ms | %s\n",
      name.c_str(), milliseconds(now - began) / 1000, static_cast<unsigned long long>(due_points(stats)),
      static_cast<unsigned long long>(stats.execution_count),
      static_cast<unsigned long long>(stats.skipped_count),
      static_cast<unsigned long long>(stats.drift_count), milliseconds(stats.lateness.p99),
      milliseconds(stats.lateness.max), static_cast<unsigned long long>(rig.broker().reconnects - reconnects),
      milliseconds(took), error.c_str());
  std::fflush(stdout);
}

void stop_in_the_midst(const std::string& name, Fault& fault) {
  Rig rig{fault.config()};
  Running running{rig};
  REQUIRE(eventually([&] { return rig.calls.answered > 0; }));
  fault.begin(rig);
  const auto asked = Clock::now();
  running.stop();
  const std::chrono::nanoseconds took = Clock::now() - asked;
  INFO("the stop took " << milliseconds(took) << " ms");
  CHECK(took < longest_stop(rig));
  CHECK_FALSE(running.thrown());
  check_ledgers(rig);
  fault.end();
  std::printf("%-52s | stopped in the midst, in %4.0f ms\n", name.c_str(), milliseconds(took));
  std::fflush(stdout);
}

void destroy_in_the_midst(const std::string& name, Fault& fault) {
  auto context = std::make_unique<asio::io_context>(1);
  auto rig = std::make_unique<Rig>(*context, fault.config());
  auto started = asio::co_spawn(*context, rig->start(), asio::use_future);
  std::thread loop{[&] { context->run(); }};
  started.get();
  // A failure goes through the orderly end as well: a service that runs must not be destroyed.
  const bool is_well = eventually([&] { return rig->calls.answered > 0; });
  CHECK(is_well);
  if (is_well) fault.begin(*rig);
  // One that hangs for long is not felt so early.
  const auto until = Clock::now() + 500ms;
  while (is_well && !fault.is_felt(*rig) && Clock::now() < until) std::this_thread::sleep_for(2ms);
  const auto asked = Clock::now();
  auto stopped = asio::co_spawn(*context, rig->stop(), asio::use_future);
  loop.join();
  stopped.get();
  check_ledgers(*rig);
  const auto longest = longest_stop(*rig);
  rig.reset();
  context.reset();
  const std::chrono::nanoseconds took = Clock::now() - asked;
  INFO("stop and destruction took " << milliseconds(took) << " ms");
  CHECK(took < longest);
  fault.end();
  std::printf("%-52s | stopped and destroyed in the midst, in %4.0f ms\n", name.c_str(), milliseconds(took));
  std::fflush(stdout);
}

template <class F, class AtStop = F>
void survive(const std::string& name) {
  SECTION("timers go on and messages flow again afterwards") {
    F fault;
    live_through(name, fault);
  }
  SECTION("the service stops in the midst of it") {
    AtStop fault;
    stop_in_the_midst(name, fault);
  }
  SECTION("the service is stopped and destroyed in the midst of it") {
    AtStop fault;
    destroy_in_the_midst(name, fault);
  }
}

template <class F>
void survive_with_tls(const std::string& name) {
  if (!support::Certificates::get().available()) {
    WARN("the openssl program is not installed: TLS was not tested");
    return;
  }
  survive<F>(name);
}

}  // namespace

TEST_CASE("a service survives a broker that is killed and comes back", "[figures]") {
  survive<Killed>("killed, back later");
}

TEST_CASE("a service survives a broker that is replaced on its port at once", "[figures]") {
  survive<Restarted>("killed, and a new one on the same port at once");
}

TEST_CASE("a service survives a broker that hangs for a moment", "[figures]") {
  survive<Hanging<false>>("hangs for a moment");
}

TEST_CASE("a service survives a broker that hangs for longer than every timeout", "[figures]") {
  survive<Hanging<true>>("hangs for longer than every timeout");
}

TEST_CASE("a service survives a port that accepts and never speaks", "[figures]") {
  survive<SilentPort>("a port that accepts and never speaks");
}

TEST_CASE("a service survives a port that greets and then never speaks", "[figures]") {
  survive<GreetingPort>("a port that greets and then never speaks");
}

TEST_CASE("a service survives a broker that refuses its credentials", "[figures]") {
  survive<CredentialsRefused>("credentials refused");
}

TEST_CASE("a service survives plain text behind a tls address, which sees no credentials", "[figures]") {
  survive_with_tls<PlainBehindTls>("plain text behind a tls address");
}

TEST_CASE("a service survives a broker whose certificate has expired", "[figures]") {
  survive_with_tls<CertificateExpired>("certificate expired");
}

TEST_CASE("a service survives a broker with the certificate of another host", "[figures]") {
  survive_with_tls<CertificateOfAnotherHost>("certificate of another host");
}

TEST_CASE("a service survives a broker whose certificate no known authority has signed", "[figures]") {
  survive_with_tls<CertificateOfAStranger>("certificate of an unknown authority");
}

TEST_CASE("a service survives events that are longer than the broker takes", "[figures]") {
  survive<PayloadTooLong>("events above max_payload");
}

TEST_CASE("a service survives a broker whose limit for payloads falls", "[figures]") {
  survive<PayloadLimitFalls>("max_payload falls below what the broker had said");
}

TEST_CASE("a service survives messages that come faster than it takes them", "[figures]") {
  survive<SlowConsumer<false>>("messages come faster than they are taken");
}

TEST_CASE("a service survives that the broker cuts it off as a slow consumer", "[figures]") {
  survive<SlowConsumer<true>>("cut off as a slow consumer");
}

TEST_CASE("a service survives an outbox that reaches its bound", "[figures]") {
  survive<OutboxFull>("outbox at its bound");
}

TEST_CASE("a service survives a broker that dies with 10,000 calls in flight", "[figures]") {
  survive<RequestsInFlight<false>, RequestsInFlight<true>>("killed with 10,000 calls in flight");
}
