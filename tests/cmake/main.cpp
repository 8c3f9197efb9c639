#include <cliffracer/service_config.hpp>
#include <cliffracer/timer.hpp>
#include <cliffracer/version.hpp>

#include <chrono>

namespace {

struct Service {
  asio::awaitable<void> tick() { co_return; }
};

}  // namespace

// What comes without the engine, and so compiles fast: headers, definitions and flags are there.
int main() {
  cliffracer::check_validity({.name = "consumer"});
  const cliffracer::timer<&Service::tick> timer{.interval = std::chrono::seconds{1}};
  return timer.eager || cliffracer::library_version.empty() ? 1 : 0;
}
