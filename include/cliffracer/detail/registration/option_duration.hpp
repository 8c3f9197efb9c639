#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

/// A duration as a user wrote it, in nanoseconds. What nanoseconds cannot hold (292 years, NaN) is remembered
/// as such, so that registration can refuse it by name instead of computing with a wrapped value.
class OptionDuration {
 public:
  template <class Rep, class Period>
  constexpr OptionDuration(
      std::chrono::duration<Rep, Period> written) noexcept {  // NOLINT: a conversion on purpose
    if constexpr (std::is_floating_point_v<Rep>) {
      const auto exact = std::chrono::duration<long double, std::nano>{written}.count();
      // 0.3 s in binary is a little less than 300 ms.
      const auto value = exact + (exact < 0 ? -0.5L : 0.5L);
      is_representable_ = value > -limit && value < limit;
      if (is_representable_) value_ = std::chrono::nanoseconds{static_cast<std::int64_t>(value)};
    } else {
      using ToNano = std::ratio_divide<Period, std::nano>;
      constexpr auto most = std::numeric_limits<std::int64_t>::max() / ToNano::num;
      is_representable_ =
          std::cmp_less_equal(written.count(), most) && std::cmp_greater_equal(written.count(), -most);
      if (is_representable_) {
        value_ =
            std::chrono::nanoseconds{static_cast<std::int64_t>(written.count()) * ToNano::num / ToNano::den};
      }
    }
  }

  /// False when nanoseconds in 64 bits cannot hold what was written; value() is then zero.
  [[nodiscard]] constexpr bool is_representable() const noexcept { return is_representable_; }
  [[nodiscard]] constexpr std::chrono::nanoseconds value() const noexcept { return value_; }
  constexpr operator std::chrono::nanoseconds() const noexcept {
    return value_;
  }  // NOLINT: reads as a duration

  friend constexpr bool operator==(OptionDuration left, std::chrono::nanoseconds right) noexcept {
    return left.is_representable_ && left.value_ == right;
  }

 private:
  static constexpr long double limit = 9223372036854775807.0L;

  std::chrono::nanoseconds value_{0};
  bool is_representable_ = true;
};

/// The one duration that has no default.
class RequiredInterval : public OptionDuration {
 public:
  RequiredInterval() = delete;  // a timer needs .interval: timer<&Service::method>{.interval = 30s}
  using OptionDuration::OptionDuration;
};

}  // namespace cliffracer::detail
