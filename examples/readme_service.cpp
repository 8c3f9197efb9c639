// The code of README.md: every snippet is a region of this file, between //[name and the closing comment, and
// every one of them runs here.
//
//     readme_service [--duration SECONDS]     3 s; also on SIGINT (Ctrl-C) or SIGTERM
//
// Left out: sense. Each class shows one thing.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"

#include <spdlog/spdlog.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using cliffracer::listener, cliffracer::rpc, cliffracer::timer;

namespace {

// ---- What the snippets call

asio::awaitable<void> wait_for(std::chrono::milliseconds time) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer sleep{executor, time};
  co_await sleep.async_wait(asio::use_awaitable);
}

asio::awaitable<void> check_database_connection() { co_await wait_for(2ms); }

asio::awaitable<nlohmann::json> get_performance_data() {
  co_await wait_for(2ms);
  co_return nlohmann::json{{"cpu", 0.5}, {"memory", {{"free", 1.5}}}};
}

asio::awaitable<void> some_async_operation() { co_await wait_for(2ms); }

void some_sync_operation() { std::this_thread::sleep_for(2ms); }

asio::awaitable<void> risky_operation() {
  co_await wait_for(2ms);
  throw std::runtime_error{"it was risky"};
}

/// True when there are none left: never, so that only the stop token ends it.
bool delete_some_rows() {
  std::this_thread::sleep_for(1ms);
  return false;
}

// ---- Timers

//[basic_usage
class MyService : public cliffracer::NatsService {
 public:
  explicit MyService(cliffracer::ServiceConfig config) : NatsService{std::move(config)} {
    add(timer<&MyService::health_check>{.interval = 30s},                     // every 30 seconds
        timer<&MyService::collect_metrics>{.interval = 60s, .eager = true});  // every minute, starts at once
  }

  asio::awaitable<void> health_check() { co_await check_database_connection(); }

  asio::awaitable<void> collect_metrics() {
    nlohmann::json metrics = co_await get_performance_data();
    publish_event("metrics.collected", {{"data", metrics}});
  }
};
//]

class TaskService : public cliffracer::NatsService {
 public:
  explicit TaskService(cliffracer::ServiceConfig config) : NatsService{std::move(config)} {
    //[async_and_sync_timers
    add(timer<&TaskService::async_task>{.interval = 30s}, timer<&TaskService::sync_task>{.interval = 60s});
    //]
    add(timer<&TaskService::robust_task>{.interval = 10s});

    //[timer_options
    add(timer<&TaskService::purge>{
        .interval = 5min,        // time between due points; the only one that is required
        .eager = true,           // false: the first run is one interval after the start
        .max_drift = 2s,         // how late a run may be before one stands for all that was missed
        .error_backoff = 500ms,  // from a failed run to its retry
        .tolerance = 1s,         // how much later a run may start, to share a wake-up
        .missed_ticks = cliffracer::MissedTicks::skip,  // coalesce, burst or skip what was missed
        .run_on = cliffracer::RunOn::worker_pool,       // or event_loop
        .name = "nightly_purge",                        // unless the method's name
    });
    //]

    //[more_timer_options
    add(timer<&TaskService::sync_task>{
        .interval = 1h,
        .initial_delay = 20s,          // the first run; not together with .eager
        .jitter = 30s,                 // each run later by a random time below this: replicas spread out
        .timeout = 10min,              // then the run is cancelled, or asked to end
        .max_error_backoff = 5min,     // error_backoff doubles with each failure in a row up to this
        .max_consecutive_errors = 10,  // then the timer is paused
        .align_to_epoch = true,        // on the hour of the wall clock (UTC),
        .offset = 5min,                // five minutes later
        .name = "hourly_sync",
    });
    //]

    //[two_timers_on_one_method
    add(timer<&TaskService::refresh>{.interval = 10s, .name = "refresh"},
        timer<&TaskService::refresh>{.interval = 1h, .eager = true, .name = "refresh_hourly"});
    //]
  }

  //[async_and_sync
  asio::awaitable<void> async_task() {  // on the event loop: waits, never blocks
    co_await some_async_operation();
  }

  void sync_task() {  // on a worker thread: may block, and no other timer notices
    some_sync_operation();
  }
  //]

  //[error_handling
  asio::awaitable<void> robust_task() {
    try {
      co_await risky_operation();
    } catch (const std::exception& error) {
      spdlog::error("Task failed: {}", error.what());
      // The timer goes on. Without this it would, too: count the error, and retry after error_backoff.
    }
  }
  //]

  //[tick_context
  void purge(const cliffracer::TickContext& tick) {
    spdlog::info("purge: run {}, attempt {}", tick.run_number, tick.attempt);
    bool is_clean = false;
    while (!is_clean && !tick.stop_token.stop_requested()) is_clean = delete_some_rows();
  }
  //]

