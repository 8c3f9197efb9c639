#pragma once

#include <cliffracer/detail/cluster/cluster_claims.hpp>
#include <cliffracer/detail/link/link.hpp>
#include <cliffracer/detail/link/request_text.hpp>
#include <cliffracer/detail/message/dispatcher.hpp>
#include <cliffracer/detail/registration/handler_registration.hpp>
#include <cliffracer/detail/registration/option_duration.hpp>
#include <cliffracer/detail/registration/timer_registration.hpp>
#include <cliffracer/detail/service/discovery.hpp>
#include <cliffracer/detail/service/environment.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/detail/timer/timer_set.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/service_config.hpp>
#include <cliffracer/service_info.hpp>
#include <cliffracer/timer_observer.hpp>
#include <cliffracer/timer_stats.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// The engine of one NatsService, which documents the public functions: timers, messages, connection, and how
/// they start and stop together. It knows the subclass by two hooks, and by what was registered.
///
/// Its definitions are in impl/service_*.ipp.
class Service {
 public:
  /// NatsService::on_start() and on_stop(), called on the strand.
  using Hook = std::function<asio::awaitable<void>()>;
  struct Hooks {
    Hook on_start;
    Hook on_stop;
  };

  /// With an io_context of its own, for run(), or with the one of the VirtualTime that makes the service.
  Service(ServiceConfig config, Hooks hooks);
  Service(asio::io_context& context, ServiceConfig config, Hooks hooks);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  /// Ends the process if the service still runs.
  ~Service();

  void add_timer(TimerRegistration registration);
  void add_handler(HandlerRegistration registration);

  void run();
  [[nodiscard]] asio::awaitable<void> start();
  [[nodiscard]] asio::awaitable<void> stop();
  void request_stop() noexcept;

  [[nodiscard]] ServiceTimerStats get_timer_stats() const;
  [[nodiscard]] ServiceInfo get_service_info() const;

  void publish_event(std::string_view subject, const nlohmann::json& event);
  [[nodiscard]] asio::awaitable<nlohmann::json> call_rpc(std::string service, std::string method,
                                                         nlohmann::json arguments);
  void call_async(std::string_view service, std::string_view method, const nlohmann::json& arguments);
  [[nodiscard]] asio::awaitable<void> sleep_for(std::chrono::nanoseconds duration);

  void pause(std::string_view name, std::string_view reason,
             std::optional<std::chrono::system_clock::time_point> until);
  void resume(std::string_view name);
  void trigger(std::string_view name);
  void remove(std::string_view name);
  void set_interval(std::string_view name, OptionDuration interval);
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> next_due(std::string_view name) const;
  [[nodiscard]] std::vector<std::chrono::system_clock::time_point> next_runs(std::string_view name,
                                                                             std::size_t count) const;
  void set_observer(std::shared_ptr<TimerObserver> observer);

  [[nodiscard]] const ServiceConfig& config() const noexcept { return config_; }
  [[nodiscard]] asio::any_io_executor get_executor() const { return strand_; }

 private:
  enum class State : std::uint8_t { idle, starting, running, stopping };

  /// Lies in the frame of a start or a stop. Asio may destroy that frame when it finds no memory for what is
  /// awaited there; the service could then neither go on nor be stopped, so the process ends.
  class StepGuard {
   public:
    StepGuard(const Service& service, const char* step) noexcept : service_{service}, step_{step} {}
    StepGuard(const StepGuard&) = delete;
    StepGuard& operator=(const StepGuard&) = delete;
    ~StepGuard();

    void ended() noexcept { has_ended_ = true; }

   private:
    const Service& service_;
    const Strand strand_{service_.strand_};
    const char* const step_;
    bool has_ended_ = false;
  };

  Service(std::unique_ptr<asio::io_context> owned, asio::io_context* context, ServiceConfig config,
          Hooks hooks);

  void require_owner(const void* object, const std::string& registration) const;
  void add_remote_control();
  void join_cluster(const std::shared_ptr<Link>& opened);
  template <class Action>
  static nlohmann::json control(void* self, const Request& request, const Action& action);
  static nlohmann::json tell_next_runs(void* self, const Request& request);

  // Only on the strand, each.
  asio::awaitable<bool> start_here();
  asio::awaitable<void> start_or_throw();
  asio::awaitable<void> stop_here();
  asio::awaitable<void> run_here();
  asio::awaitable<void> wait_until_idle();
  asio::awaitable<void> shut_down(bool with_hook);
  asio::awaitable<void> end_everything(bool with_hook);
  asio::awaitable<void> end_tasks();
  asio::awaitable<void> cancel_tasks(TimePoint asked);
  asio::awaitable<std::exception_ptr> run_hook(std::string name, const Hook& hook);
  asio::awaitable<void> capture(const Hook& hook, std::exception_ptr& thrown);
  void open_for_messages();
  void open_for_inquiries(Link& link);
  void answer(Inquiry inquiry, const std::string& reply);
  void begin_stop() noexcept;

  [[nodiscard]] std::shared_ptr<Link> link() const;
  [[nodiscard]] std::shared_ptr<Link> started_link(std::string_view operation) const;
  [[nodiscard]] std::string rpc_group() const;
  [[nodiscard]] ServiceInfo describe() const;
  void send(std::string_view operation, std::string_view subject, const nlohmann::json& object);

  const ServiceConfig config_;
  const Hooks hooks_;
  const std::string id_ = unique_token();
  const std::unique_ptr<asio::io_context> owned_context_;  // null on the caller's
  asio::io_context& context_;
  const Strand strand_;
  const ServiceLog log_;
  Environment& environment_;
  TimerQueue& queue_;

  // Any thread.
  std::atomic<State> state_{State::idle};
  std::atomic<bool> stop_requested_{false};
  std::atomic<bool> was_started_{false};
  std::atomic<std::chrono::system_clock::time_point> started_at_{};  // the epoch: never
  mutable std::mutex link_mutex_;
  std::shared_ptr<Link> link_;  // of the newest start; guarded by link_mutex_

  // Only on the strand.
  TaskGroup tasks_;
  TimerSet timers_;                        // its statistics and what controls them: any thread
  std::unique_ptr<ClusterClaims> claims_;  // null: never started
  std::shared_ptr<TimerObserver> observer_;
  Dispatcher dispatcher_;
  std::optional<asio::thread_pool> message_workers_;
  std::optional<asio::executor_work_guard<asio::any_io_executor>> work_;
  asio::steady_timer idle_;  // never expires; cancelled when the service has stopped
  std::uint64_t starts_ = 0;
};

}  // namespace cliffracer::detail
