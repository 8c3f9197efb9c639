#pragma once

#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/message/answers.hpp>
#include <cliffracer/detail/message/hold_reporter.hpp>
#include <cliffracer/detail/message/message_context.hpp>
#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/message/message_load.hpp>
#include <cliffracer/detail/message/prepared_message.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/detail/work/work_context.hpp>
#include <cliffracer/detail/work/worker_call.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
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
  using ReplyFunction = Answers::ReplyFunction;

  /// At most `max_messages` wait or are handled at a time; more are refused.
  Dispatcher(ServiceLog log, std::size_t max_messages, TaskGroup& tasks, TimeSource& time,
             const Strand& strand, ReplyFunction reply)
      : log_{std::move(log)},
        tasks_{tasks},
        time_{time},
        strand_{strand},
        answers_{log_, time, std::move(reply)},
        load_{max_messages, log_},
        blocking_{log_, time} {}

  /// Throws std::invalid_argument that names service, handler and rule. The references that handlers() gives
  /// stay valid.
  void add(HandlerRegistration handler) {
    check_validity(log_.service(), handler);
    if (handler.kind == MessageKind::rpc && find_rpc(handler.name) != nullptr)
      throw std::invalid_argument{
          "service " + escaped(log_.service(), 128) + ": " + label(handler) +
          ": name must be unique among the rpc methods: give one of them another .name"};
    insert({std::move(handler)});
  }

  /// An rpc method of the library itself, whose name may have several tokens: then no method of a service can
  /// have the same one.
  void add_builtin(HandlerRegistration handler) { insert({std::move(handler), true}); }

  // Before start_accepting().

  /// A handler that holds the event loop for this long is named in a warning; 0: none is.
  void set_blocking_threshold(std::chrono::nanoseconds threshold) noexcept {
    blocking_.set_threshold(threshold);
  }
  /// Who wants to know each time that one does: "rpc get_health", and when. On the strand.
  void on_blocked(HoldReporter::Told told) { blocking_.set_told(std::move(told)); }

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

  /// A message on `{service}.rpc.`, and what follows is the method's name.
  void on_request(Inbound message) { call(prepare_message(std::move(message))); }

  /// A message on `{service}.async.`: the same methods, and nobody who waits for an answer.
  void on_async(Inbound message) {
    message.reply.clear();
    on_request(std::move(message));
  }

  /// A message for `handler`, one of handlers().
  void on_event(const MessageHandler& handler, Inbound message) {
    message.reply.clear();
    auto job = prepare_message(std::move(message));
    if (!is_acceptable(job, handler)) return;
    load_.begin();
    prepare(job, handler);
    const auto [entry, is_idle] = queues_.try_emplace(&handler);
    entry->second.push_back(std::move(job));
    if (is_idle) tasks_.spawn(label(handler), drain(handler, entry->second));
  }

 private:
  void insert(MessageHandler handler) {
    handler.stats = std::make_unique<HandlerStats>();
    handlers_.push_back(std::move(handler));
  }

  const MessageHandler* find_rpc(std::string_view name) const noexcept {
    for (const auto& handler : handlers_) {
      if (handler.kind == MessageKind::rpc && handler.name == name) return &handler;
    }
    return nullptr;
  }

  /// What follows the service's name and the token behind it.
  [[nodiscard]] std::string_view method_in(std::string_view subject) const noexcept {
    const std::string& service = log_.service();
    if (!subject.starts_with(service)) return subject;
    const std::size_t dot = subject.find('.', std::min(subject.size(), service.size() + 1));
    return dot == std::string_view::npos ? subject : subject.substr(dot + 1);
  }

  void call(PreparedMessage job) {
    const std::string method{method_in(job.request.subject)};
    const MessageHandler* handler = find_rpc(method);
    if (accepting_ && handler == nullptr) return answers_.refuse(job, unknown_method(method));
    if (handler == nullptr) return answers_.refuse(job, stopping());
    if (!is_acceptable(job, *handler)) return;
    load_.begin();
    prepare(job, *handler);
    const asio::any_io_executor executor = on_strand_with(job);
    tasks_.spawn(label(*handler), executor, handle(*handler, std::move(job)));
  }

  bool is_acceptable(const PreparedMessage& job, const MessageHandler& handler) {
    Refusal refusal;
    if (!accepting_) {
      refusal = stopping();
    } else if (!job.payload_error.empty()) {
      refusal = bad_payload(job.payload_error);
    } else if (load_.is_full()) {
      load_.refuse();
      refusal = overloaded();
    } else {
      return true;
    }
    if (handler.kind == MessageKind::rpc) handler.stats->failed({}, refusal.text);
    // A flood has its lines already.
    if (refusal.code == overloaded().code)
      answers_.error(job, refusal);
    else
      answers_.refuse(job, refusal);
    return false;
  }

  /// `job` goes to `handler`.
  void prepare(PreparedMessage& job, const MessageHandler& handler) {
    job.context->handler = &handler;
    blocking_.watch(*job.context);
    if (handler.kind == MessageKind::rpc) job.taken = time_.now();
  }

  asio::any_io_executor on_strand_with(const PreparedMessage& job) const {
    return WorkContextExecutor{strand_, job.context};
  }

  /// The messages of one listener, one after the other, until none waits.
  asio::awaitable<void> drain(const MessageHandler& handler, std::deque<PreparedMessage>& queue) {
    // A cancellation ends the handler that runs; the loop wants to say what it leaves undone.
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!queue.empty()) {
      const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) break;
      PreparedMessage job = std::move(queue.front());
      queue.pop_front();
      const asio::any_io_executor executor = on_strand_with(job);
      auto running = asio::co_spawn(executor, handle(handler, std::move(job)), asio::use_awaitable);
      co_await std::move(running);
    }
    if (!queue.empty()) {
      log_.warn("{}: {} waiting messages dropped: {}", label(handler), queue.size(), stopping().text);
      load_.end(queue.size());
    }
    queues_.erase(&handler);
  }

  /// One message in its handler, to the end. Nothing escapes.
  asio::awaitable<void> handle(const MessageHandler& handler, PreparedMessage job) {
    // As of a timer's method: else one that tries for ever would never leave the event loop.
    co_await asio::this_coro::throw_if_cancelled(false);
    if (log_.should_log(spdlog::level::debug)) log_.debug("{} {}", label(handler), ids_text(*job.context));
    std::string result_text;
    std::optional<Refusal> failure;
    try {
      auto running = invoke(handler, job);
      nlohmann::json result = co_await std::move(running);
      if (!job.reply.empty()) result_text = answers_.result_text(job, std::move(result));
    } catch (...) {
      failure = answers_.failure_of(handler, *job.context, std::current_exception(), !accepting_);
    }
    load_.end();
    job.context->measure_no_more();
    if (handler.kind == MessageKind::rpc) count(handler, time_.now() - job.taken, failure);
    if (failure)
      answers_.error(job, *failure);
    else if (!job.reply.empty())
      answers_.send(job, std::move(result_text));
  }

  static void count(const MessageHandler& handler, std::chrono::nanoseconds took,
                    const std::optional<Refusal>& failure) noexcept {
    if (failure)
      handler.stats->failed(took, failure->text);
    else
      handler.stats->succeeded(took);
  }

  asio::awaitable<nlohmann::json> invoke(const MessageHandler& handler, PreparedMessage& job) {
    Request& request = job.request;
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
      const WorkContextScope scope{job.context.get()};
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

  const ServiceLog log_;
  TaskGroup& tasks_;
  TimeSource& time_;
  Strand strand_;
  asio::any_io_executor worker_;
  Answers answers_;
  MessageLoad load_;
  HoldReporter blocking_;
  bool accepting_ = false;
  std::deque<MessageHandler> handlers_;  // its elements stay where they are
  // An entry's presence says that a task drains it.
  std::unordered_map<const MessageHandler*, std::deque<PreparedMessage>> queues_;
};

}  // namespace cliffracer::detail
