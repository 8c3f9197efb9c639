#pragma once

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>

/// What all examples read from their command line and environment.
struct ExampleOptions {
  std::chrono::duration<double> duration{0};  ///< How long to run; zero: until SIGINT or SIGTERM.
  double speed = 1;                           ///< Divides all intervals.
  std::string nats_url;                       ///< From NATS_URL.

  /// `time`, divided by the speed.
  [[nodiscard]] std::chrono::nanoseconds at_speed(std::chrono::duration<double> time) const {
    return std::chrono::round<std::chrono::nanoseconds>(time / speed);
  }
};

/// An option that one example has beyond these.
struct TextOption {
  std::string_view name;
  std::string_view value_name;
  std::string_view meaning;
  std::string* value;
};

namespace example {

[[noreturn]] inline void refuse(std::string_view problem) {
  std::cerr << problem << "; --help says what can be given\n";
  std::exit(2);
}

inline double number(std::string_view option, std::string_view text, double least, double most) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= most)) {
    std::cerr << option << " takes a number from " << least << " to " << most << ", not \"" << text << '"';
    refuse("");
  }
  return value;
}

inline void print_help(std::string_view program, std::string_view about, const ExampleOptions& defaults,
                       std::initializer_list<TextOption> more) {
  std::cout << about << "\n\nusage: " << program << " [OPTION...]\n\n"
            << "  --duration SECONDS   how long to run (" << defaults.duration.count()
            << "); 0: until SIGINT (Ctrl-C) or SIGTERM\n"
            << "  --speed N            divides all intervals (" << defaults.speed << ")\n";
  for (const TextOption& option : more) {
    std::string usage{option.name};
    usage.append(" ").append(option.value_name).resize(19, ' ');
    std::cout << "  " << usage << "  " << option.meaning << '\n';
  }
  std::cout << "  --help               prints this\n\n"
            << "NATS_URL says where the NATS server is; nats://localhost:4222 unless set.\n";
}

}  // namespace example

/// Reads the command line. `--help` ends the program with 0, a mistake with a message and 2.
inline ExampleOptions read_options(int count, char** words, std::string_view about,
                                   std::chrono::seconds duration,
                                   std::initializer_list<TextOption> more = {}) {
  ExampleOptions options;
  options.duration = duration;
  const char* nats_url = std::getenv("NATS_URL");
  options.nats_url = nats_url && *nats_url ? nats_url : "nats://localhost:4222";

  for (int n = 1; n < count; ++n) {
    const std::string_view name = words[n];
    if (name == "--help" || name == "-h") {
      example::print_help(words[0], about, ExampleOptions{.duration = duration, .nats_url = {}}, more);
      std::exit(0);
    }
    const TextOption* text_option = nullptr;
    for (const TextOption& option : more) {
      if (name == option.name) text_option = &option;
    }
    if (!text_option && name != "--duration" && name != "--speed") {
      example::refuse("unknown option " + std::string{name});
    }
    if (++n == count) example::refuse(std::string{name} + " needs a value");
    const std::string_view value = words[n];
    if (text_option) {
      *text_option->value = value;
    } else if (name == "--duration") {
      options.duration = std::chrono::duration<double>{example::number(name, value, 0, 1e9)};
    } else {
      options.speed = example::number(name, value, 0.001, 1000);
    }
  }
  return options;
}
