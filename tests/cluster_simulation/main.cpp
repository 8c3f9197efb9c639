#include "cluster_simulation/simulation.hpp"
#include "support/simulation_main.hpp"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view usage =
    "usage: cluster_simulation [--seeds N] [--from S] [--twice] [--failures N] [--log]\n"
    "\n"
    "Worlds of replicas that share timers, made by chance, with clocks that differ and much that fails.\n"
    "  --seeds N     so many worlds (1)\n"
    "  --from S      the first one's seed (1)\n"
    "  --twice       each world twice; both histories must be the same\n"
    "  --failures N  ends after so many failures (5)\n"
    "  --log         with what the replicas log\n";

std::string summary(const cluster_simulation::Report& total) {
  std::ostringstream text;
  text << "replicas " << total.replicas << ", runs " << total.runs << " (retries " << total.retries
       << ", caught up " << total.catch_ups << ", refused " << total.refused << "), exact ticks "
       << total.exact << " (excused " << total.excused << "), faults " << total.faults;
  return text.str();
}

int run(int count, char** words) {
  bool log = false;
  const support::FlagOption flags[]{{"--log", &log}};
  const auto options = support::simulation_options(count, words, {}, flags);
  // Much fails, as it should.
  if (!log) spdlog::set_level(spdlog::level::off);

  const auto again = [](std::uint64_t seed) {
    return "tests/run simulate --cluster --seeds 1 --from " + std::to_string(seed);
  };
  return support::play_worlds(options, cluster_simulation::simulate, again, summary);
}

}  // namespace

int main(int count, char** words) {
  return support::simulation_main("cluster_simulation", usage, [&] { return run(count, words); });
}
