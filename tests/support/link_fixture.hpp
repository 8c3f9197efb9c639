#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/link.hpp>
#include <cliffracer/detail/nats/nats_driver.hpp>
#include <cliffracer/detail/time/steady_time.hpp>
#include "support/captured_log.hpp"

namespace support {

/// An event loop with one link on it. The test's thread runs the loop while it waits, so that nothing is
/// concurrent but the link itself.
class LinkFixture {
 public:
  using Link = cliffracer::detail::Link;
  using Inbound = cliffracer::detail::Inbound;
  using State = cliffracer::detail::LinkState;

  static constexpr std::chrono::seconds patience{10};

  explicit LinkFixture(const cliffracer::ServiceConfig& config)
      : link{Link::create(strand, steady.queue(), config, log.of_service(config.name),
                          cliffracer::detail::make_nats_driver)} {}
  ~LinkFixture() {
    try {
      close(std::chrono::seconds{1});
    } catch (...) {
      // The test has failed for another reason already.
    }
  }

  LinkFixture(const LinkFixture&) = delete;
  LinkFixture& operator=(const LinkFixture&) = delete;

  /// Runs the loop until `condition()` holds; false when it does not within `limit`.
  template <class Condition>
  bool until(Condition condition, std::chrono::milliseconds limit = patience) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io.restart();
      io.run_one_for(std::chrono::milliseconds{5});
    }
    return true;
  }

  bool until_state(State state) {
    return until([&] { return link->status().state == state; });
  }

  /// Runs the loop for a while.
  void run_for(std::chrono::milliseconds time) {
    static_cast<void>(until([] { return false; }, time));
  }

  /// Runs the loop until `operation` has ended, and gives what it returned or throws what it threw.
  template <class T>
  T run(asio::awaitable<T> operation) {
    std::optional<std::exception_ptr> ended;
    std::optional<T> result;
    asio::co_spawn(io, std::move(operation), [&](std::exception_ptr error, T value) {
      ended = error;
      result = std::move(value);
    });
    wait_for_end(ended);
    return std::move(*result);
  }
  void run(asio::awaitable<void> operation) {
    std::optional<std::exception_ptr> ended;
    asio::co_spawn(io, std::move(operation), [&](std::exception_ptr error) { ended = error; });
    wait_for_end(ended);
  }

  /// Opens and waits for the connection.
  bool connect() {
    link->open();
    return until_state(State::connected);
  }

  nlohmann::json request(const std::string& subject, const std::string& payload = "{}",
                         std::chrono::nanoseconds timeout = std::chrono::seconds{5}) {
    return run(link->request(subject, payload, {}, timeout));
  }

  /// How long close() took.
  std::chrono::milliseconds close(std::chrono::nanoseconds grace) {
    const auto start = std::chrono::steady_clock::now();
    run(link->close(grace));
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  }

  /// Subscribes and collects what comes.
  std::shared_ptr<std::vector<Inbound>> collect(const std::string& subject,
                                                const std::string& queue_group = {}) {
    auto messages = std::make_shared<std::vector<Inbound>>();
    link->subscribe(subject, queue_group,
                    [messages](Inbound message) { messages->push_back(std::move(message)); });
    return messages;
  }

  /// Waits until the broker knows of everything asked for so far: a request to oneself comes back.
  bool settled() {
    const std::string subject = "settled." + std::to_string(++settle_count_);
    // The subscription outlives this call, and another link may use the subject.
    const auto arrived = std::make_shared<bool>(false);
    link->subscribe(subject, "", [arrived](const Inbound&) { *arrived = true; });
    run_for(std::chrono::milliseconds{20});
    link->publish(subject, "{}");
    return until([&] { return *arrived; });
  }

  asio::io_context io;
  cliffracer::detail::SteadyTime steady{io};
  cliffracer::detail::Strand strand{io.get_executor()};
  CapturedLog log;
  std::shared_ptr<Link> link;

 private:
  void wait_for_end(std::optional<std::exception_ptr>& ended) {
    if (!until([&] { return ended.has_value(); }, std::chrono::seconds{20}))
      throw std::runtime_error{"an operation did not end within 20 s"};
    if (*ended) std::rethrow_exception(*ended);
  }

  int settle_count_ = 0;
};

/// The code of the std::system_error that `action` throws; none when it throws nothing.
template <class Action>
std::error_code error_of(Action action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

}  // namespace support
