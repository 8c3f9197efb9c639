#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/tcp.hpp"

namespace support {

struct WireMessage {
  std::string subject{};
  std::string reply{};
  std::string headers{};  // as on the wire
  std::string payload{};
};

/// A second client that shares no code with the library: the NATS protocol by hand over one loopback socket.
class NatsClient {
 public:
  static constexpr std::chrono::milliseconds patience{5000};

  /// `options` are the members of the CONNECT object that authentication needs, for example
  /// `"user":"a","pass":"b"`.
  explicit NatsClient(std::uint16_t port, const std::string& options = {}) : socket_{connect_loopback(port)} {
    if (!socket_) throw std::runtime_error{"no broker at port " + std::to_string(port)};
    static_cast<void>(line());  // INFO
    send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true" +
         (options.empty() ? "" : "," + options) + "}\r\n");
    flush();
  }

  /// The broker knows of the subscription when this returns.
  void subscribe(const std::string& subject, const std::string& queue_group = {}) {
    send("SUB " + subject + " " + (queue_group.empty() ? "" : queue_group + " ") +
         std::to_string(++last_id_) + "\r\n");
    flush();
  }

  void publish(const std::string& subject, std::string_view payload, const std::string& reply = {}) {
    send("PUB " + subject + " " + (reply.empty() ? "" : reply + " ") + std::to_string(payload.size()) +
         "\r\n" + std::string{payload} + "\r\n");
  }

  /// With one header.
  void publish_with_header(const std::string& subject, const std::string& name, const std::string& value,
                           std::string_view payload, const std::string& reply = {}) {
    const std::string header = "NATS/1.0\r\n" + name + ": " + value + "\r\n\r\n";
    send("HPUB " + subject + " " + (reply.empty() ? "" : reply + " ") + std::to_string(header.size()) + " " +
         std::to_string(header.size() + payload.size()) + "\r\n" + header + std::string{payload} + "\r\n");
  }

  /// Returns when the broker has taken everything sent before.
  void flush() {
    send("PING\r\n");
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (const int wanted = ++pings_; pongs_ < wanted;) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error{"the broker does not answer a ping"};
      if (auto message = read_one(std::chrono::milliseconds{100})) kept_.push_back(std::move(*message));
    }
  }

  /// The next message, or nothing within `limit`.
  [[nodiscard]] std::optional<WireMessage> next(std::chrono::milliseconds limit = patience) {
    if (!kept_.empty()) {
      WireMessage message = std::move(kept_.front());
      kept_.pop_front();
      return message;
    }
    const auto deadline = std::chrono::steady_clock::now() + limit;
    do {
      if (auto message = read_one(std::chrono::milliseconds{20})) return message;
    } while (std::chrono::steady_clock::now() < deadline);
    return std::nullopt;
  }

 private:
  void send(const std::string& text) {
    if (!socket_.send(text)) throw std::runtime_error{"the broker is gone"};
  }

  bool fill(std::chrono::milliseconds limit) {
    auto text = socket_.receive(limit);
    if (!text) throw std::runtime_error{"the broker hung up: " + buffer_};
    buffer_ += *text;
    return !text->empty();
  }

  std::string line() {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error{"the broker says nothing"};
      fill(std::chrono::milliseconds{100});
    }
    std::string out = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return out;
  }

  std::string bytes(std::size_t count) {
    while (buffer_.size() < count) fill(std::chrono::milliseconds{100});
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return out;
  }

  std::optional<WireMessage> read_one(std::chrono::milliseconds limit) {
    if (buffer_.find("\r\n") == std::string::npos && !fill(limit)) return std::nullopt;
    if (buffer_.find("\r\n") == std::string::npos) return std::nullopt;
    std::istringstream words{line()};
    std::string word;
    words >> word;
    if (word == "PING") send("PONG\r\n");
    if (word == "PONG") ++pongs_;
    if (word == "-ERR") throw std::runtime_error{"the broker says " + words.str()};
    if (word != "MSG" && word != "HMSG") return std::nullopt;

    WireMessage message;
    std::string id;
    words >> message.subject >> id;
    std::vector<std::string> rest;
    while (words >> word) rest.push_back(word);
    const bool headers = words.str().starts_with("HMSG");
    if (rest.size() == (headers ? 3U : 2U)) {
      message.reply = rest.front();
      rest.erase(rest.begin());
    }
    if (headers) message.headers = bytes(std::stoul(rest.at(0)));
    message.payload = bytes(std::stoul(rest.back()) - message.headers.size());
    static_cast<void>(bytes(2));
    return message;
  }

  Socket socket_;
  std::string buffer_;
  std::deque<WireMessage> kept_;
  int last_id_ = 0;
  int pings_ = 0;
  int pongs_ = 0;
};

}  // namespace support
