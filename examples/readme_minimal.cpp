// The first service of README.md, a whole program. Needs no server to run, and ends on SIGINT (Ctrl-C) or
// SIGTERM.
//
//     readme_minimal
//
// Left out: everything that is optional. readme_service has the rest of the README's code.

//[minimal_service
#include <cliffracer/cliffracer.hpp>

using namespace std::chrono_literals;
using cliffracer::listener, cliffracer::rpc, cliffracer::timer;

class MyService : public cliffracer::NatsService {
 public:
  MyService() : NatsService{{.name = "my_service"}} {
    add(timer<&MyService::collect_metrics>{.interval = 60s, .eager = true},
        timer<&MyService::purge>{.interval = 5min, .max_drift = 2s, .error_backoff = 10s},
        rpc<&MyService::get_health>{}, listener<&MyService::on_alert>{.subject = "system.alerts.*"});
  }

 private:
  asio::awaitable<void> collect_metrics() {  // a coroutine: runs on the service's event loop, must not block
    publish_event("metrics.collected", {{"alerts", alerts_}});
    co_return;
  }
  void purge() {}  // a plain method: runs on a worker thread, may block
  nlohmann::json get_health() { return {{"status", "healthy"}}; }
  asio::awaitable<void> on_alert(std::string_view /*subject*/, nlohmann::json /*data*/) {
    ++alerts_;
    co_return;
  }

  int alerts_ = 0;
};

int main() { MyService{}.run(); }  // until SIGINT, SIGTERM or request_stop()
//]
