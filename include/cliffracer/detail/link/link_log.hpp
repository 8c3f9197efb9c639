#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/time/time_point.hpp>

namespace cliffracer::detail {

/// "1 message", "2 messages".
[[nodiscard]] inline std::string count_of(std::uint64_t count, std::string_view thing) {
  return std::to_string(count).append(" ").append(thing).append(count == 1 ? "" : "s");
}
[[nodiscard]] inline std::string message_count(std::uint64_t count) { return count_of(count, "message"); }

/// Messages that can never be sent: how many, and the `subject` and the reason of the first.
[[nodiscard]] inline std::string lost_messages(std::uint64_t count, std::string_view subject,
                                               std::string_view why) {
  return "lost " + message_count(count) + (count == 1 ? " to " : ", the first to ") + escaped(subject) +
         ": " + std::string{why};
}

/// What nats.c says, without the places in its source: "(conn.c:2088): No server" is "No server".
[[nodiscard]] inline std::string without_source_places(std::string text) {
  constexpr std::string_view suffix = ".c:";
  constexpr std::string_view end = "): ";
  for (std::size_t from = 0;;) {
    const std::size_t middle = text.find(suffix, from);
    if (middle == std::string::npos) return text;
    from = middle + suffix.size();
    const std::size_t begin = text.rfind('(', middle);
    const std::size_t close = text.find_first_not_of("0123456789", from);
    if (begin == std::string::npos || text.find(' ', begin) < middle || close == from ||
        text.compare(close == std::string::npos ? text.size() : close, end.size(), end) != 0)
      continue;
    text.erase(begin, close + end.size() - begin);
    from = begin;
  }
}

/// `text` and the detail that was found about it, once each.
[[nodiscard]] inline std::string with_detail(std::string text, std::string_view detail) {
  if (detail.empty() || text.find(detail) != std::string::npos) return text;
  if (detail.find(text) != std::string_view::npos) return std::string{detail};
  return text.append(": ").append(detail);
}

/// Says when the log shall tell of messages that were dropped: once per burst, and while drops go on once per
/// `pause`.
class DropLog {
 public:
  static constexpr std::chrono::seconds pause{10};

  /// `count` more were dropped, none if it is 0. Returns how many the log shall tell of now; 0: no line.
  [[nodiscard]] std::uint64_t told_now(std::uint64_t count, TimePoint now) {
    untold_ += count;
    if (untold_ == 0 || (last_line_ && now - *last_line_ < pause)) return 0;
    last_line_ = now;
    return rest();
  }

  /// What no line has told of yet; at the end.
  [[nodiscard]] std::uint64_t rest() noexcept { return std::exchange(untold_, 0); }

 private:
  std::uint64_t untold_ = 0;
  std::optional<TimePoint> last_line_;
};

}  // namespace cliffracer::detail
