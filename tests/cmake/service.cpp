#include <cliffracer/cliffracer.hpp>

#include <chrono>

namespace {

/// Uses what a program uses of the engine; it is not run.
class Consumer : public cliffracer::NatsService {
 public:
  Consumer() : NatsService{{.name = "consumer"}} {
    add(cliffracer::timer<&Consumer::tick>{.interval = std::chrono::seconds{1}},
        cliffracer::rpc<&Consumer::get>{});
  }
  asio::awaitable<void> tick() { co_return; }
  nlohmann::json get() { return get_timer_stats(); }
};

}  // namespace

int main() { return Consumer{}.get().at("timer_count") == 1 ? 0 : 1; }
