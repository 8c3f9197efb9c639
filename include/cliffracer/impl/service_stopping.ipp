#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/detail/text/exception_text.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

// How the service stops.

namespace cliffracer::detail {

CLIFFRACER_DECL asio::awaitable<void> Service::stop() {
  auto stopping = stop_here();
  co_await asio::co_spawn(strand_, std::move(stopping), asio::use_awaitable);
}

CLIFFRACER_DECL void Service::request_stop() noexcept {
  if (stop_requested_.exchange(true) || state_ == State::idle) return;
  asio::post(strand_, [this] { begin_stop(); });
}

CLIFFRACER_DECL asio::awaitable<void> Service::stop_here() {
  if (state_ == State::idle) co_return;
  stop_requested_ = true;
  begin_stop();
  co_await wait_until_idle();
}

CLIFFRACER_DECL asio::awaitable<void> Service::wait_until_idle() {
  for (const auto start = starts_; state_ != State::idle && starts_ == start;) {
    asio::error_code ignored;  // what counts is the state
    co_await idle_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

CLIFFRACER_DECL void Service::begin_stop() noexcept {
  // start_here() sees that a stop was requested; only its hook has to be ended.
  if (state_ == State::starting) tasks_.end_wait();
  if (state_ != State::running) return;
  state_ = State::stopping;
  asio::co_spawn(strand_, shut_down(true), asio::detached);
}

/// A stop that finds no memory can neither go on nor be undone: it ends the process instead of waiting for
/// ever.
CLIFFRACER_DECL asio::awaitable<void> Service::shut_down(bool with_hook) {
  StepGuard guard{*this, "stop"};
  try {
    auto ending = end_everything(with_hook);
    co_await std::move(ending);
  } catch (...) {
    log_quietly([&] {
      log_.critical("cannot stop, the process ends: {}", escaped(text_of(std::current_exception())));
      log_.flush();
    });
    std::terminate();
  }
  guard.ended();
}

CLIFFRACER_DECL asio::awaitable<void> Service::end_everything(bool with_hook) {
  const TimePoint began = queue_.now();
  state_ = State::stopping;
  log_.info("stopping");
  const auto opened = link();
  timers_.request_stop();
  dispatcher_.stop_accepting();
  opened->unsubscribe_all();
  co_await end_tasks();
  if (with_hook) {
    const auto failure = co_await run_hook("on_stop", hooks_.on_stop);
    if (failure) {
      log_.error("on_stop failed: {}", escaped(text_of(failure)));
    }
  }
  timers_.stopped();
  message_workers_.reset();
  const auto left = config_.stop_timeout - (queue_.now() - began);
  co_await opened->close(std::max<std::chrono::nanoseconds>(left, std::chrono::milliseconds{100}));
  log_.info("stopped");
  stop_requested_ = false;
  state_ = State::idle;
  work_.reset();
  idle_.cancel();
}

/// Waits for what runs, and after stop_timeout cancels it.
CLIFFRACER_DECL asio::awaitable<void> Service::end_tasks() {
  const TimePoint asked = queue_.now();
  const bool ended = co_await tasks_.wait_empty(config_.stop_timeout);
  if (ended) co_return;
  timers_.cancelling();
  co_await cancel_tasks(asked);
}

/// Cancels what runs, again and again, because it may begin another operation; says its name, and waits for
/// its end.
CLIFFRACER_DECL asio::awaitable<void> Service::cancel_tasks(TimePoint asked) {
  constexpr std::chrono::nanoseconds longest_pause = std::chrono::seconds{1};
  const std::chrono::nanoseconds timeout = config_.stop_timeout;
  // With no stop_timeout nothing had a turn to end in.
  TimePoint next_line = later(asked, timeout.count() > 0 ? timeout : longest_pause);
  std::chrono::nanoseconds pause = std::chrono::milliseconds{10};
  for (bool ended = false; !ended; pause = std::min(pause * 2, longest_pause)) {
    const TimePoint now = queue_.now();
    if (now >= next_line) {
      for (const auto& name : tasks_.names())
        log_.warn("{} still runs {:.1f} s after it should end", name, seconds(now - asked));
      next_line = later(now, std::max(timeout, longest_pause));
    }
    log_.info("cancelling what still runs");
    tasks_.cancel();
    ended = co_await tasks_.wait_empty(pause);
  }
}

}  // namespace cliffracer::detail
