// A service with five timers: coroutines and a plain method, one that starts at once, RPC methods beside
// them, events.
//
//     timer_service_example [--duration SECONDS] [--speed N]     90 s; --speed 10 makes a minute six seconds
//     examples/run                                               does the same, with everything that it needs
//
// timer_client_example talks to it. It goes on without a NATS server, and is there when one appears.
// Left out: a real database and real neighbours. What would be a query is a wait.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"
#include "example_service.hpp"
#include "timer_table.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;
using cliffracer::rpc, cliffracer::timer;
using nlohmann::json;

namespace {

double seconds_since_epoch() {
  return std::chrono::duration<double>{std::chrono::system_clock::now().time_since_epoch()}.count();
}

double memory_in_megabytes() {
  std::ifstream statm{"/proc/self/statm"};
  double total_pages = 0;
  double resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

double used_cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// What a caller of get_recent_metrics may say. Whatever from_json() throws is answered to the caller.
struct RecentMetricsRequest {
  std::size_t limit = 5;
};

void from_json(const json& arguments, RecentMetricsRequest& request) {
  if (!arguments.contains("limit")) return;
  // Checked before it is converted: get<std::size_t>() makes a huge number of -1.
  const json& limit = arguments["limit"];
  if (!limit.is_number_unsigned() || limit < 1 || limit > 100) {
    throw std::invalid_argument{"limit must be a whole number from 1 to 100"};
  }
  request.limit = limit.get<std::size_t>();
}

class HealthMonitorService : public ExampleService {
 public:
  explicit HealthMonitorService(const ExampleOptions& options)
      : ExampleService{options,
                       {.name = "health_monitor_service",
                        .nats_url = options.nats_url,
                        .description = "Watches itself: health, metrics, a pool of pretended connections"}} {
    add(timer<&HealthMonitorService::health_check>{.interval = options.at_speed(30s)},
        timer<&HealthMonitorService::collect_metrics>{.interval = options.at_speed(60s), .eager = true},
        timer<&HealthMonitorService::cleanup_old_data>{.interval = options.at_speed(5min)},
        timer<&HealthMonitorService::sync_data>{.interval = options.at_speed(2min)},
        timer<&HealthMonitorService::connection_heartbeat>{.interval = options.at_speed(10s)},
        rpc<&HealthMonitorService::get_health_status>{}, rpc<&HealthMonitorService::get_metrics_summary>{},
        rpc<&HealthMonitorService::get_timer_statistics>{}, rpc<&HealthMonitorService::get_recent_metrics>{});
  }

 private:
  // ---- Timers

  asio::awaitable<void> health_check() {
    ++health_checks_;
    json health{{"status", "healthy"}, {"check_count", health_checks_}};
    try {
      co_await check_database();
      co_await check_external_services();
      spdlog::info("Health check {}: healthy", health_checks_);
    } catch (const std::exception& error) {
      // Dealt with here, so it is no failure of the timer. What is not caught is counted, and retried later.
      health["status"] = "unhealthy";
      health["error"] = error.what();
      spdlog::warn("Health check {}: unhealthy, {}", health_checks_, error.what());
    }
    health["last_check"] = seconds_since_epoch();
    health["database_connections"] = connections_.load();
    health["broker"] = get_service_info().broker.state;
    health_ = std::move(health);
  }

  asio::awaitable<void> collect_metrics() {
    ++collections_;
    const auto now = std::chrono::steady_clock::now();
    const double cpu = used_cpu_seconds();
    const std::chrono::duration<double> elapsed = now - measured_at_;
    json metrics{{"timestamp", seconds_since_epoch()},
                 {"cpu_percent", 100 * (cpu - measured_cpu_) / elapsed.count()},
                 {"memory_megabytes", memory_in_megabytes()},
                 {"event_loop_lateness", worst_lateness()},
                 {"active_connections", connections_.load()},
                 {"cache_size", metrics_.size()},
                 {"collection_count", collections_}};
    measured_at_ = now;
    measured_cpu_ = cpu;

    spdlog::info("Metrics {}: {:.1f} % CPU, {:.1f} MB", collections_, metrics["cpu_percent"].get<double>(),
                 metrics["memory_megabytes"].get<double>());
    publish_event("metrics.collected", {{"service_name", config().name}, {"metrics", metrics}});
    metrics_.push_back({now, std::move(metrics)});
    co_return;
  }

  asio::awaitable<void> cleanup_old_data() {
    ++cleanups_;
    const auto oldest = std::chrono::steady_clock::now() - options_.at_speed(1h);
    const std::size_t before = metrics_.size();
    while (!metrics_.empty() && metrics_.front().time < oldest) metrics_.pop_front();
    spdlog::info("Cleanup {}: {} old metrics removed, {} kept", cleanups_, before - metrics_.size(),
                 metrics_.size());
    co_return;
  }

  asio::awaitable<void> sync_data() {
    ++syncs_;
    const std::uint64_t records = collections_ - synced_;
    co_await wait(100ms);  // would send them somewhere
    synced_ += records;
    json result{{"sync_id", syncs_}, {"timestamp", seconds_since_epoch()}, {"records_synced", records}};
    spdlog::info("Sync {}: {} records", syncs_, records);
    publish_event("data.synced", {{"service_name", config().name}, {"result", std::move(result)}});
  }

  /// No coroutine: runs on a worker thread and may block. What it shares with the coroutines must be
  /// thread-safe.
  void connection_heartbeat() {
    const std::uint64_t beat = ++heartbeats_;
    connections_ = 10 + beat % 6;
    spdlog::info("Heartbeat {}: {} active connections, broker {}", beat, connections_.load(),
                 get_service_info().broker.state);
    publish_event("connection.heartbeat", {{"service_name", config().name}, {"beat", beat}});
  }

  // ---- RPC methods

  asio::awaitable<json> get_health_status() { co_return health_; }

  asio::awaitable<json> get_metrics_summary() {
    json summary;
    summary["total_metrics_collected"] = collections_;
    summary["cached_metrics_count"] = metrics_.size();
    summary["cleanup_operations"] = cleanups_;
    summary["sync_operations"] = syncs_;
    summary["health_checks"] = health_checks_;
    summary["heartbeats"] = heartbeats_.load();
    co_return summary;
  }

  /// Statistics can be read on any thread, so that this need be no coroutine.
  cliffracer::ServiceTimerStats get_timer_statistics() const { return get_timer_stats(); }

  /// The newest first.
  asio::awaitable<json> get_recent_metrics(RecentMetricsRequest request) {
    json recent = json::array();
    for (auto entry = metrics_.rbegin(); entry != metrics_.rend() && recent.size() < request.limit; ++entry) {
      recent.push_back(entry->metrics);
    }
    co_return recent;
  }

  // ---- What they use

  asio::awaitable<void> wait(std::chrono::milliseconds time) {
    asio::steady_timer pause{get_executor(), time};
    co_await pause.async_wait(asio::use_awaitable);
  }

  asio::awaitable<void> check_database() {
    co_await wait(50ms);
    if (health_checks_ % 5 == 0) throw std::runtime_error{"the database did not answer in time"};
  }

  asio::awaitable<void> check_external_services() { co_await wait(20ms); }

  double worst_lateness() const {
    std::chrono::duration<double> worst{0};
    for (const auto& stats : get_timer_stats().timers) {
      if (stats.lateness.max > worst) worst = stats.lateness.max;
    }
    return worst.count();
  }

  // ---- Start and end

  asio::awaitable<void> on_start() override {
    // No service has to wait for its broker. This one does, for a moment, to say whether it is there.
    auto broker = get_service_info().broker;
    for (int n = 0; n < 20 && broker.state == "connecting" && broker.last_error.empty(); ++n) {
      co_await wait(50ms);
      broker = get_service_info().broker;
    }
    if (broker.state == "connected") {
      spdlog::info("NATS server: {}", broker.url);
    } else {
      spdlog::warn("NATS server: none answers at {}; going on offline", broker.url);
    }
    co_await ExampleService::on_start();
  }

  struct Measurement {
    std::chrono::steady_clock::time_point time;
    json metrics;
  };

  // Only in coroutines: they take turns, so that no lock is needed.
  json health_{{"status", "unknown"}, {"last_check", nullptr}};
  std::deque<Measurement> metrics_;
  std::uint64_t health_checks_ = 0;
  std::uint64_t collections_ = 0;
  std::uint64_t cleanups_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t synced_ = 0;
  std::chrono::steady_clock::time_point measured_at_ = std::chrono::steady_clock::now();
  double measured_cpu_ = used_cpu_seconds();

  // Any thread.
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> heartbeats_{0};
};

}  // namespace

int main(int argc, char** argv) try {
  const auto options = read_options(argc, argv, "A service with five timers, RPC methods and events.", 90s);
  HealthMonitorService service{options};
  service.run();

  std::cout << "\nFinal timer statistics:\n\n";
  print_timer_table(std::cout, service.get_timer_stats());
  std::cout << "\nService stopped\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
