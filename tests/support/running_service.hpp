#pragma once

#include <cliffracer/nats_service.hpp>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <thread>

namespace support {

/// No broker listens there.
inline constexpr const char* no_broker = "nats://127.0.0.1:1";

/// In a coroutine.
inline asio::awaitable<void> wait(std::chrono::nanoseconds duration) {
  asio::steady_timer delay{co_await asio::this_coro::executor, duration};
  co_await delay.async_wait(asio::use_awaitable);
}

/// Waits until `condition` holds. False: it did not within 10 s.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

/// service.run() on a thread of its own, until the end of the scope.
class Running {
 public:
  explicit Running(cliffracer::NatsService& service) : service_{service}, thread_{[this] { run(); }} {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { stop(); }

  /// Asks the service to stop and waits for the end of run().
  void stop() {
    if (!thread_.joinable()) return;
    service_.request_stop();
    thread_.join();
  }

  /// Waits for the end of run() without asking for it.
  void join() { thread_.join(); }

  [[nodiscard]] std::exception_ptr thrown() const { return thrown_; }

 private:
  void run() {
    try {
      service_.run();
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  cliffracer::NatsService& service_;
  std::exception_ptr thrown_;
  std::thread thread_;
};

}  // namespace support
