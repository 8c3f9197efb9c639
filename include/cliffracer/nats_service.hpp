#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/registration/handler_registration.hpp>
#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/detail/registration/timer_registration.hpp>
#include <cliffracer/error.hpp>
#include <cliffracer/listener.hpp>
#include <cliffracer/rpc.hpp>
#include <cliffracer/service_config.hpp>
#include <cliffracer/service_info.hpp>
#include <cliffracer/timer.hpp>
#include <cliffracer/timer_observer.hpp>
#include <cliffracer/timer_stats.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer {

template <auto Method, class Type>
struct cron;

namespace detail {

class Service;

template <class>
inline constexpr bool always_false = false;

}  // namespace detail

/// Base class of a service: runs its timers, answers its RPC methods, feeds its listeners, publishes its
/// events.
///
///     class MyService : public cliffracer::NatsService {
///      public:
///       MyService() : NatsService{{.name = "my_service"}} {
///         add(timer<&MyService::health_check>{.interval = 30s}, rpc<&MyService::get_health>{});
///       }
///       ...
///     };
///     int main() { MyService{}.run(); }
///
/// Executor: all coroutines of a service run on its strand: never two at the same instant, also when several
/// threads run the io_context. Plain methods run on worker threads beside them, and beside each other.
///
/// Object lifetimes: a service must not be destroyed between start() and the end of stop(): its loops use it.
/// Its destructor then says so and ends the process. The members of your class are gone before that
/// destructor runs, so stop a service before any of its owners goes. An io_context that is passed in must
/// outlive the service.
///
/// The broker is never in the timers' way: a service whose broker is away starts and ticks; see
/// publish_event().
class NatsService {
 public:
  /// A service with an io_context of its own, for run(). Throws std::invalid_argument, naming the rule, for a
  /// configuration out of range.
  explicit NatsService(ServiceConfig config);
  /// A service on the caller's io_context, for start() and stop(). Several services can share one.
  NatsService(asio::io_context& context, ServiceConfig config);
  virtual ~NatsService();

  NatsService(const NatsService&) = delete;
  NatsService& operator=(const NatsService&) = delete;

  /// Starts, serves until SIGINT, SIGTERM or request_stop(), stops. Returns when every loop has ended; can be
  /// called again. A second SIGINT or SIGTERM during the stop ends the process at once. Throws what
  /// on_start() throws, and std::logic_error for a service on the caller's io_context or one that runs.
  void run();

  /// Calls on_start(), then starts the timers and begins to serve. Does not wait for a first run, nor for the
  /// broker. Throws what on_start() throws (the service is then stopped again), std::logic_error when the
  /// service runs already, std::system_error with asio::error::operation_aborted when request_stop() came
  /// first.
  /// Cancellation: none; request_stop() ends a start.
  [[nodiscard]] asio::awaitable<void> start();

  /// No new run or message is begun; sleepers wake at once; what runs gets `stop_timeout`, then coroutines
  /// are cancelled and awaited. A plain method cannot be cancelled, only asked (TickContext::stop_token):
  /// stop() waits for it, and the log names it every `stop_timeout`. Then on_stop() runs, for
  /// `stop_timeout` at most, and the outbox is flushed in what is left of the first `stop_timeout`.
  /// Returns at once when the service does not run. The service can be started again afterwards. Not
  /// from inside a timer, RPC method or listener: it would wait for itself. Use request_stop() there.
  [[nodiscard]] asio::awaitable<void> stop();

  /// Has the service stop. Any thread, also from inside its methods. Asked before a start, it ends that
  /// start.
  void request_stop() noexcept;

  /// Any thread, at any time. Neither waits for a timer nor delays one.
  [[nodiscard]] ServiceTimerStats get_timer_stats() const;

  /// Any thread, at any time. Contains no secret: addresses come without user, password and token.
  [[nodiscard]] ServiceInfo get_service_info() const;

  /// Publishes a JSON object on `subject`. Any thread, in coroutines and plain methods; hands over to the
  /// outbox and never waits for the broker. While the broker is away messages are kept up to
  /// `outbox_max_messages` and `outbox_max_bytes`, and sent when it is back. Delivery is at most once, as
  /// core NATS has it. Inside a handler the event carries the correlation id of the message that is handled,
  /// as a header; inside any work of the service it carries the trace of that (`traceparent`, as W3C has it),
  /// and elsewhere a trace of its own. Throws std::system_error: no_buffer_space (a bound is reached),
  /// not_connected (before start, after stop, or given up after `max_reconnect_attempts`), message_size (more
  /// than the server takes); std::invalid_argument for a subject with wildcards, blanks or empty tokens, or
  /// an event that is no JSON object.
  void publish_event(std::string_view subject, const nlohmann::json& event);

  /// Calls `method` of `service` with a JSON object of arguments; returns its result. Any executor.
  /// Throws RpcError (the method failed, nobody serves it, or the reply is unusable), std::system_error with
  /// asio::error::timed_out after `request_timeout`, or as publish_event().
  /// Cancellation: terminal; the reply is then ignored.
  [[nodiscard]] asio::awaitable<nlohmann::json> call_rpc(std::string service, std::string method,
                                                         nlohmann::json arguments = {});

  /// Calls `method` of `service` without waiting for a result, nor for whether anybody serves it. As
  /// publish_event().
  void call_async(std::string_view service, std::string_view method, const nlohmann::json& arguments = {});

  /// Waits in a coroutine; on the clock that the service's timers go by, which a test can move. 0 or less
  /// waits for one turn of the event loop.
  /// Cancellation: terminal, and so the end of `stop_timeout`: throws std::system_error with
  /// asio::error::operation_aborted.
  [[nodiscard]] asio::awaitable<void> sleep_for(std::chrono::nanoseconds duration);

