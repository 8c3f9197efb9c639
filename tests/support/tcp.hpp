#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace support {

/// One loopback socket. Every wait is bounded.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept : fd_{fd} {}
  Socket(Socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  void reset() noexcept { Socket{std::move(*this)}; }

  /// Sends all of `text`; false when the other side is gone.
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// What arrives within `patience`: empty text when nothing does, nothing at all when the other side has
  /// closed.
  [[nodiscard]] std::optional<std::string> receive(std::chrono::milliseconds patience) const {
    pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, static_cast<int>(patience.count()));
    if (ready <= 0) return std::string{};
    std::string text(65'536, '\0');
    const ssize_t got = ::recv(fd_, text.data(), text.size(), 0);
    if (got <= 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(got));
    return text;
  }

 private:
  int fd_ = -1;
};

[[nodiscard]] inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A connection to a loopback port; an empty Socket when nobody listens there.
[[nodiscard]] inline Socket connect_loopback(std::uint16_t port) {
  Socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket) throw std::system_error{errno, std::generic_category(), "socket"};
  const sockaddr_in address = loopback(port);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Socket{};
  return socket;
}

/// Listens on a loopback port that the kernel chose.
class Listener {
 public:
  Listener() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (!socket_ || ::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::listen(socket_.fd(), 16) != 0 ||
        ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::system_error{errno, std::generic_category(), "listen on loopback"};
    port_ = ntohs(address.sin_port);
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// The next connection, or an empty Socket when none comes within `patience`.
  [[nodiscard]] Socket accept(std::chrono::milliseconds patience) const {
    pollfd readable{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return Socket{};
    return Socket{::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC)};
  }

 private:
  Socket socket_;
  std::uint16_t port_ = 0;
};

/// From now on nothing can be sent on this process's connection to the loopback port `port`, which looks
/// whole otherwise, to both sides. False when there is none.
inline bool shut_sending_to(std::uint16_t port) {
  constexpr int last = 1'023;
  for (int fd = 0; fd <= last; ++fd) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 && peer.sin_family == AF_INET &&
        ntohs(peer.sin_port) == port)
      return ::shutdown(fd, SHUT_WR) == 0;
  }
  return false;
}

/// A loopback port that was free a moment ago.
[[nodiscard]] inline std::uint16_t free_port() { return Listener{}.port(); }

}  // namespace support
