#pragma once

#include <cliffracer/testing/detail/broker_message.hpp>
#include <cliffracer/testing/detail/broker_stream.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// Whether there is a subject that both patterns match. They are well-formed.
[[nodiscard]] constexpr bool patterns_overlap(std::string_view left, std::string_view right) noexcept {
  for (;;) {
    if (left == ">" || right == ">") return true;
    const std::size_t left_end = left.find('.');
    const std::size_t right_end = right.find('.');
    const std::string_view left_token = left.substr(0, left_end);
    const std::string_view right_token = right.substr(0, right_end);
    if (left_token != "*" && right_token != "*" && left_token != right_token) return false;
    if (left_end == std::string_view::npos || right_end == std::string_view::npos)
      return left_end == right_end;
    left.remove_prefix(left_end + 1);
    right.remove_prefix(right_end + 1);
  }
}

/// The streams of a broker, each with the subjects that it keeps: no subject belongs to two of them.
class BrokerStore {
 public:
  struct Entry {
    std::vector<std::string> subjects;  ///< Patterns.
    BrokerStream stream;
    nlohmann::json config{};  ///< As it was asked for, and with all defaults.
    std::string created{};    ///< When, as text.
  };

  /// Null: there is none of that name.
  [[nodiscard]] Entry* find(const std::string& name) {
    const auto found = streams_.find(name);
    return found == streams_.end() ? nullptr : &found->second;
  }

  /// The name of the stream that keeps messages to `subject`; null: none does.
  [[nodiscard]] const std::string* keeper_of(std::string_view subject) const {
    for (const auto& [name, entry] : streams_) {
      if (std::any_of(entry.subjects.begin(), entry.subjects.end(),
                      [&](const std::string& pattern) { return subject_matches(pattern, subject); }))
        return &name;
    }
    return nullptr;
  }

  /// Whether one of the patterns overlaps with a stream's.
  [[nodiscard]] bool overlaps(const std::vector<std::string>& patterns) const {
    return std::any_of(streams_.begin(), streams_.end(), [&](const auto& stream) {
      const auto& others = stream.second.subjects;
      return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return std::any_of(others.begin(), others.end(),
                           [&](const std::string& other) { return patterns_overlap(pattern, other); });
      });
    });
  }

  Entry& create(const std::string& name, Entry entry) {
    return streams_.emplace(name, std::move(entry)).first->second;
  }

  [[nodiscard]] std::map<std::string, Entry>& streams() noexcept { return streams_; }

 private:
  std::map<std::string, Entry> streams_;
};

}  // namespace cliffracer::detail
