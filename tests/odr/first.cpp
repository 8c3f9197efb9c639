#include "second.hpp"

#include <cliffracer/cliffracer.hpp>

#include <chrono>

namespace {

class First : public cliffracer::NatsService {
 public:
  First() : NatsService{{.name = "first"}} {
    add(cliffracer::timer<&First::tick>{.interval = std::chrono::seconds{1}});
  }
  asio::awaitable<void> tick() { co_return; }
};

}  // namespace

int main() {
  return First{}.get_timer_stats().timer_count == 1 && Second{}.get_timer_stats().timer_count == 2 ? 0 : 1;
}
