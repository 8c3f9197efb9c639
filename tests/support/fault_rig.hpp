#pragma once

#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <cliffracer/error.hpp>
#include <cliffracer/nats_service.hpp>
#include "support/captured_log.hpp"

namespace support {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int slowness = 4;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int slowness = 4;
#else
inline constexpr int slowness = 1;
#endif
#else
inline constexpr int slowness = 1;
#endif

/// How well this machine wakes a thread that sleeps: what a timer cannot do better.
class Metronome {
 public:
  Metronome() : thread_{[this] { run(); }} {}
  Metronome(const Metronome&) = delete;
  Metronome& operator=(const Metronome&) = delete;
  ~Metronome() {
    ended_ = true;
    thread_.join();
  }

  /// The longest that a sleep was too long.
  [[nodiscard]] std::chrono::nanoseconds worst() const { return std::chrono::nanoseconds{worst_}; }

 private:
  void run() {
    while (!ended_) {
      const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds{10};
      std::this_thread::sleep_until(due);
      const std::chrono::nanoseconds late = std::chrono::steady_clock::now() - due;
      worst_ = std::max(worst_.load(), static_cast<std::int64_t>(late.count()));
    }
  }

  std::atomic<bool> ended_{false};
  std::atomic<std::int64_t> worst_{0};
  std::thread thread_;
};

/// How the calls of a service ended. Each is in one of them.
struct CallOutcomes {
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> failed{0};  // with an error that the other side sent
  std::atomic<std::uint64_t> timed_out{0};
  std::atomic<std::uint64_t> aborted{0};   // the service stopped
  std::atomic<std::uint64_t> nobody{0};    // the broker said that nobody serves it
  std::atomic<std::uint64_t> not_sent{0};  // refused at once
  std::atomic<std::uint64_t> strange{0};

  [[nodiscard]] std::uint64_t ended() const {
    return answered + failed + timed_out + aborted + nobody + not_sent + strange;
  }
};

/// A service that calls others and keeps account of it. It logs to where a test can read it.
class Caller : public cliffracer::NatsService {
 public:
  explicit Caller(cliffracer::ServiceConfig config) : NatsService{captured(std::move(config))} {}
  Caller(asio::io_context& context, cliffracer::ServiceConfig config)
      : NatsService{context, captured(std::move(config))} {}

  [[nodiscard]] cliffracer::BrokerInfo broker() const { return get_service_info().broker; }
  [[nodiscard]] bool is_connected() const { return broker().state == "connected"; }

  /// `count` calls at once.
  void ask_at_once(int count, const std::string& service, const std::string& method) {
    for (int n = 0; n < count; ++n) asio::co_spawn(get_executor(), call(service, method), asio::detached);
  }

  /// What all of them have logged in this process.
  [[nodiscard]] static CapturedLog& log() {
    static auto& shared = *new CapturedLog;
    return shared;
  }

  CallOutcomes calls{};

 protected:
  asio::awaitable<void> call(std::string service, std::string method) {
    ++calls.asked;
    std::atomic<std::uint64_t>* outcome = &calls.strange;
    try {
      auto calling = call_rpc(std::move(service), std::move(method));
      const nlohmann::json reply = co_await std::move(calling);
      outcome = &calls.answered;
    } catch (const cliffracer::RpcError& error) {
      const bool nobody = error.reason() == cliffracer::RpcError::Reason::no_responders;
      if (nobody || error.reason() == cliffracer::RpcError::Reason::remote)
        outcome = nobody ? &calls.nobody : &calls.failed;
    } catch (const std::system_error& error) {
      if (error.code() == asio::error::timed_out)
        outcome = &calls.timed_out;
      else if (error.code() == asio::error::operation_aborted)
        outcome = &calls.aborted;
      else
        outcome = &calls.not_sent;
    }
    ++*outcome;
  }