  asio::awaitable<void> refresh() { co_await wait_for(1ms); }
};

// ---- RPC, events, hooks

//[arguments
struct Order {
  std::string article;
  std::uint32_t quantity = 1;
};

void from_json(const nlohmann::json& json, Order& order) {
  json.at("article").get_to(order.article);
  if (!json.contains("quantity")) return;
  // A number from outside is looked at before it is converted.
  const nlohmann::json& quantity = json.at("quantity");
  if (!quantity.is_number_unsigned() || quantity > 1000)
    throw std::invalid_argument{"quantity must be 0 to 1000"};
  quantity.get_to(order.quantity);
}
//]

//[service_integration
class OrderService : public cliffracer::NatsService {
 public:
  OrderService(asio::io_context& context, cliffracer::ServiceConfig config)
      : NatsService{context, std::move(config)} {
    add(timer<&OrderService::report>{.interval = 1s}, rpc<&OrderService::place_order>{},
        rpc<&OrderService::count>{.name = "get_order_count"}, rpc<&OrderService::get_service_info>{},
        listener<&OrderService::on_stock>{.subject = "stock.*"});
  }

  asio::awaitable<nlohmann::json> place_order(Order order) {
    ++orders_;
    publish_event("orders.placed", {{"article", order.article}, {"quantity", order.quantity}});
    co_return nlohmann::json{{"number", orders_.load()}};
  }

  nlohmann::json count() { return orders_.load(); }  // plain: on a worker thread

  asio::awaitable<void> on_stock(std::string_view subject, nlohmann::json event) {
    spdlog::info("{} says {}", subject, event.dump());
    co_return;
  }

  asio::awaitable<void> report() {
    publish_event("orders.report", {{"orders", orders_.load()}});
    co_return;
  }

 private:
  std::atomic<int> orders_{0};  // coroutines and workers use it
};
//]

class CustomerService : public cliffracer::NatsService {
 public:
  CustomerService(asio::io_context& context, cliffracer::ServiceConfig config)
      : NatsService{context, std::move(config)} {
    add(timer<&CustomerService::order>{.interval = 300ms},
        timer<&CustomerService::order_badly>{.interval = 400ms},
        timer<&CustomerService::look>{.interval = 500ms},
        listener<&CustomerService::on_order>{.subject = "orders.placed", .queue_group = "customers"});
  }

  //[call_rpc
  asio::awaitable<void> order() {
    nlohmann::json arguments{{"article", "tea"}, {"quantity", 3}};
    nlohmann::json answer = co_await call_rpc("orders", "place_order", arguments);
    spdlog::info("ordered: {}", answer.dump());
    call_async("orders", "place_order", arguments);  // waits for no answer
  }
  //]

  //[call_rpc_errors
  asio::awaitable<void> order_badly() {
    nlohmann::json arguments{{"article", "tea"}, {"quantity", -3}};
    try {
      co_await call_rpc("orders", "place_order", arguments);
    } catch (const cliffracer::RpcError& error) {
      spdlog::warn("{}", error.what());  // refused or failed over there, or nobody serves it
    } catch (const std::system_error& error) {
      spdlog::warn("{}", error.what());  // asio::error::timed_out, or not sent
    }
  }
  //]

  //[hooks
  asio::awaitable<void> on_start() override {
    // Before the first timer and message. What it throws ends the start.
    publish_event("customers.open", {{"name", config().name}});
    co_return;
  }

  asio::awaitable<void> on_stop() override {
    // After the last timer and message, while the broker can still be reached.
    publish_event("customers.closed", {{"orders_seen", orders_seen_}});
    co_return;
  }
  //]

  asio::awaitable<void> look() {
    const nlohmann::json count = co_await call_rpc("orders", "get_order_count");
    const nlohmann::json info = co_await call_rpc("orders", "get_service_info");
    spdlog::info("orders so far: {}, broker {}", count.dump(), info.at("broker").at("state").dump());
  }

  asio::awaitable<void> on_order(const nlohmann::json& /*event*/) {
    ++orders_seen_;
    publish_event("stock.tea", {{"left", 100 - orders_seen_}});
    co_return;
  }

  int orders_seen() const { return orders_seen_; }

 private:
  int orders_seen_ = 0;
};

//[start_and_stop
asio::awaitable<void> serve(OrderService& orders, CustomerService& customers) {
  asio::signal_set signals{orders.get_executor(), SIGINT, SIGTERM};
  std::exception_ptr failure;
  co_await orders.start();
  try {
    co_await customers.start();
    co_await signals.async_wait(asio::use_awaitable);
    co_await customers.stop();
  } catch (...) {
    failure = std::current_exception();
  }
  // Whatever happened: a service that runs must not be destroyed.
  co_await orders.stop();
  if (failure) std::rethrow_exception(failure);
}
//]

