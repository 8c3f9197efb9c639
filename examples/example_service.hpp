#pragma once

#include <cliffracer/nats_service.hpp>

#include "example_options.hpp"

#include <asio/awaitable.hpp>
#include <asio/error_code.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <utility>

/// A service that stops by itself once it has run for `ExampleOptions::duration`.
class ExampleService : public cliffracer::NatsService {
 protected:
  ExampleService(ExampleOptions options, cliffracer::ServiceConfig config)
      : NatsService{std::move(config)}, options_{std::move(options)}, end_{get_executor()} {}

  /// As the last step of an on_start() that overrides it: on_stop() follows only when that succeeded.
  asio::awaitable<void> on_start() override {
    if (options_.duration > options_.duration.zero()) {
      end_.expires_after(std::chrono::duration_cast<std::chrono::nanoseconds>(options_.duration));
      end_.async_wait([this](const asio::error_code& error) {
        if (!error) request_stop();
      });
    }
    co_return;
  }

  /// run() returns when nothing is left to wait for.
  asio::awaitable<void> on_stop() override {
    end_.cancel();
    co_return;
  }

  const ExampleOptions options_;

 private:
  asio::steady_timer end_;
};