 private:
  // A logger is never dropped: a thread that was left behind may be the last to let go of it, and
  // ThreadSanitizer does not see what spdlog's library does.
  static cliffracer::ServiceConfig captured(cliffracer::ServiceConfig config) {
    if (spdlog::get(config.name)) return config;
    static auto& kept = *new std::vector<std::shared_ptr<spdlog::logger>>;
    kept.push_back(std::make_shared<spdlog::logger>(config.name, log().logger()->sinks().front()));
    spdlog::register_logger(kept.back());
    return config;
  }
};

/// A service with something of everything on its way at each instant: two timers of 20 ms that publish (a
/// coroutine and a plain method), one that calls the service's own method through the broker, a listener.
class Rig : public Caller {
 public:
  static constexpr std::chrono::milliseconds interval{20};
  /// Below every timeout of rig_config(): a timer that waits for the broker is later than this.
  static constexpr std::chrono::milliseconds max_drift{300 * slowness};

  explicit Rig(cliffracer::ServiceConfig config, std::chrono::milliseconds drift = max_drift)
      : Caller{std::move(config)} {
    register_all(drift);
  }
  Rig(asio::io_context& context, cliffracer::ServiceConfig config) : Caller{context, std::move(config)} {
    register_all(max_drift);
  }

  /// "tick" or "plain_tick".
  [[nodiscard]] cliffracer::TimerStats stats(const std::string& name) const {
    const auto all = get_timer_stats();
    return *std::find_if(all.timers.begin(), all.timers.end(),
                         [&](const auto& stats) { return stats.name == name; });
  }

  // What the test may change.
  std::atomic<int> events_per_tick{1};
  std::atomic<std::size_t> filling{16};  // bytes per event
  std::atomic<int> listening_ms{0};      // how long the listener takes

  // What came of it. Any thread.
  std::atomic<std::uint64_t> accepted{0};       // events
  std::atomic<std::uint64_t> refused_full{0};   // the outbox is full
  std::atomic<std::uint64_t> refused_long{0};   // the broker takes no such payload
  std::atomic<std::uint64_t> refused_other{0};  // not connected: stopped or given up
  std::atomic<std::uint64_t> heard{0};

 private:
  void register_all(std::chrono::milliseconds drift) {
    add(cliffracer::timer<&Rig::tick>{.interval = interval, .max_drift = drift},
        cliffracer::timer<&Rig::plain_tick>{.interval = interval, .max_drift = drift},
        cliffracer::timer<&Rig::ask>{.interval = std::chrono::milliseconds{50}},
        cliffracer::rpc<&Rig::echo>{}, cliffracer::listener<&Rig::on_event>{.subject = "rig.in"});
  }

  asio::awaitable<void> tick() {
    publish();
    co_return;
  }
  void plain_tick() { publish(); }
  asio::awaitable<void> ask() {
    auto asking = call(config().name, "echo");
    co_await std::move(asking);
  }
  nlohmann::json echo(nlohmann::json arguments) { return arguments; }
  void on_event(nlohmann::json) {
    ++heard;
    std::this_thread::sleep_for(std::chrono::milliseconds{listening_ms});
  }

  void publish() {
    for (int n = 0; n < events_per_tick; ++n) {
      try {
        publish_event("rig.out", {{"filling", std::string(filling, 'x')}});
        ++accepted;
      } catch (const std::system_error& error) {
        if (error.code() == std::errc::no_buffer_space)
          ++refused_full;
        else if (error.code() == std::errc::message_size)
          ++refused_long;
        else
          ++refused_other;
      }
    }
  }
};

/// Timeouts short enough for a test, and longer than Rig::max_drift where a timer could be made to wait.
[[nodiscard]] inline cliffracer::ServiceConfig rig_config(std::string url) {
  using std::chrono::milliseconds;
  return {.name = "rig",
          .nats_url = std::move(url),
          .request_timeout = milliseconds{400},
          .connect_timeout = 2 * Rig::max_drift,
          .reconnect_time_wait = milliseconds{50},
          .stop_timeout = milliseconds{500}};
}

}  // namespace support
