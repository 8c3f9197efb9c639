// A service for clients that are not this library's: service URL. Prints "NAME ID" when it has started.

#include <cliffracer/cliffracer.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::timer;

namespace {

struct Sum {
  double a = 0;
  double b = 0;
};
void from_json(const nlohmann::json& json, Sum& sum) {
  sum.a = json.at("a").get<double>();
  sum.b = json.at("b").get<double>();
}

class Shop : public NatsService {
 public:
  explicit Shop(const std::string& url)
      : NatsService{{.name = "shop", .nats_url = url, .version = "1.2.3", .description = "sells"}} {
    add(timer<&Shop::tidy>{.interval = 100ms, .eager = true},
        timer<&Shop::broken>{.interval = 100ms, .eager = true, .error_backoff = 50ms},
        rpc<&Shop::add_up>{.name = "add"}, rpc<&Shop::fail>{}, rpc<&Shop::slow>{});
  }

 private:
  asio::awaitable<void> on_start() override {
    const auto info = get_service_info();
    std::printf("%s %s\n", info.name.c_str(), info.id.c_str());
    std::fflush(stdout);
    co_return;
  }

  double add_up(const Sum& sum) {
    publish_event("shop.added", {{"sum", sum.a + sum.b}});
    return sum.a + sum.b;
  }
  void fail() { throw std::runtime_error{"out of stock\nuntil Grünkohl is back"}; }
  asio::awaitable<void> slow() { co_await sleep_for(200ms); }
  asio::awaitable<void> tidy() { co_return; }
  void broken() { throw std::runtime_error{"the mop is gone"}; }
};

}  // namespace

int main(int count, char** arguments) {
  try {
    spdlog::set_default_logger(spdlog::stderr_color_mt("log"));
    if (count != 2) throw std::invalid_argument{"usage: service URL"};
    Shop{arguments[1]}.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "service: %s\n", error.what());
    return 1;
  }
}
