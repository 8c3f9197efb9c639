#include "simulation/failure.hpp"
#include "simulation/simulation.hpp"

#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view usage =
    "usage: simulation [--seeds N] [--from S] [--days D] [--stops] [--twice] "
    "[--failures N]\n"
    "\n"
    "Worlds of services under virtual time, made by chance, compared with a "
    "model of what is promised.\n"
    "  --seeds N   so many worlds (1)\n"
    "  --from S    the first one's seed (1)\n"
    "  --days D    virtual days in each (30)\n"
    "  --stops     instead small worlds, which are stopped at every step of "
    "their history\n"
    "  --twice     each world twice; both histories must be the same\n"
    "  --failures N  ends after so many failures (5)\n";

struct Arguments {
  std::uint64_t seeds = 1;
  std::uint64_t from = 1;
  std::uint64_t days = 30;
  std::uint64_t failures = 5;
  bool stops = false;
  bool twice = false;
};

std::uint64_t number(std::string_view option, const char* text) {
  const std::string written = text ? text : "";
  if (written.empty() || written.size() > 18 || written.find_first_not_of("0123456789") != std::string::npos)
    throw std::invalid_argument{std::string{option} + " needs a number"};
  return std::stoull(written);
}

Arguments arguments_of(int count, char** words) {
  Arguments arguments;
  for (int n = 1; n < count; ++n) {
    const std::string_view word = words[n];
    const auto value = [&] { return number(word, n + 1 < count ? words[++n] : nullptr); };
    if (word == "--seeds") {
      arguments.seeds = value();
    } else if (word == "--from") {
      arguments.from = value();
    } else if (word == "--days") {
      arguments.days = value();
    } else if (word == "--failures") {
      arguments.failures = value();
    } else if (word == "--stops") {
      arguments.stops = true;
    } else if (word == "--twice") {
      arguments.twice = true;
    } else {
      throw std::invalid_argument{"unknown argument"};
    }
  }
  return arguments;
}

/// The line that has a world again.
std::string again(const Arguments& arguments, std::uint64_t seed) {
  std::string line = "tests/run simulate --seeds 1 --from " + std::to_string(seed);
  if (arguments.stops) return line + " --stops";
  if (arguments.days != 30) line += " --days " + std::to_string(arguments.days);
  return line;
}

// For a library that is so broken that it ends the process.
char last_words[256];
void on_death(int signal) {
  std::signal(signal, SIG_DFL);
  const std::string_view words{last_words};
  static_cast<void>(!write(STDOUT_FILENO, words.data(), words.size()));
}
void remember(const Arguments& arguments, std::uint64_t seed) {
  std::snprintf(last_words, sizeof last_words, "seed %llu: the process died\n  %s\n",
                static_cast<unsigned long long>(seed), again(arguments, seed).c_str());
}

simulation::Report play(const Arguments& arguments, std::uint64_t seed) {
  if (arguments.stops) return simulation::stop_at_every_step(seed);
  return simulation::simulate(seed, std::chrono::hours{24} * static_cast<std::int64_t>(arguments.days));
}

int run(const Arguments& arguments) {
  simulation::Report total;
  std::uint64_t failures = 0;
  std::uint64_t seeds = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (; seeds < arguments.seeds && failures < arguments.failures; ++seeds) {
    const std::uint64_t seed = arguments.from + seeds;
    remember(arguments, seed);
    try {
      const auto report = play(arguments, seed);
      if (arguments.twice && play(arguments, seed).hash != report.hash)
        throw simulation::Failure{"the second history is another one"};
      total += report;
    } catch (const simulation::Failure& caught) {
      ++failures;
      std::cout << "seed " << seed << ": " << caught.what() << "\n  " << again(arguments, seed) << std::endl;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << "seeds " << seeds << ", virtual days " << total.time / std::chrono::hours{24} << ", ticks "
            << total.runs << " (failed " << total.failed << ", cancelled " << total.cancelled << ", deferred "
            << total.deferred << ", re-anchored " << total.reanchored << "; skipped points " << total.skipped
            << "), stops " << total.stops << ", steps " << total.steps << ", failures " << failures
            << ", seconds " << took.count() << ", hash " << std::hex << total.hash << std::endl;
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGABRT, on_death);
  // A sanitizer says more.
  if (const auto before = std::signal(SIGSEGV, on_death); before != SIG_DFL) std::signal(SIGSEGV, before);
  try {
    return run(arguments_of(count, words));
  } catch (const std::invalid_argument& error) {
    std::cerr << "simulation: " << error.what() << '\n' << usage;
    return 2;
  }
}