  // ---- Control of the timers, by name: that of the method, unless `.name` gave another. Any thread; takes
  // effect on the event loop, in the order of the calls, and before the call returns when it is made there.
  // Each throws std::invalid_argument, naming service and timer, when there is none of that name.

  /// No run of the timer starts until resume(); one in progress goes on. `reason` shows in statistics and
  /// log (255 bytes of it). Before start and over a stop, too: the timer is then paused from the start on.
  /// A paused timer can be paused again, with another reason and another end. At `until` the pause ends as by
  /// resume(); not given: it does not end by itself. How long that is, is measured when it is called: a step
  /// of the wall clock does not move the end. Throws std::invalid_argument when `until` has passed.
  void pause(std::string_view name, std::string_view reason = {},
             std::optional<std::chrono::system_clock::time_point> until = {});

  /// Ends a pause, whoever began it. The grid is where it was: due points that have passed meanwhile are not
  /// run but counted as skipped. The count of failures in a row begins at 0. A timer that is not paused is
  /// left alone. With Pacing::after_run the interval begins again if the next start came in the pause.
  void resume(std::string_view name);

  /// Runs the timer now; when a run is in progress, right after it, and once for several requests. The grid
  /// does not move. A run that is due anyway counts as the one that was asked for, and a retry comes at once.
  /// A paused timer runs once and stays paused. A cluster timer is run by the replica that has claimed the
  /// current tick, if it is that which is asked, or that claims it now. Throws std::logic_error when the
  /// timer does not run. With Pacing::after_run the interval begins again after the run.
  void trigger(std::string_view name);

  /// Gives the timer another interval: > 0, more than its own tolerance, jitter and offset, at most 292
  /// years, else throws std::invalid_argument, as it does for a cluster timer. The new grid begins at the
  /// start of the newest run (before the first: of the service); what would have been due by now is due now.
  /// An initial delay stays as it is. Holds over stop and start. With align_to_epoch the grid stays on the
  /// wall clock; with Pacing::after_run the new interval is counted from the end of the newest run.
  void set_interval(std::string_view name, detail::OptionDuration interval);

  /// When the timer's next run is due, on the clock that timers go by (TickContext::due). Empty while it is
  /// paused, a run is in progress, or the timer does not run.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> next_due(std::string_view name) const;

  /// Up to `count` coming points at which the timer is due, by the wall clock as it is set now; the first of
  /// them may be a retry or a run that was asked for. Empty while it is paused or does not run. With
  /// Pacing::after_run no more than the next one is known. A calendar ends in 2262, where 64-bit nanoseconds
  /// do.
  [[nodiscard]] std::vector<std::chrono::system_clock::time_point> next_runs(std::string_view name,
                                                                             std::size_t count) const;

  /// Ends one timer. No run of it starts any more; one in progress ends normally, also when it is that which
  /// calls. The name is free at once, and the statistics of the timer leave with it.
  void remove(std::string_view name);

  /// Has `observer` told of what the timers do; null: nobody. Before start(); throws std::logic_error while
  /// the service runs. Not thread-safe.
  void set_observer(std::shared_ptr<TimerObserver> observer);

  [[nodiscard]] const ServiceConfig& config() const noexcept;

  /// The strand of the service's coroutines: co_spawn here what shall take turns with them.
  [[nodiscard]] asio::any_io_executor get_executor() const;

 protected:
  /// Registers timers, RPC methods and listeners, in the constructor or later: a timer at any time, from any
  /// thread; one that is added while the service runs starts at once, as the others did at the start. An RPC
  /// method or a listener before the first start. Throws
  /// std::invalid_argument that names service, registration and rule.
  template <class... Registrations>
  void add(const Registrations&... registrations) {
    (add_one(registrations), ...);
  }

  /// Runs on the strand before the first timer and message; can publish and call. What it throws ends the
  /// start, and request_stop() cancels it; on_stop() is then not called.
  [[nodiscard]] virtual asio::awaitable<void> on_start();
  /// Runs on the strand after the last timer and message, while the broker can still be reached. What it
  /// throws is logged. Gets `stop_timeout`, is then cancelled.
  [[nodiscard]] virtual asio::awaitable<void> on_stop();

 private:
  // All that depends on the user's types ends in add_timer() and add_handler().
  template <auto Method, class Type>
  void add_one(const timer<Method, Type>& registration) {
    add_timer(detail::registration_of(registration, self_as<typename timer<Method, Type>::service_type>()));
  }
  template <auto Method, class Type>
  void add_one(const cron<Method, Type>& registration) {
    add_timer(detail::registration_of(registration, self_as<typename cron<Method, Type>::service_type>()));
  }
  template <auto Method, class Type>
  void add_one(const rpc<Method, Type>& registration) {
    add_handler(detail::registration_of(registration, self_as<typename rpc<Method, Type>::service_type>()));
  }
  template <auto Method, class Type>
  void add_one(const listener<Method, Type>& registration) {
    add_handler(
        detail::registration_of(registration, self_as<typename listener<Method, Type>::service_type>()));
  }
  template <class Other>
  void add_one(const Other&) {
    static_assert(detail::always_false<Other>,
                  "add() takes timer<&Service::method>{...}, cron<&Service::method>{...}, "
                  "rpc<&Service::method>{...} and listener<&Service::method>{...}");
  }
  /// Looked for at run time, because the class that is under construction is known only there. Finds bases of
  /// the service that are no NatsService, too. Null: it is neither.
  template <class Owner>
  Owner* self_as() {
    return dynamic_cast<Owner*>(this);
  }
  void add_timer(detail::TimerRegistration registration);
  void add_handler(detail::HandlerRegistration registration);

  const std::unique_ptr<detail::Service> service_;
};

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/nats_service.ipp>
#endif
