// One replica of a trial: replica URLS LEDGER BUCKET_REPLICAS WORK LONG_WORK (milliseconds).
//
// A cluster timer has a tick each second and writes each run into LEDGER. A run takes WORK, one in eight
// LONG_WORK; one in twenty fails at first. Another one has a tick each five seconds, and catches up. Prints
// "NAME ID" when it has started, and the first timer's statistics when SIGTERM has ended it.

#include <cliffracer/cliffracer.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

#include "ledger.hpp"

using namespace std::chrono_literals;
using cliffracer::NatsService, cliffracer::TickContext, cliffracer::timer;

namespace {

struct Options {
  std::string urls;
  std::string ledger;
  int bucket_replicas = 1;
  std::chrono::milliseconds work{0};
  std::chrono::milliseconds long_work{0};
};

class Replica : public NatsService {
 public:
  explicit Replica(const Options& options)
      : NatsService{{.name = "trial",
                     .nats_url = options.urls,
                     .reconnect_time_wait = 500ms,
                     .cluster = {.replicas = options.bucket_replicas, .owner_timeout = 2s}}},
        options_{options},
        ledger_{options.ledger},
        reports_{options.ledger} {
    add(timer<&Replica::write>{.interval = 1s, .error_backoff = 200ms, .scope = cliffracer::Scope::cluster},
        timer<&Replica::report>{.interval = 5s, .scope = cliffracer::Scope::cluster, .catch_up = 5s});
  }

 private:
  asio::awaitable<void> on_start() override {
    id_ = get_service_info().id;
    std::cout << config().name << ' ' << id_ << std::endl;
    co_return;
  }

  void write(const TickContext& tick) {
    const std::int64_t run = ledger_.begin(tick.token, tick.attempt, id_);
    const std::uint64_t second = tick.token / 1000;
    std::this_thread::sleep_for(second % 8 == 0 ? options_.long_work : options_.work);
    if (!ledger_.end(run, tick.token, id_)) spdlog::warn("the guard refuses token {}", tick.token);
    if (second % 20 == 1 && tick.attempt == 1) throw std::runtime_error{"the first attempt had to fail"};
  }

  void report(const TickContext& tick) { reports_.report(tick.token, tick.is_catch_up, id_); }

  const Options options_;
  Ledger ledger_;
  Ledger reports_;  // each is one worker's at a time
  std::string id_;
};

}  // namespace

int main(int count, char** arguments) {
  try {
    auto logger = spdlog::stderr_color_mt("log");
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
    if (count != 6) throw std::invalid_argument{"usage: replica URLS LEDGER BUCKET_REPLICAS WORK LONG_WORK"};
    Replica replica{{.urls = arguments[1],
                     .ledger = arguments[2],
                     .bucket_replicas = std::stoi(arguments[3]),
                     .work = std::chrono::milliseconds{std::stoi(arguments[4])},
                     .long_work = std::chrono::milliseconds{std::stoi(arguments[5])}}};
    replica.run();
    std::cout << nlohmann::json(replica.get_timer_stats().timers.at(0)) << std::endl;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replica: %s\n", error.what());
    return 1;
  }
}
