#pragma once

#include <cliffracer/detail/exception_text.hpp>
#include <cliffracer/detail/inbound.hpp>
#include <cliffracer/detail/log.hpp>
#include <cliffracer/detail/message/correlation.hpp>
#include <cliffracer/detail/message/handler_call.hpp>
#include <cliffracer/detail/message/job.hpp>
#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/message/message_load.hpp>
#include <cliffracer/detail/message/reply.hpp>
#include <cliffracer/detail/message/worker_call.hpp>
#include <cliffracer/detail/task_group.hpp>
#include <cliffracer/detail/time/time_source.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace cliffracer::detail {

/// All message handlers of one service: takes what comes from the broker to them, and their answers back.
/// Only on the service's strand. Must outlive the tasks that it puts into the TaskGroup.
///
/// Every message ends in an answer, in a finished handler, or in a line of the log.
class Dispatcher {
 public:
  /// Sends an answer. May throw: the loss is then logged.
  using ReplyFunction =
      std::function<void(std::string reply_subject, std::string payload, std::string correlation_id)>;

  /// At most `max_messages` wait or are handled at a time; more are refused.
  Dispatcher(std::string service, std::size_t max_messages, std::shared_ptr<spdlog::logger> logger,
             TaskGroup& tasks, TimeSource& time, asio::any_io_executor strand, ReplyFunction reply)
      : service_{std::move(service)},
        logger_{std::move(logger)},
        tasks_{tasks},
        time_{time},
        strand_{std::move(strand)},
        reply_{std::move(reply)},
        load_{max_messages, service_, logger_} {}

  /// Throws std::invalid_argument that names service, handler and rule. The references that handlers() gives
  /// stay valid.
  void add(MessageHandler handler) {
    check_validity(service_, handler);
    if (handler.kind == MessageKind::rpc && find_rpc(handler.name) != nullptr)
      throw std::invalid_argument{
          "service " + escaped(service_, 128) + ": " + label(handler) +
          ": name must be unique among the rpc methods: give one of them another .name"};
    handlers_.push_back(std::move(handler));
  }

  [[nodiscard]] const std::deque<MessageHandler>& handlers() const noexcept { return handlers_; }

  /// How many messages were refused because there were too many. Any thread.
  [[nodiscard]] std::uint64_t refused() const noexcept { return load_.total_refused(); }

  /// Whether start_accepting() needs a worker.
  [[nodiscard]] bool needs_worker() const noexcept {
    for (const auto& handler : handlers_) {
      if (handler.run_on == RunOn::worker_pool) return true;
    }
    return false;
  }

  /// From now on messages are handled. `worker` runs the plain methods; its threads must outlive the tasks.
  void start_accepting(asio::any_io_executor worker) {
    worker_ = std::move(worker);
    accepting_ = true;
  }

  /// From now on messages are refused. Those that wait for their listener are still handled, unless the
  /// TaskGroup is cancelled.
  void stop_accepting() noexcept { accepting_ = false; }

  /// A message on `{service}.rpc.*`.
  void on_request(Inbound message) { call(to_job(std::move(message))); }

  /// A message on `{service}.async.*`: the same methods, and nobody who waits for an answer.
  void on_async(Inbound message) {
    message.reply.clear();
    on_request(std::move(message));
  }

  /// A message for `handler`, one of handlers().
  void on_event(const MessageHandler& handler, Inbound message) {
    message.reply.clear();
    auto job = to_job(std::move(message));
    if (!is_acceptable(job)) return;
    load_.begin();
    const auto [entry, is_idle] = queues_.try_emplace(&handler);
    entry->second.push_back(std::move(job));
    if (is_idle) tasks_.spawn(label(handler), drain(handler, entry->second));
  }

 private:
  const MessageHandler* find_rpc(std::string_view name) const noexcept {
    for (const auto& handler : handlers_) {
      if (handler.kind == MessageKind::rpc && handler.name == name) return &handler;
    }
    return nullptr;
  }

  void call(Job job) {
    const std::string& subject = job.request.subject;
    const std::string method = subject.substr(subject.rfind('.') + 1);
    const MessageHandler* handler = find_rpc(method);
    if (accepting_ && handler == nullptr) return refuse(job, "Unknown method: " + method);
    if (!is_acceptable(job)) return;
    load_.begin();
    const asio::any_io_executor executor = on_strand_with(job.request.correlation_id);
    tasks_.spawn(label(*handler), executor, handle(*handler, std::move(job)));
  }

  bool is_acceptable(const Job& job) {
    if (!accepting_) {
      refuse(job, stopping);
    } else if (!job.payload_error.empty()) {
      refuse(job, job.payload_error);
    } else if (load_.is_full()) {
      load_.refuse();
      if (!job.reply.empty()) send_error(job, "service is overloaded");
    } else {
      return true;
    }
    return false;
  }

