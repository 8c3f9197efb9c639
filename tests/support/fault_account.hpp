#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "support/fault_rig.hpp"
#include "support/nats_client.hpp"
#include "support/tcp.hpp"

// What became of numbered events, counted by a client that shares no code with the library.

namespace support {

inline constexpr const char* numbered = "numbered";

/// How often each number has arrived, over all connections of the clients that count.
using Arrivals = std::vector<int>;

/// An independent client that counts numbered events until it is told that there are no more, or until the
/// broker hangs up. It reads as fast as it can, so that the broker has nothing to take along when it dies.
class Watcher {
 public:
  /// `user` and `password` may be empty. The broker knows of the subscription when this returns.
  Watcher(std::uint16_t port, Arrivals& arrivals, const std::string& user = {},
          const std::string& password = {})
      : arrivals_{arrivals}, socket_{open(port, user, password)}, last_{open(port, user, password)} {
    socket_.send(std::string{"SUB "} + numbered + " 1\r\nPING\r\n");
    wait_for(socket_, "PONG\r\n");
    thread_ = std::thread{[this] { read(); }};
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() {
    ended_ = true;
    join();
  }

  /// Returns when all that the broker has taken so far was counted. The service must have closed its
  /// connection.
  void finish() {
    last_.send(std::string{"PUB "} + numbered + " " + std::to_string(std::string_view{end}.size()) + "\r\n" +
               end + "\r\n");
    join();
  }
  /// Returns when the broker, which is dead, has hung up, and everything was counted.
  void join() {
    if (!thread_.joinable()) return;
    thread_.join();
    for (std::size_t at = 0; (at = seen_.find(number, at)) != std::string::npos;) {
      at += std::string_view{number}.size();
      ++arrivals_.at(std::stoull(seen_.substr(at, 20)));
    }
  }

 private:
  static constexpr const char* end = R"({"end":true})";
  static constexpr const char* number = R"("n":)";
  static constexpr std::chrono::milliseconds turn{20};

  static Socket open(std::uint16_t port, const std::string& user, const std::string& password) {
    Socket socket = connect_loopback(port);
    if (!socket) throw std::runtime_error{"no broker at port " + std::to_string(port)};
    std::string options = R"({"verbose":false)";
    if (!user.empty()) options.append(R"(,"user":")" + user + R"(","pass":")" + password + R"(")");
    socket.send("CONNECT " + options + "}\r\nPING\r\n");
    wait_for(socket, "PONG\r\n");
    return socket;
  }

  static void wait_for(const Socket& socket, const std::string& word) {
    const auto deadline = std::chrono::steady_clock::now() + NatsClient::patience;
    for (std::string text; text.find(word) == std::string::npos;) {
      const auto more = socket.receive(turn);
      if (!more || std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error{"the broker does not answer: " + text};
      text += *more;
    }
  }

  void read() {
    // Else a word that came in two pieces would be missed.
    const std::size_t overlap = std::string_view{end}.size();
    for (std::size_t looked = 0; !ended_ && seen_.find(end, looked) == std::string::npos;) {
      looked = seen_.size() > overlap ? seen_.size() - overlap : 0;
      const auto text = socket_.receive(turn);
      if (!text) return;
      seen_ += *text;
    }
  }

  Arrivals& arrivals_;
  Socket socket_;
  Socket last_;
  std::string seen_;  // of the thread, until it was joined
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

/// Publishes numbered events and remembers which were accepted.
class Publisher : public Caller {
 public:
  explicit Publisher(cliffracer::ServiceConfig config) : Caller{std::move(config)} {}

  /// One event with the next number, and `filling` bytes. False: refused.
  bool publish(std::size_t filling = 0) {
    const std::size_t n = was_accepted_.size();
    was_accepted_.push_back(false);
    try {
      publish_event(numbered, {{"n", n}, {"filling", std::string(filling, 'x')}});
    } catch (const std::system_error& error) {
      last_refusal_ = error.code();
      return false;
    }
    was_accepted_.back() = true;
    return true;
  }
  /// `count` of them, about 100,000 per second.
  void publish_many(std::size_t count, std::size_t filling = 0) {
    for (std::size_t n = 0; n < count; ++n) {
      publish(filling);
      if (n % 100 == 99) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }

  [[nodiscard]] const std::vector<bool>& was_accepted() const { return was_accepted_; }
  [[nodiscard]] std::error_code last_refusal() const { return last_refusal_; }

 private:
  std::vector<bool> was_accepted_;
  std::error_code last_refusal_;
};

/// The account of one fault. Each number that was sent is refused or accepted; each that was accepted is
/// delivered, reported lost, reported as unconfirmed (which may have been delivered), still waiting, or
/// unaccounted for.
struct Account {
  std::uint64_t sent = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t delivered = 0;     // once at least
  std::uint64_t duplicates = 0;    // once more
  std::uint64_t from_nowhere = 0;  // arrived, although refused
  std::uint64_t published = 0;
  std::uint64_t unconfirmed = 0;
  std::uint64_t lost = 0;
  std::uint64_t waiting = 0;

  /// Accepted, neither delivered nor reported lost for certain.
  [[nodiscard]] std::uint64_t missing() const { return accepted - delivered - lost - waiting; }
  /// Not even reported as possibly lost.
  [[nodiscard]] std::uint64_t unaccounted() const {
    return missing() > unconfirmed ? missing() - unconfirmed : 0;
  }

  Account(const Publisher& service, const Arrivals& arrivals) {
    const auto& was_accepted = service.was_accepted();
    sent = was_accepted.size();
    for (std::size_t n = 0; n < was_accepted.size(); ++n) {
      const int times = arrivals.at(n);
      (was_accepted[n] ? accepted : refused) += 1;
      if (times > 0) (was_accepted[n] ? delivered : from_nowhere) += 1;
      if (times > 1) ++duplicates;
    }
    const auto broker = service.broker();
    published = broker.published;
    unconfirmed = broker.unconfirmed;
    lost = broker.publish_errors - refused;
    waiting = broker.outbox_messages;
  }

  void print(const std::string& fault) const {
    const auto n = [](std::uint64_t count) { return static_cast<unsigned long long>(count); };
    static bool has_header = false;
    if (!has_header) {
      std::printf("%-52s | %6s | %7s | %8s | %9s | %10s | %6s | %11s | %11s\n", "events", "sent", "refused",
                  "accepted", "delivered", "duplicates", "lost", "unconfirmed", "unaccounted");
      has_header = true;
    }
    std::printf("%-52s | %6llu | %7llu | %8llu | %9llu | %10llu | %6llu | %11llu | %11llu\n", fault.c_str(),
                n(sent), n(refused), n(accepted), n(delivered), n(duplicates), n(lost), n(unconfirmed),
                n(unaccounted()));
    std::fflush(stdout);
  }
};

}  // namespace support
