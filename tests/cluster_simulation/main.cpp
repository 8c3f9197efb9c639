#include "cluster_simulation/simulation.hpp"
#include "simulation/failure.hpp"

#include <spdlog/spdlog.h>
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
    "usage: cluster_simulation [--seeds N] [--from S] [--twice] [--failures N] [--log]\n"
    "\n"
    "Worlds of replicas that share timers, made by chance, with clocks that differ and much that fails.\n"
    "  --seeds N     so many worlds (1)\n"
    "  --from S      the first one's seed (1)\n"
    "  --twice       each world twice; both histories must be the same\n"
    "  --failures N  ends after so many failures (5)\n"
    "  --log         with what the replicas log\n";

struct Arguments {
  std::uint64_t seeds = 1;
  std::uint64_t from = 1;
  std::uint64_t failures = 5;
  bool twice = false;
  bool log = false;
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
    } else if (word == "--failures") {
      arguments.failures = value();
    } else if (word == "--twice") {
      arguments.twice = true;
    } else if (word == "--log") {
      arguments.log = true;
    } else {
      throw std::invalid_argument{"unknown argument"};
    }
  }
  return arguments;
}

/// The line that has a world again.
std::string again(std::uint64_t seed) {
  return "tests/run simulate --cluster --seeds 1 --from " + std::to_string(seed);
}

// For a library that is so broken that it ends the process.
char last_words[256];
void on_death(int signal) {
  std::signal(signal, SIG_DFL);
  const std::string_view words{last_words};
  static_cast<void>(!write(STDOUT_FILENO, words.data(), words.size()));
}

int run(const Arguments& arguments) {
  cluster_simulation::Report total;
  std::uint64_t failures = 0;
  std::uint64_t seeds = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (; seeds < arguments.seeds && failures < arguments.failures; ++seeds) {
    const std::uint64_t seed = arguments.from + seeds;
    std::snprintf(last_words, sizeof last_words, "seed %llu: the process died\n  %s\n",
                  static_cast<unsigned long long>(seed), again(seed).c_str());
    try {
      const auto report = cluster_simulation::simulate(seed);
      if (arguments.twice && cluster_simulation::simulate(seed).hash != report.hash)
        throw simulation::Failure{"the second history is another one"};
      total += report;
    } catch (const std::exception& caught) {
      ++failures;
      std::cout << "seed " << seed << ": " << caught.what() << "\n  " << again(seed) << std::endl;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << "seeds " << seeds << ", replicas " << total.replicas << ", runs " << total.runs << " (retries "
            << total.retries << ", refused " << total.refused << "), exact ticks " << total.exact
            << " (excused " << total.excused << "), faults " << total.faults << ", failures " << failures
            << ", seconds " << took.count() << ", hash " << std::hex << total.hash << std::endl;
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGABRT, on_death);
  // A sanitizer says more.
  if (const auto before = std::signal(SIGSEGV, on_death); before != SIG_DFL) std::signal(SIGSEGV, before);
  try {
    const Arguments arguments = arguments_of(count, words);
    // Much fails, as it should.
    if (!arguments.log) spdlog::set_level(spdlog::level::off);
    return run(arguments);
  } catch (const std::invalid_argument& error) {
    std::cerr << "cluster_simulation: " << error.what() << '\n' << usage;
    return 2;
  }
}