  void refuse(const Job& job, std::string_view error) {
    if (!job.reply.empty()) return send_error(job, error);
    logger_->warn("service {}: message on {} refused: {} (correlation id {})", service_,
                  escaped(job.request.subject), escaped(error), escaped(job.request.correlation_id));
  }

  void send_error(const Job& job, std::string_view error) {
    send(job, error_reply(error, job.request.correlation_id, time_.wall_clock()));
  }

  void send(const Job& job, std::string payload) noexcept {
    try {
      reply_(job.reply, std::move(payload), job.request.correlation_id);
    } catch (...) {
      logger_->error("service {}: reply to {} lost: {} (correlation id {})", service_,
                     escaped(job.request.subject), escaped(text_of(std::current_exception())),
                     escaped(job.request.correlation_id));
    }
  }

  asio::any_io_executor on_strand_with(const std::string& correlation_id) const {
    return CorrelationExecutor{strand_, std::make_shared<const std::string>(correlation_id)};
  }

  /// The messages of one listener, one after the other, until none waits.
  asio::awaitable<void> drain(const MessageHandler& handler, std::deque<Job>& queue) {
    // A cancellation ends the handler that runs; the loop wants to say what it leaves undone.
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!queue.empty()) {
      const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) break;
      Job job = std::move(queue.front());
      queue.pop_front();
      const asio::any_io_executor executor = on_strand_with(job.request.correlation_id);
      auto running = asio::co_spawn(executor, handle(handler, std::move(job)), asio::use_awaitable);
      co_await std::move(running);
    }
    if (!queue.empty()) {
      logger_->warn("service {}: {}: {} waiting messages dropped: {}", service_, label(handler), queue.size(),
                    stopping);
      load_.end(queue.size());
    }
    queues_.erase(&handler);
  }

  /// One message in its handler, to the end. Nothing escapes.
  asio::awaitable<void> handle(const MessageHandler& handler, Job job) {
    const std::string& id = job.request.correlation_id;
    logger_->debug("service {}: {} (correlation id {})", service_, label(handler), escaped(id));
    std::string answer;
    try {
      auto running = invoke(handler, job.request);
      nlohmann::json result = co_await std::move(running);
      if (!job.reply.empty()) answer = result_reply(std::move(result), id, time_.wall_clock());
    } catch (...) {
      const std::string error = failure_text(handler, id, std::current_exception());
      if (!job.reply.empty()) answer = error_reply(error, id, time_.wall_clock());
    }
    load_.end();
    if (!job.reply.empty()) send(job, std::move(answer));
  }

  asio::awaitable<nlohmann::json> invoke(const MessageHandler& handler, Request& request) {
    if (handler.start != nullptr) {
      auto running = handler.start(handler.object, request);
      nlohmann::json result = co_await std::move(running);
      co_return result;
    }
    if (handler.run_on == RunOn::event_loop) co_return handler.call(handler.object, request);
    nlohmann::json result;
    // Stays when a cancellation comes before the worker has begun.
    auto thrown = std::make_exception_ptr(std::system_error{asio::error::operation_aborted});
    auto work = [&]() noexcept {
      const CorrelationScope scope{&request.correlation_id};
      thrown = nullptr;
      try {
        result = handler.call(handler.object, request);
      } catch (...) {
        thrown = std::current_exception();
      }
    };
    auto working = call_on_worker(worker_, work);
    const WorkerCall away{time_};
    co_await std::move(working);
    if (thrown) std::rethrow_exception(std::move(thrown));
    co_return result;
  }

  /// Logs what a handler threw, and gives the caller's share of it.
  std::string failure_text(const MessageHandler& handler, const std::string& id,
                           const std::exception_ptr& thrown) {
    std::string text = text_of(thrown);
    if (is_bad_argument(thrown)) {
      text.insert(0, "bad argument: ");
      logger_->warn("service {}: {}: {} (correlation id {})", service_, label(handler), escaped(text),
                    escaped(id));
    } else if (!accepting_ && is_abort(thrown)) {
      text = stopping;
      logger_->warn("service {}: {} cancelled: {} (correlation id {})", service_, label(handler), text,
                    escaped(id));
    } else {
      logger_->error("service {}: {} failed: {} (correlation id {})", service_, label(handler), escaped(text),
                     escaped(id));
    }
    return text;
  }

  static bool is_bad_argument(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const BadArgument&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  static constexpr std::string_view stopping = "service is stopping";

  std::string service_;
  std::shared_ptr<spdlog::logger> logger_;
  TaskGroup& tasks_;
  TimeSource& time_;
  asio::any_io_executor strand_;
  asio::any_io_executor worker_;
  ReplyFunction reply_;
  MessageLoad load_;
  bool accepting_ = false;
  std::deque<MessageHandler> handlers_;  // its elements stay where they are
  // An entry's presence says that a task drains it.
  std::unordered_map<const MessageHandler*, std::deque<Job>> queues_;
};

}  // namespace cliffracer::detail
