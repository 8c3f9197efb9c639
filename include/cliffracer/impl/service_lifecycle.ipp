#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/detail/text/exception_text.hpp>

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

// How the service is made, starts and runs.

namespace cliffracer::detail {

[[nodiscard]] inline ServiceConfig checked(ServiceConfig config) {
  check_validity(config);
  return config;
}

/// Ends the wait for signals, which would keep run() from returning, when the frame that it lies in ends;
/// also when Asio destroys that frame because it finds no memory for what is awaited there.
class SignalsGuard {
 public:
  SignalsGuard(asio::signal_set& signals, Strand strand) noexcept
      : signals_{signals}, strand_{std::move(strand)} {}
  SignalsGuard(const SignalsGuard&) = delete;
  SignalsGuard& operator=(const SignalsGuard&) = delete;
  ~SignalsGuard() {
    // When the io_context ends the signals are gone, and nothing runs on the strand.
    if (!strand_.running_in_this_thread()) return;
    asio::error_code ignored;
    signals_.cancel(ignored);
  }

 private:
  asio::signal_set& signals_;
  const Strand strand_;
};

/// Keeps what `task` throws, and waits for no signal after it.
inline asio::awaitable<void> until_end(asio::awaitable<void> task, std::exception_ptr& failure,
                                       asio::signal_set& signals, Strand strand) {
  const SignalsGuard guard{signals, std::move(strand)};
  try {
    co_await std::move(task);
  } catch (...) {
    failure = std::current_exception();
  }
}

CLIFFRACER_DECL Service::Service(ServiceConfig config, Hooks hooks)
    : Service{Environment::given_context ? nullptr : std::make_unique<asio::io_context>(1),
              Environment::given_context, std::move(config), std::move(hooks)} {}

CLIFFRACER_DECL Service::Service(asio::io_context& context, ServiceConfig config, Hooks hooks)
    : Service{nullptr, &context, std::move(config), std::move(hooks)} {}

CLIFFRACER_DECL Service::Service(std::unique_ptr<asio::io_context> owned, asio::io_context* context,
                                 ServiceConfig config, Hooks hooks)
    : config_{checked(std::move(config))},
      hooks_{std::move(hooks)},
      owned_context_{std::move(owned)},
      context_{owned_context_ ? *owned_context_ : *context},
      strand_{asio::make_strand(context_)},
      log_{config_.name},
      environment_{asio::use_service<Environment>(context_)},
      queue_{environment_.queue()},
      tasks_{strand_, queue_,
             [this](const std::string& name, const std::exception_ptr& thrown) {
               log_.error("{} failed: {}", name, escaped(text_of(thrown)));
               // The process may end next.
               log_.flush();
             }},
      dispatcher_{log_,
                  config_.inbox_max_messages,
                  tasks_,
                  queue_.source(),
                  strand_,
                  [this](std::string subject, std::string payload, MessageHeaders headers) {
                    started_link("reply")->publish(std::move(subject), std::move(payload), {},
                                                   std::move(headers));
                  }},
      idle_{strand_, asio::steady_timer::time_point::max()} {
  dispatcher_.set_blocking_threshold(config_.blocking_threshold);
  dispatcher_.on_blocked([this](const std::string& what, TimePoint began, TimePoint ended) {
    timers_.held_by(what, began, ended);
  });
  if (config_.remote_control) add_remote_control();
}

CLIFFRACER_DECL Service::~Service() {
  if (state_ == State::idle) return;
  constexpr const char* advice = "stop() it, or let run() return, before its destructor";
  log_.critical("destroyed while it runs: {}", advice);
  log_.flush();
  std::fprintf(stderr, "service %s is destroyed while it runs: %s\n", config_.name.c_str(), advice);
  std::terminate();
}

/// Refuses a registration whose method has no `object` here.
CLIFFRACER_DECL void Service::require_owner(const void* object, const std::string& registration) const {
  const auto refuse = [&](std::string_view rule) {
    throw std::invalid_argument{"service " + config_.name + ": " + registration + ": " + std::string{rule}};
  };
  if (!object) refuse("the method belongs to a class that is neither this service nor a public base of it");
}

CLIFFRACER_DECL Service::StepGuard::~StepGuard() {
  // When the io_context ends it destroys what it still has, and nothing runs on the strand.
  if (has_ended_ || !strand_.running_in_this_thread()) return;
  log_quietly([&] {
    service_.log_.critical("cannot {}, the process ends: there was no memory to go on", step_);
    service_.log_.flush();
  });
  std::terminate();
}

CLIFFRACER_DECL void Service::add_timer(TimerRegistration registration) {
  require_owner(registration.object, "timer " + registration.name);
  timers_.add(config_.name, std::move(registration),
              {.tolerance = config_.default_tolerance,
               .jitter_seed = config_.jitter_seed != 0 ? config_.jitter_seed : environment_.jitter_seed(),
               .keep = config_.cluster.keep});
}

CLIFFRACER_DECL void Service::add_handler(HandlerRegistration registration) {
  const std::string what = std::string{kind_name(registration.kind)} + " " + registration.name;
  require_owner(registration.object, what);
  if (was_started_) {
    throw std::invalid_argument{"service " + config_.name + ": " + what +
                                ": add() of a message handler must come before the first start"};
  }
  dispatcher_.add(std::move(registration));
}

CLIFFRACER_DECL void Service::run() {
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
    log_.info("signal {}", signal);
    // The next one has its default effect: somebody is in a hurry.
    signals.clear();
    request_stop();
  });
  std::exception_ptr failure;
  // Not in co_spawn's handler, which Asio may have no memory to call.
  asio::co_spawn(strand_, until_end(run_here(), failure, signals, strand_), asio::detached);
  for (bool ended = false; !ended;) {
    try {
      context_.run();
      ended = true;
    } catch (...) {
      // From a handler that somebody else put on this io_context, or from Asio, which had no memory.
      failure = std::current_exception();
      log_.critical("stops, because a handler on its event loop threw: {}", escaped(text_of(failure)));
      if (state_ != State::idle) request_stop();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

CLIFFRACER_DECL asio::awaitable<void> Service::run_here() {
  const bool started = co_await start_here();
  if (started) co_await wait_until_idle();
}

CLIFFRACER_DECL asio::awaitable<void> Service::start() {
  auto starting = start_or_throw();
  co_await asio::co_spawn(strand_, std::move(starting), asio::use_awaitable);
}

/// Without a result, because co_spawn() is compiled once more for each type of one.
CLIFFRACER_DECL asio::awaitable<void> Service::start_or_throw() {
  const bool started = co_await start_here();
  if (!started) {
    throw std::system_error{asio::error::operation_aborted,
                            "service " + config_.name + ": stopped while starting"};
  }
}

/// False: stopped before it was started.
CLIFFRACER_DECL asio::awaitable<bool> Service::start_here() {
  // Half a start cannot be left behind.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (state_ != State::idle) throw std::logic_error{"service " + config_.name + ": start(): it runs already"};
  auto opened = Link::create(strand_, queue_, config_, log_, environment_.make_driver());
  StepGuard guard{*this, "start"};
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
      failure = co_await run_hook("on_start", hooks_.on_start);
      was_hook_run = !failure;
    }
    if (!failure && !stop_requested_) {
      open_for_messages();
      join_cluster(opened);
      timers_.start(tasks_,
                    {.strand = strand_,
                     .queue = queue_,
                     .event_loop = context_,
                     .log = log_,
                     .workers = {.threads = config_.worker_threads, .inlined = environment_.workers_inline()},
                     .blocking_threshold = config_.blocking_threshold,
                     .run_probe = environment_.run_probe(),
                     .observer = observer_,
                     .claims = claims_.get()});
    }
  } catch (...) {
    failure = std::current_exception();  // no threads to be had
  }
  if (failure || stop_requested_) {
    const bool is_stopped = stop_requested_;
    co_await shut_down(was_hook_run);
    guard.ended();
    if (failure && !(is_stopped && is_abort(failure))) std::rethrow_exception(failure);
    co_return false;
  }
  state_ = State::running;
  guard.ended();
  log_.info("started; timers: {}, message handlers: {}", timers_.size(), dispatcher_.handlers().size());
  // Asked for meanwhile on another thread, too early for begin_stop().
  if (stop_requested_) begin_stop();
  co_return true;
}

