#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/tcp.hpp"

namespace support {

/// A greeting as a broker without TLS says it.
inline constexpr const char* plain_greeting =
    R"(INFO {"server_id":"A","version":"2.9.10","proto":1,"headers":true,"auth_required":true,)"
    R"("max_payload":1048576})"
    "\r\n";

/// What may listen where a broker is expected: takes connections, says `greeting` to each (nothing, when it
/// is empty), and not one word more. Remembers what it was told.
class FaultyPort {
 public:
  FaultyPort(std::uint16_t port, std::string greeting) : greeting_{std::move(greeting)} {
    listen_on(port);
    thread_ = std::thread{[this] { serve(); }};
  }
  FaultyPort(const FaultyPort&) = delete;
  FaultyPort& operator=(const FaultyPort&) = delete;
  ~FaultyPort() {
    ended_ = true;
    thread_.join();
  }

  [[nodiscard]] int connections() const { return connections_; }
  /// All that was received, from whomever.
  [[nodiscard]] std::string heard() const {
    const std::lock_guard lock{mutex_};
    return heard_;
  }

 private:
  static constexpr std::size_t most_connections = 256;
  static constexpr std::chrono::milliseconds turn{5};

  void listen_on(std::uint16_t port) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    const sockaddr_in address = loopback(port);
    for (;;) {
      Socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      const int yes = 1;
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
          ::listen(socket.fd(), 64) == 0) {
        socket_ = std::move(socket);
        return;
      }
      if (std::chrono::steady_clock::now() > deadline)
        throw std::system_error{errno, std::generic_category(), "listen on loopback"};
      std::this_thread::sleep_for(turn);
    }
  }

  void serve() {
    std::vector<Socket> taken;
    while (!ended_) {
      pollfd readable{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
      if (taken.size() < most_connections && ::poll(&readable, 1, static_cast<int>(turn.count())) > 0) {
        Socket socket{::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!socket) continue;
        ++connections_;
        socket.send(greeting_);
        taken.push_back(std::move(socket));
      }
      for (Socket& socket : taken) {
        if (!socket) continue;
        const auto text = socket.receive(std::chrono::milliseconds{0});
        if (!text) {
          socket.reset();
          continue;
        }
        const std::lock_guard lock{mutex_};
        heard_ += *text;
      }
    }
  }

  std::string greeting_;
  Socket socket_;
  std::atomic<bool> ended_{false};
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

}  // namespace support
