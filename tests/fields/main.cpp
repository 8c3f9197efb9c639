// What is written elsewhere of the statistics, compared with the lists of their fields.
//
//     fields names-fields FILE     whether FILE names each field
//     fields names-metrics FILE    whether FILE names each metric
//     fields compare FILE          whether FILE is the live page's fields.js; else says how to write it again
//     fields write FILE            writes it

#include <cliffracer/service_info.hpp>
#include <cliffracer/stats_fields.hpp>
#include <cliffracer/timer_stats.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

using namespace cliffracer;

/// What the page reads a value as.
template <class Value>
constexpr std::string_view kind_of() {
  if constexpr (std::is_same_v<Value, bool>) return "flag";
  if constexpr (std::is_same_v<Value, SkippedCounts>) return "skipped";
  if constexpr (std::is_same_v<Value, ClaimCounts>) return "claims";
  if constexpr (std::is_same_v<Value, DurationPercentiles>) return "percentiles";
  if constexpr (std::is_same_v<Value, std::optional<std::chrono::system_clock::time_point>>) return "time";
  if constexpr (std::is_arithmetic_v<Value> || std::is_same_v<Value, std::chrono::nanoseconds>)
    return "number";
  return "text";
}

/// A constant of the page: an object of names and kinds, or an array of names.
template <class Struct>
[[nodiscard]] std::string page_constant(std::string_view comment, std::string_view name, bool has_kinds) {
  std::string text = "\n/** " + std::string{comment} + " */\nexport const " + std::string{name} + " = ";
  text += has_kinds ? "{\n" : "[\n";
  visit_fields<Struct>([&]<class Value>(const StatsField<Struct, Value>& field) {
    if (field.presence == StatsPresence::metrics_only) return;
    const std::string field_name{field.name};
    text += has_kinds ? "  " + field_name + ": '" + std::string{kind_of<Value>()} + "',\n"
                      : "  '" + field_name + "',\n";
  });
  return text + (has_kinds ? "};\n" : "];\n");
}

[[nodiscard]] std::string page_fields() {
  return "// The fields of a timer's statistics. Generated: the lists are in "
         "include/cliffracer/timer_stats.hpp, a test\n"
         "// compares this file with them, and tells how to write it again.\n" +
         page_constant<TimerStats>("Of a timer, and what each is read as.", "timerFields", true) +
         page_constant<SkippedCounts>("Why due points were passed over.", "skipReasons", false) +
         page_constant<ClaimCounts>("What came of claims of a timer that replicas share.", "claimOutcomes",
                                    false) +
         page_constant<DurationPercentiles>("Of measured durations.", "percentiles", false);
}

template <class Struct>
void collect(std::set<std::string>& fields, std::set<std::string>& metrics) {
  visit_fields<Struct>([&](const auto& field) {
    fields.insert(std::string{field.name});
    if (!field.metric.name.empty()) metrics.insert(std::string{field.metric.name});
  });
}

std::string content_of(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) throw std::runtime_error{"cannot read " + file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// The words of letters, digits and underscores.
std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  const auto is_letter = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  for (auto from = text.begin(); from != text.end();) {
    const auto begin = std::find_if(from, text.end(), is_letter);
    const auto end = std::find_if_not(begin, text.end(), is_letter);
    words.emplace(begin, end);
    from = end;
  }
  return words;
}

bool names_all(const std::string& file, const std::set<std::string>& names) {
  const std::set<std::string> words = words_of(content_of(file));
  bool all = true;
  for (const std::string& name : names) {
    if (words.contains(name)) continue;
    std::cerr << file << " does not name " << name << '\n';
    all = false;
  }
  return all;
}

}  // namespace

int main(int count, char** arguments) try {
  const std::string action = count == 3 ? arguments[1] : "";
  const std::string file = count == 3 ? arguments[2] : "";
  std::set<std::string> fields;
  std::set<std::string> metrics;
  collect<DurationPercentiles>(fields, metrics);
  collect<SkippedCounts>(fields, metrics);
  collect<ClaimCounts>(fields, metrics);
  collect<TimerStats>(fields, metrics);
  collect<ServiceTimerStats>(fields, metrics);
  collect<BrokerInfo>(fields, metrics);
  collect<EndpointInfo>(fields, metrics);
  collect<ServiceInfo>(fields, metrics);
  if (action == "names-fields") return names_all(file, fields) ? 0 : 1;
  if (action == "names-metrics") return names_all(file, metrics) ? 0 : 1;
  if (action == "write") {
    std::ofstream out{file, std::ios::binary};
    out << page_fields();
    out.close();
    if (!out) throw std::runtime_error{"cannot write " + file};
    return 0;
  }
  if (action == "compare") {
    if (content_of(file) == page_fields()) return 0;
    std::cerr << file << " is not what the lists of fields say. Write it again:\n  " << arguments[0]
              << " write " << file << '\n';
    return 1;
  }
  std::cerr << "usage: fields names-fields|names-metrics|compare|write FILE\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "fields: " << error.what() << '\n';
  return 1;
}
