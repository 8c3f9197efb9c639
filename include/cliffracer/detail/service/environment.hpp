#pragma once

#include <cliffracer/detail/link/link_driver.hpp>
#include <cliffracer/detail/nats/nats_driver.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/detail/time/steady_time.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/run_probe.hpp>

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace cliffracer::detail {

/// What tests put in the place of time, broker and worker threads.
struct Replacement {
  TimerQueue& queue;
  RunProbe* run_probe = nullptr;
  LinkDriverFactory make_driver = make_nats_driver;
  bool workers_inline = false;    ///< Plain methods run on the event loop.
  std::uint64_t jitter_seed = 0;  ///< Of services that have none of their own.
};

/// Where the services of one io_context have their time from, and how they reach their broker: in production
/// the steady clock and NATS. asio::use_service<Environment>(context).
class Environment final : public asio::execution_context::service {
 public:
  using key_type = Environment;
  inline static asio::execution_context::id id;

  explicit Environment(asio::execution_context& context)
      : asio::execution_context::service{context},
        steady_{std::in_place, static_cast<asio::io_context&>(context)},
        replaced_{.queue = steady_->queue()} {}

  /// asio::make_service, before the first service is made on the io_context, which `replacement` must
  /// outlive.
  Environment(asio::execution_context& context, Replacement replacement)
      : asio::execution_context::service{context}, replaced_{std::move(replacement)} {}

  [[nodiscard]] TimerQueue& queue() const noexcept { return replaced_.queue; }
  /// Null: nobody looks.
  [[nodiscard]] RunProbe* run_probe() const noexcept { return replaced_.run_probe; }
  /// The way to the broker.
  [[nodiscard]] const LinkDriverFactory& make_driver() const noexcept { return replaced_.make_driver; }
  [[nodiscard]] bool workers_inline() const noexcept { return replaced_.workers_inline; }
  /// In production another one for each process.
  [[nodiscard]] std::uint64_t jitter_seed() const {
    static const std::uint64_t of_process = random_id_bits();
    return steady_ ? of_process : replaced_.jitter_seed;
  }

  /// The io_context of services that are being constructed on this thread without one; null: each makes its
  /// own.
  inline static thread_local asio::io_context* given_context = nullptr;

 private:
  void shutdown() override {
    replaced_.queue.destroy_sleepers();
    if (steady_) steady_->shut_down();
  }

  std::optional<SteadyTime> steady_;
  Replacement replaced_;
};

}  // namespace cliffracer::detail
