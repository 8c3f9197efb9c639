#pragma once

#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/nats_service.hpp>

#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

// How NatsService is made, starts and runs.

namespace cliffracer {
namespace detail {

[[nodiscard]] inline ServiceConfig checked(ServiceConfig config) {
  check_validity(config);
  return config;
}

/// Keeps what `task` throws, and waits for no signal after it.
inline asio::awaitable<void> until_end(asio::awaitable<void> task, std::exception_ptr& failure,
                                       asio::signal_set& signals) {
  try {
    co_await std::move(task);
  } catch (...) {
    failure = std::current_exception();
  }
  signals.cancel();
}

}  // namespace detail

inline NatsService::NatsService(ServiceConfig config)
    : NatsService{detail::Environment::given_context ? nullptr : std::make_unique<asio::io_context>(1),
                  detail::Environment::given_context, std::move(config)} {}

inline NatsService::NatsService(asio::io_context& context, ServiceConfig config)
    : NatsService{nullptr, &context, std::move(config)} {}

inline NatsService::NatsService(std::unique_ptr<asio::io_context> owned, asio::io_context* context,
                                ServiceConfig config)
    : config_{detail::checked(std::move(config))},
      owned_context_{std::move(owned)},
      context_{owned_context_ ? *owned_context_ : *context},
      strand_{asio::make_strand(context_)},
      log_{detail::service_logger(config_.name)},
      environment_{asio::use_service<detail::Environment>(context_)},
      queue_{environment_.queue()},
      tasks_{strand_, queue_,
             [this](const std::string& name, const std::exception_ptr& escaped) {
               log_->error("service {}: {} failed: {}", config_.name, name,
                           detail::escaped(detail::text_of(escaped)));
               // The process may end next.
               log_->flush();
             }},
      dispatcher_{detail::ServiceLog{log_, config_.name},
                  config_.inbox_max_messages,
                  tasks_,
                  queue_.source(),
                  strand_,
                  [this](std::string subject, std::string payload, detail::MessageHeaders headers) {
                    started_link("reply")->publish(std::move(subject), std::move(payload), {},
                                                   std::move(headers));
                  }},
      idle_{strand_, asio::steady_timer::time_point::max()} {
  dispatcher_.set_blocking_threshold(config_.blocking_threshold);
  dispatcher_.on_blocked([this](const std::string& what, detail::TimePoint began, detail::TimePoint ended) {
    timers_.held_by(what, began, ended);
  });
  if (config_.remote_control) add_remote_control();
}

inline NatsService::~NatsService() {
  if (state_ == State::idle) return;
  const std::string message =
      "service " + config_.name +
      " is destroyed while it runs: stop() it, or let run() return, before its destructor";
  log_->critical(message.c_str());
  log_->flush();
  std::fprintf(stderr, "%s\n", message.c_str());
  std::terminate();
}

inline void NatsService::run() {
  if (!owned_context_) {
    throw std::logic_error{
        "service " + config_.name +
        ": run() is for a service with its own io_context; co_await start() on the caller's"};
  }
  if (state_ != State::idle) throw std::logic_error{"service " + config_.name + ": run(): it runs already"};
  context_.restart();
  asio::signal_set signals{context_, SIGINT, SIGTERM};
  signals.async_wait([&](const asio::error_code& error, int signal) {
    if (error) return;
    log_->info("service {}: signal {}", config_.name, signal);
    // The next one has its default effect: somebody is in a hurry.
    signals.clear();
    request_stop();
  });
  std::exception_ptr failure;
  // Not in co_spawn's handler, which Asio may have no memory to call.
  asio::co_spawn(strand_, detail::until_end(run_here(), failure, signals), asio::detached);
  for (bool ended = false; !ended;) {
    try {
      context_.run();
      ended = true;
    } catch (...) {
      // From a handler that somebody else put on this io_context.
      failure = std::current_exception();
      log_->critical("service {}: stops, because a handler on its event loop threw: {}", config_.name,
                     detail::escaped(detail::text_of(failure)));
      if (state_ != State::idle) request_stop();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

inline asio::awaitable<void> NatsService::run_here() {
  const bool started = co_await start_here();
  if (started) co_await wait_until_idle();
}

inline asio::awaitable<void> NatsService::start() {
  auto starting = start_here();
  const bool started = co_await asio::co_spawn(strand_, std::move(starting), asio::use_awaitable);
  if (!started) {
    throw std::system_error{asio::error::operation_aborted,
                            "service " + config_.name + ": stopped while starting"};
  }
}

/// False: stopped before it was started.
inline asio::awaitable<bool> NatsService::start_here() {
  // Half a start cannot be left behind.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (state_ != State::idle) throw std::logic_error{"service " + config_.name + ": start(): it runs already"};
  auto opened = detail::Link::create(strand_, queue_, config_, detail::ServiceLog{log_, config_.name},
                                     environment_.broker());
  state_ = State::starting;
  started_at_ = queue_.source().wall_clock();
  was_started_ = true;
  ++starts_;
  work_.emplace(strand_);
  {
    const std::lock_guard lock{link_mutex_};
    link_ = opened;
  }

  std::exception_ptr failure;
  bool was_hook_run = false;
  try {
    opened->open();
    if (!stop_requested_) {
      failure = co_await run_hook("on_start", &NatsService::on_start);
      was_hook_run = !failure;
    }
    if (!failure && !stop_requested_) {
      open_for_messages();
      join_cluster(opened);
      timers_.start(tasks_, {.strand = strand_,
                             .queue = queue_,
                             .event_loop = context_,
                             .log = detail::ServiceLog{log_, config_.name},
                             .worker_threads = config_.worker_threads,
                             .workers_inline = environment_.workers_inline(),
                             .blocking_threshold = config_.blocking_threshold,
                             .run_probe = environment_.observer(),
                             .observer = observer_,
                             .claims = claims_.get()});
    }
  } catch (...) {
    failure = std::current_exception();  // no threads to be had
  }
  if (failure || stop_requested_) {
    const bool is_stopped = stop_requested_;
    co_await shut_down(was_hook_run);
    if (failure && !(is_stopped && detail::is_abort(failure))) std::rethrow_exception(failure);
    co_return false;
  }
  state_ = State::running;
  log_->info("service {}: started; timers: {}, message handlers: {}", config_.name, timers_.size(),
             dispatcher_.handlers().size());
  // Asked for meanwhile on another thread, too early for begin_stop().
  if (stop_requested_) begin_stop();
  co_return true;
}

/// If replicas share a timer.
inline void NatsService::join_cluster(const std::shared_ptr<detail::Link>& opened) {
  const auto shared = timers_.cluster_timers();
  if (shared.empty()) return;
  if (!claims_) {
    const detail::ClusterClaims::Surroundings around{.strand = strand_,
                                                     .queue = queue_,
                                                     .tasks = tasks_,
                                                     .log = detail::ServiceLog{log_, config_.name},
                                                     .config = config_,
                                                     .id = id_};
    claims_ = std::make_unique<detail::ClusterClaims>(
        around, shared, [this](detail::TimerEntry& entry, detail::ClaimOutcome outcome) {
          timers_.claim_decided(entry, outcome);
        });
  }
  claims_->attach(opened);
}

/// Keeps what `hook` throws.
inline asio::awaitable<void> NatsService::capture(Hook hook, std::exception_ptr& thrown) {
  try {
    auto task = (this->*hook)();
    co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();
  }
}

/// Runs a hook of the subclass as a task. Returns what it threw.
inline asio::awaitable<std::exception_ptr> NatsService::run_hook(std::string name, Hook hook) {
  std::exception_ptr thrown;
  const bool is_start = state_ == State::starting;
  tasks_.spawn(std::move(name), capture(hook, thrown));
  if (is_start) {
    static_cast<void>(co_await tasks_.wait_empty(std::chrono::nanoseconds::max()));
  } else {
    co_await end_tasks();
  }
  co_return thrown;
}

}  // namespace cliffracer