int two_services(const std::string& nats_url) {
  //[two_services
  asio::io_context context;
  OrderService orders{context, {.name = "orders", .nats_url = nats_url}};
  CustomerService customers{context, {.name = "customers", .nats_url = nats_url, .request_timeout = 1s}};
  asio::co_spawn(context, serve(orders, customers), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.run();
  //]
  return customers.orders_seen();
}

// ---- Control and observation

//[observer
class Alarms : public cliffracer::TimerObserver {
 public:
  void on_error(const cliffracer::ObservedTimer& timer, std::chrono::nanoseconds /*length*/,
                std::string_view error) override {
    spdlog::warn("{}: {} failed: {}", timer.service, timer.name, error);
  }
  void on_pause(const cliffracer::ObservedTimer& timer, std::string_view reason) override {
    spdlog::error("{}: {} does not run any more: {}", timer.service, timer.name, reason);
  }
};
//]

void observe(cliffracer::NatsService& service) {
  //[set_observer
  service.set_observer(std::make_shared<Alarms>());  // before start
  //]
}

void operate(cliffracer::NatsService& service) {
  //[control
  service.pause("refresh", "the cache is being replaced");  // any thread, each of them
  service.resume("refresh");
  service.trigger("refresh");            // one run now; the grid stays
  service.set_interval("refresh", 20s);  // the grid begins again at the newest start
  if (const auto due = service.next_due("refresh")) {
    spdlog::info("refresh is due in {} s", (*due - std::chrono::steady_clock::now()) / 1s);
  }
  //]
}

// ---- Configuration and statistics

cliffracer::ServiceConfig secured() {
  //[connection
  cliffracer::ServiceConfig config{
      .name = "my_service",
      .nats_url = {"tls://nats-1.example.com:4222", "tls://nats-2.example.com:4222"},
      .user = "my_service",
      .password = "from a secret store",  // or .token, .credentials_file, .nkey and .nkey_seed
      .tls = {.ca_file = "/etc/my_service/ca.pem",
              .certificate_file = "/etc/my_service/certificate.pem",
              .key_file = "/etc/my_service/key.pem"},
  };
  //]
  return config;
}

void print_statistics(const cliffracer::NatsService& service) {
  //[statistics
  const auto stats = service.get_timer_stats();
  for (const auto& timer : stats.timers) {
    std::cout << timer.method_name << ": " << timer.execution_count << " executions\n";
  }
  //]
}

void print_service_info(const cliffracer::NatsService& service) {
  //[service_info
  nlohmann::json info = service.get_service_info();
  std::cout << info.dump(2) << '\n';
  //]
}

// ---- Everything runs, and often enough for a short time

class QuickMyService : public MyService {
 public:
  using MyService::MyService;
  void hurry() { add(timer<&MyService::health_check>{.interval = 100ms, .name = "health_check_soon"}); }
};

class QuickTaskService : public TaskService {
 public:
  using TaskService::TaskService;
  void hurry() {
    add(timer<&TaskService::async_task>{.interval = 100ms, .name = "async_task_soon"},
        timer<&TaskService::sync_task>{.interval = 100ms, .name = "sync_task_soon"},
        timer<&TaskService::robust_task>{.interval = 500ms, .name = "robust_task_soon"},
        timer<&QuickTaskService::operate_soon>{.interval = 1h, .initial_delay = 200ms});
  }

 private:
  void operate_soon() { operate(*this); }
};

/// Ends the program as its user would.
void raise_after(const std::stop_token& stop, std::chrono::duration<double> duration) {
  if (duration <= std::chrono::duration<double>::zero()) return;
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock{mutex};
  wake.wait_for(lock, stop, duration, [] { return false; });
  if (!stop.stop_requested()) std::raise(SIGTERM);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = read_options(argc, argv, "Runs the code of README.md.", 3s);
  QuickMyService my_service{{.name = "my_service", .nats_url = options.nats_url}};
  QuickTaskService task_service{{.name = "task_service", .nats_url = options.nats_url}};
  const MyService secured_service{secured()};  // would need that server: not started
  my_service.hurry();
  task_service.hurry();
  observe(task_service);

  const std::jthread end{raise_after, options.duration};
  auto first = std::async(std::launch::async, [&] { my_service.run(); });
  auto second = std::async(std::launch::async, [&] { task_service.run(); });
  const int orders_seen = two_services(options.nats_url);
  first.get();
  second.get();

  print_statistics(my_service);
  print_statistics(task_service);
  print_service_info(secured_service);
  std::cout << orders_seen << " orders seen\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
