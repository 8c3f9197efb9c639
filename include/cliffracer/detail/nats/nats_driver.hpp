#pragma once

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/link_driver.hpp>
#include <cliffracer/detail/nats/nats_worker.hpp>
#include <cliffracer/detail/text/service_log.hpp>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace cliffracer::detail {

/// Moves the messages of a link with nats.c, on a thread of its own: everything in nats.c may block.
class NatsDriver final : public LinkDriver {
 public:
  NatsDriver(std::shared_ptr<LinkCore> core, ServiceLog log) : core_{std::move(core)}, log_{std::move(log)} {}
  NatsDriver(const NatsDriver&) = delete;
  NatsDriver& operator=(const NatsDriver&) = delete;

  /// Blocks for a second at most.
  ~NatsDriver() override {
    if (!thread_.joinable()) return;
    if (core_->wait_finished(std::chrono::seconds{1}))
      thread_.join();
    else
      thread_.detach();
  }

  /// Throws std::system_error when there is no thread to be had.
  void start() override {
    thread_ = std::thread{[core = core_, log = log_] { NatsWorker{core, log}.run(); }};
  }

  void join() override {
    if (thread_.joinable()) thread_.join();
  }

  void leave_behind() noexcept override {
    if (thread_.joinable()) thread_.detach();
  }

 private:
  const std::shared_ptr<LinkCore> core_;
  const ServiceLog log_;
  std::thread thread_;
};

[[nodiscard]] inline std::unique_ptr<LinkDriver> make_nats_driver(std::shared_ptr<LinkCore> core,
                                                                  ServiceLog log) {
  return std::make_unique<NatsDriver>(std::move(core), std::move(log));
}

}  // namespace cliffracer::detail
