#pragma once

#include <cliffracer/nats_service.hpp>

#include <asio/steady_timer.hpp>

#include <chrono>

/// Ends a service that has run long enough. A member of the service; only on its strand.
class EndTimer {
 public:
  explicit EndTimer(cliffracer::NatsService& service) : service_{service}, timer_{service.get_executor()} {}

  /// Zero: does not end it. As the last step of on_start(): on_stop() follows only when that succeeded.
  void start(std::chrono::duration<double> duration) {
    if (duration <= duration.zero()) return;
    timer_.expires_after(std::chrono::duration_cast<std::chrono::nanoseconds>(duration));
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) service_.request_stop();
    });
  }

  /// In on_stop(): run() returns when nothing is left to wait for.
  void cancel() { timer_.cancel(); }

 private:
  cliffracer::NatsService& service_;
  asio::steady_timer timer_;
};
