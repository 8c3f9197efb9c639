#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/service/environment.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/detail/virtual_time_core.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace cliffracer::detail {

CLIFFRACER_DECL GivenContext::GivenContext(asio::io_context& context) noexcept {
  Environment::given_context = &context;
}

CLIFFRACER_DECL GivenContext::~GivenContext() { Environment::given_context = nullptr; }

CLIFFRACER_DECL VirtualTimeCore::VirtualTimeCore(const testing::VirtualTimeOptions& options,
                                                 TimePoint beginning)
    : seed_{options.seed},
      beginning_{beginning},
      wall_clock_{options.wall_clock.time_since_epoch()},
      patience_{options.patience},
      now_{beginning},
      watchdog_{options.patience, [this] { runs_.abort_with_names(); }} {
  queue_.shuffle_equals(options.seed);
  asio::make_service<Environment>(
      context_,
      Replacement{
          .queue = queue_,
          .run_probe = this,
          .make_driver = [this](auto core, auto log) { return connect(std::move(core), std::move(log)); },
          .workers_inline = options.workers_inline,
          .jitter_seed = options.seed});
}

CLIFFRACER_DECL VirtualTimeCore& VirtualTimeCore::of(testing::VirtualTime& time) noexcept {
  return *time.core_;
}

}  // namespace cliffracer::detail

namespace cliffracer::testing {

CLIFFRACER_DECL VirtualTime::VirtualTime() : VirtualTime{Options{}} {}

CLIFFRACER_DECL VirtualTime::VirtualTime(const Options& options)
    : core_{std::make_unique<detail::VirtualTimeCore>(options, beginning)} {}

CLIFFRACER_DECL VirtualTime::~VirtualTime() = default;

CLIFFRACER_DECL asio::io_context& VirtualTime::context() noexcept { return core_->context(); }

CLIFFRACER_DECL void VirtualTime::start(NatsService& service) { run(service.start()); }

CLIFFRACER_DECL void VirtualTime::stop(NatsService& service) { run(service.stop()); }

CLIFFRACER_DECL std::chrono::nanoseconds VirtualTime::elapsed() const noexcept {
  return since_start(core_->now());
}

CLIFFRACER_DECL void VirtualTime::advance(std::chrono::nanoseconds duration) {
  run_until(elapsed() + duration);
}

CLIFFRACER_DECL void VirtualTime::run_until(std::chrono::nanoseconds since_start) {
  core_->run_until(beginning + since_start);
}

CLIFFRACER_DECL bool VirtualTime::run_next() { return core_->run_next(); }

CLIFFRACER_DECL void VirtualTime::settle() { core_->settle(); }

CLIFFRACER_DECL void VirtualTime::jump(std::chrono::nanoseconds duration) noexcept { core_->jump(duration); }

CLIFFRACER_DECL std::chrono::system_clock::time_point VirtualTime::wall_clock() const noexcept {
  return core_->wall_clock();
}

CLIFFRACER_DECL void VirtualTime::step_wall_clock(std::chrono::nanoseconds duration) noexcept {
  core_->step_wall_clock(duration);
}

CLIFFRACER_DECL void VirtualTime::call_at(std::chrono::nanoseconds since_start,
                                          std::function<void()> action) {
  core_->call_at(beginning + since_start, std::move(action));
}

CLIFFRACER_DECL void VirtualTime::run_to_end(asio::awaitable<void> task, std::chrono::nanoseconds limit) {
  core_->run(std::move(task), limit);
}

CLIFFRACER_DECL void VirtualTime::stop_at_last(NatsService& service) noexcept {
  try {
    stop(service);
  } catch (const std::exception&) {
    // Its destructor says that it still runs.
  }
}

}  // namespace cliffracer::testing