/// For timers that replicas share, whether there are some or not yet.
CLIFFRACER_DECL void Service::join_cluster(const std::shared_ptr<Link>& opened) {
  if (!claims_) {
    const ClusterClaims::Surroundings around{
        .strand = strand_, .queue = queue_, .tasks = tasks_, .log = log_, .config = config_, .id = id_};
    claims_ = std::make_unique<ClusterClaims>(
        around, [this](TimerEntry& entry, ClaimOutcome outcome) { timers_.claim_decided(entry, outcome); },
        [this](TimerEntry& entry, const MissedPoint& missed) { return timers_.catch_up(entry, missed); });
  }
  claims_->attach(opened);
}

/// Keeps what `hook` throws.
CLIFFRACER_DECL asio::awaitable<void> Service::capture(const Hook& hook, std::exception_ptr& thrown) {
  // As of a timer's method: else one that tries for ever would never leave the event loop.
  co_await asio::this_coro::throw_if_cancelled(false);
  try {
    auto task = hook();
    co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();
  }
}

/// Runs a hook of the subclass as a task. Returns what it threw.
CLIFFRACER_DECL asio::awaitable<std::exception_ptr> Service::run_hook(std::string name, const Hook& hook) {
  std::exception_ptr thrown;
  const bool is_start = state_ == State::starting;
  tasks_.spawn(std::move(name), capture(hook, thrown));
  if (is_start) {
    const bool ended = co_await tasks_.wait_empty(std::chrono::nanoseconds::max());
    // A stop was asked for.
    if (!ended) co_await cancel_tasks(queue_.now());
  } else {
    co_await end_tasks();
  }
  co_return thrown;
}

}  // namespace cliffracer::detail
