#include "simulation/simulation.hpp"
#include "support/simulation_main.hpp"

#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view usage =
    "usage: simulation [--seeds N] [--from S] [--days D] [--stops] [--twice] [--failures N]\n"
    "\n"
    "Worlds of services under virtual time, made by chance, compared with a model of what is promised.\n"
    "  --seeds N     so many worlds (1)\n"
    "  --from S      the first one's seed (1)\n"
    "  --days D      virtual days in each (30)\n"
    "  --stops       instead small worlds, which are stopped at every step of their history\n"
    "  --twice       each world twice; both histories must be the same\n"
    "  --failures N  ends after so many failures (5)\n";

std::string summary(const simulation::Report& total) {
  std::ostringstream text;
  text << "virtual days " << total.time / std::chrono::hours{24} << ", ticks " << total.runs << " (failed "
       << total.failed << ", cancelled " << total.cancelled << ", deferred " << total.deferred << ", drifted "
       << total.drifted << ", timed out " << total.timed_out << "; skipped points " << total.skipped
       << "), stops " << total.stops << ", steps " << total.steps;
  return text.str();
}

int run(int count, char** words) {
  std::uint64_t days = 30;
  bool stops = false;
  const support::NumberOption numbers[]{{"--days", &days}};
  const support::FlagOption flags[]{{"--stops", &stops}};
  const auto options = support::simulation_options(count, words, numbers, flags);

  const auto play = [&](std::uint64_t seed) {
    if (stops) return simulation::stop_at_every_step(seed);
    return simulation::simulate(seed, std::chrono::hours{24} * static_cast<std::int64_t>(days));
  };
  const auto again = [&](std::uint64_t seed) {
    const std::string line = "tests/run simulate --seeds 1 --from " + std::to_string(seed);
    if (stops) return line + " --stops";
    return days == 30 ? line : line + " --days " + std::to_string(days);
  };
  return support::play_worlds(options, play, again, summary);
}

}  // namespace

int main(int count, char** words) {
  return support::simulation_main("simulation", usage, [&] { return run(count, words); });
}
