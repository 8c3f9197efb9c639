#pragma once

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

/// main() of a program that plays worlds, one for each seed.
namespace support {

/// The command line is wrong.
class UsageError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

struct NumberOption {
  std::string_view name;
  std::uint64_t* value;
};

struct FlagOption {
  std::string_view name;
  bool* value;
};

/// The options that all simulations have: --seeds, --from, --failures, --twice.
struct SimulationOptions {
  std::uint64_t seeds = 1;
  std::uint64_t from = 1;
  std::uint64_t failures = 5;
  bool twice = false;
};

namespace detail {

inline std::uint64_t number(std::string_view option, std::string_view text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string_view::npos)
    throw UsageError{std::string{option} + " needs a number"};
  return std::stoull(std::string{text});
}

/// Takes the number or the flag that `word` names; `value()` is the word behind it.
inline bool take(std::string_view word, std::span<const NumberOption> numbers,
                 std::span<const FlagOption> flags, const std::function<std::string_view()>& value) {
  for (const NumberOption& option : numbers) {
    if (word == option.name) {
      *option.value = number(word, value());
      return true;
    }
  }
  for (const FlagOption& option : flags) {
    if (word == option.name) return *option.value = true;
  }
  return false;
}

// For a library that is so broken that it ends the process.
inline char last_words[256];
inline void on_death(int signal) {
  std::signal(signal, SIG_DFL);
  const std::string_view words{last_words};
  static_cast<void>(!write(STDOUT_FILENO, words.data(), words.size()));
}
inline void remember(std::uint64_t seed, const std::string& again) {
  std::snprintf(last_words, sizeof last_words, "seed %llu: the process died\n  %s\n",
                static_cast<unsigned long long>(seed), again.c_str());
}
inline void speak_before_death() {
  std::signal(SIGABRT, on_death);
  // A sanitizer says more.
  if (const auto before = std::signal(SIGSEGV, on_death); before != SIG_DFL) std::signal(SIGSEGV, before);
}

}  // namespace detail

/// Reads the command line: the options that all simulations have, and `numbers` and `flags`. Throws
/// UsageError.
inline SimulationOptions simulation_options(int count, char** words, std::span<const NumberOption> numbers,
                                            std::span<const FlagOption> flags) {
  SimulationOptions options;
  const NumberOption common_numbers[]{
      {"--seeds", &options.seeds}, {"--from", &options.from}, {"--failures", &options.failures}};
  const FlagOption common_flags[]{{"--twice", &options.twice}};
  for (int n = 1; n < count; ++n) {
    const std::string_view word = words[n];
    const auto value = [&] { return n + 1 < count ? std::string_view{words[++n]} : std::string_view{}; };
    if (!detail::take(word, common_numbers, common_flags, value) &&
        !detail::take(word, numbers, flags, value))
      throw UsageError{"unknown argument"};
  }
  return options;
}

/// Plays a world for each seed, prints each failure with the line that has it again, and then a line with
/// `summary(total)`; returns the exit status.
///
/// `play(seed)` returns a report, which has a `hash` of its history and can be added to another; it throws
/// where the library does what its rules do not allow. `again(seed)` is a command line.
template <class Play, class Again, class Summary>
int play_worlds(const SimulationOptions& options, const Play& play, const Again& again,
                const Summary& summary) {
  decltype(play(options.from)) total;
  std::uint64_t failures = 0;
  std::uint64_t seeds = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (; seeds < options.seeds && failures < options.failures; ++seeds) {
    const std::uint64_t seed = options.from + seeds;
    detail::remember(seed, again(seed));
    try {
      const auto report = play(seed);
      if (options.twice && play(seed).hash != report.hash)
        throw std::runtime_error{"the second history is another one"};
      total += report;
    } catch (const std::exception& caught) {
      ++failures;
      std::cout << "seed " << seed << ": " << caught.what() << "\n  " << again(seed) << std::endl;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << "seeds " << seeds << ", " << summary(total) << ", failures " << failures << ", seconds "
            << took.count() << ", hash " << std::hex << total.hash << std::endl;
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/// The exit status of `run()`, or 2, with `usage` printed, when it throws UsageError.
template <class Run>
int simulation_main(std::string_view program, std::string_view usage, const Run& run) {
  detail::speak_before_death();
  try {
    return run();
  } catch (const UsageError& error) {
    std::cerr << program << ": " << error.what() << '\n' << usage;
    return 2;
  }
}

}  // namespace support
