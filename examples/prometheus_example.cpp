// Timers whose statistics Prometheus reads: prometheus-cpp's Exposer serves them over HTTP, on threads of its
// own.
//
//     prometheus_example [--duration SECONDS] [--speed N] [--metrics HOST:PORT]     until Ctrl-C;
//     127.0.0.1:9464 examples/run prometheus_example                  does the same, with everything that it
//     needs
//
// Then look with a browser at the address that it prints; port 0 lets the system choose one. METRICS_ADDRESS
// stands for --metrics. examples/prometheus/ has a configuration of Prometheus that reads it, alert rules and
// a dashboard for Grafana.
//
// Left out: TLS and passwords, which Exposer has too (its list of options, RegisterAuth()); and what a broker
// would say about its connection, which is in get_service_info().
#include <cliffracer/cliffracer.hpp>
#include <cliffracer/prometheus.hpp>

#include "example_options.hpp"
#include "example_service.hpp"

#include <prometheus/exposer.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::TickContext, cliffracer::timer;

namespace {

class ShopService : public ExampleService {
 public:
  explicit ShopService(const ExampleOptions& options)
      : ExampleService{options, {.name = "shop", .nats_url = options.nats_url}} {
    add(timer<&ShopService::check_stock>{.interval = options.at_speed(1s), .eager = true},
        timer<&ShopService::import_orders>{.interval = options.at_speed(5s),
                                           .error_backoff = options.at_speed(1s)},
        timer<&ShopService::rebuild_index>{.interval = options.at_speed(10s)},
        timer<&ShopService::send_invoices>{.interval = 24h});
  }

 private:
  asio::awaitable<void> check_stock() { co_await sleep_for(5ms); }

  /// Every third run fails; the retry succeeds.
  asio::awaitable<void> import_orders(TickContext tick) {
    co_await sleep_for(30ms);
    if (tick.run_number % 3 == 0) throw std::runtime_error{"the supplier does not answer"};
  }

  /// Plain: may block, on a worker thread.
  void rebuild_index() { std::this_thread::sleep_for(150ms); }

  /// Has no success yet, and so no time of one.
  asio::awaitable<void> send_invoices() { co_return; }
};

/// What was bound, with the port that the system chose for port 0.
std::string url_of(const prometheus::Exposer& exposer, const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  return "http://" + host + ":" + std::to_string(exposer.GetListeningPorts().at(0)) + "/metrics";
}

}  // namespace

int main(int argc, char** argv) try {
  const char* const from_environment = std::getenv("METRICS_ADDRESS");
  std::string address = from_environment && *from_environment ? from_environment : "127.0.0.1:9464";
  const auto options =
      read_options(argc, argv, "Timers whose statistics Prometheus reads.", 0s,
                   {{"--metrics", "HOST:PORT", "where to serve them (127.0.0.1:9464)", &address}});
  if (address.find(':') == std::string::npos) example::refuse("--metrics takes HOST:PORT");

  //[prometheus
  ShopService service{options};
  const auto collector = std::make_shared<cliffracer::PrometheusCollector>(service);
  prometheus::Exposer exposer{address};  // "127.0.0.1:9464"
  exposer.RegisterCollectable(collector);
  std::cout << "Metrics: " << url_of(exposer, address) << std::endl;
  service.run();  // the Exposer goes before the service: it is declared after it
  //]
  std::cout << "Service stopped\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
