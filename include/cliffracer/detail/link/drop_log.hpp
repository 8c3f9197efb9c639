#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include <cliffracer/detail/time/time_point.hpp>

namespace cliffracer::detail {

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
