// Asks the running timer_service_example how it is, by RPC, and listens to its events.
//
//     timer_client_example [--duration SECONDS]     10 s, in which the service may also appear
//
// Shows the second form of a service: on an io_context of the caller, with co_await start() and stop().
// Ends with 1 when nobody answers. Left out: reconnecting by hand; the library does that.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
using cliffracer::listener, cliffracer::RpcError;
using nlohmann::json;

namespace {

constexpr const char* monitor = "health_monitor_service";

/// `value` as JSON text: what came from elsewhere cannot garble the terminal.
std::string shown(const json& value, int indent = -1) {
  return value.dump(indent, ' ', true, json::error_handler_t::replace);
}

/// Has listeners and calls others, and neither timers nor RPC methods of its own.
class TimerClient : public cliffracer::NatsService {
 public:
  TimerClient(asio::io_context& context, const ExampleOptions& options)
      : NatsService{context, {.name = "timer_client", .nats_url = options.nats_url, .request_timeout = 1s}} {
    if (options.duration > 0s) {
      end_ =
          std::chrono::steady_clock::now() + std::chrono::round<std::chrono::nanoseconds>(options.duration);
    }
    add(listener<&TimerClient::on_event>{.subject = "metrics.collected"},
        listener<&TimerClient::on_event>{.subject = "data.synced"});
  }

  /// What the program is about. Throws std::runtime_error when the service does not appear in time.
  asio::awaitable<void> ask_and_listen() {
    const json health = co_await wait_for_health();
    if (is_over()) co_return;
    std::cout << "\nHealth:\n" << shown(health, 2) << '\n';

    const json summary = co_await call_rpc(monitor, "get_metrics_summary");
    std::cout << "\nMetrics summary:\n" << shown(summary, 2) << '\n';

    const json statistics = co_await call_rpc(monitor, "get_timer_statistics");
    std::cout << "\nTimers:\n";
    for (const json& timer : statistics.at("timers")) {
      std::cout << "  " << shown(timer.at("method_name")) << ": " << timer.at("execution_count")
                << " executions, " << timer.at("error_count") << " errors, "
                << timer.at("average_execution_time") << " s on average\n";
    }

    // Arguments have a name of their own: g++ 12 miscompiles a list in braces inside of an awaited call.
    json arguments{{"limit", 3}};
    const json recent = co_await call_rpc(monitor, "get_recent_metrics", arguments);
    std::cout << "\nThe newest metrics, at most three:\n";
    for (const json& metrics : recent) std::cout << "  " << shown(metrics) << '\n';

    // A mistake of the caller comes back as an exception.
    arguments["limit"] = -1;
    try {
      co_await call_rpc(monitor, "get_recent_metrics", arguments);
    } catch (const RpcError& error) {
      std::cout << "\nA limit of -1 is refused: " << shown(error.detail()) << '\n';
    }

    std::cout << "\nListening to metrics.collected and data.synced\n" << std::flush;
    while (!is_over()) co_await wait(100ms);
    std::cout << events_ << " events heard\n";
  }

  void interrupt() { interrupted_ = true; }

 private:
  bool is_over() const { return interrupted_ || std::chrono::steady_clock::now() >= end_; }

  asio::awaitable<void> wait(std::chrono::milliseconds time) {
    asio::steady_timer pause{get_executor(), time};
    co_await pause.async_wait(asio::use_awaitable);
  }

  /// The first answer. Null when the program shall end before it has come.
  asio::awaitable<json> wait_for_health() {
    std::string problem;
    while (!is_over()) {
      try {
        co_return co_await call_rpc(monitor, "get_health_status");
      } catch (const RpcError& error) {
        if (error.reason() != RpcError::Reason::no_responders) throw;
        problem = "nobody serves it";
      } catch (const std::system_error& error) {
        if (error.code() != asio::error::timed_out) throw;
        problem = "no answer";
      }
      if (get_service_info().broker.state != "connected") problem = "no NATS server";
      co_await wait(200ms);
    }
    if (interrupted_) co_return nullptr;
    throw std::runtime_error{std::string{monitor} + " does not answer (" + problem + " at " +
                             get_service_info().broker.url + "). Is timer_service_example running?"};
  }

  asio::awaitable<void> on_event(std::string_view subject, const json& event) {
    ++events_;
    std::cout << "  " << subject << ' ' << shown(event) << std::endl;
    co_return;
  }

  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::time_point::max();
  bool interrupted_ = false;
  int events_ = 0;
};

/// Whatever comes in between, what was started is stopped.
asio::awaitable<void> use(TimerClient& client) {
  co_await client.start();
  std::exception_ptr failure;
  try {
    co_await client.ask_and_listen();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await client.stop();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = read_options(argc, argv, "Asks the running timer_service_example how it is.", 10s);
  asio::io_context context;
  TimerClient client{context, options};

  asio::signal_set signals{context, SIGINT, SIGTERM};
  signals.async_wait([&](const asio::error_code& error, int /*signal*/) {
    if (!error) client.interrupt();
  });
  std::exception_ptr failure;
  asio::co_spawn(context, use(client), [&](std::exception_ptr thrown) {
    failure = std::move(thrown);
    signals.cancel();
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
} catch (const RpcError& error) {
  std::cerr << error.service() << '.' << error.method() << " failed: " << shown(error.detail()) << '\n';
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
