#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace cliffracer::detail {

/// A text that is put together without allocation, because there may be no memory, and without fmt, whose
/// functions for this are instantiated in each file. Of what does not fit, a text loses its end, and a number
/// is left out.
class ShortText {
 public:
  static constexpr std::size_t most = 256;

  ShortText& operator<<(std::string_view text) noexcept {
    length_ += text.copy(end(), rest());
    return *this;
  }
  ShortText& operator<<(std::uint32_t number) noexcept {
    return ended_at(std::to_chars(end(), end() + rest(), number));
  }
  /// In seconds, to the millisecond: "1.500 s".
  ShortText& operator<<(std::chrono::nanoseconds time) noexcept {
    constexpr int decimals = 3;
    const double seconds = std::chrono::duration<double>{time}.count();
    return ended_at(std::to_chars(end(), end() + rest(), seconds, std::chars_format::fixed, decimals))
           << " s";
  }

  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), length_}; }

 private:
  [[nodiscard]] char* end() noexcept { return text_.data() + length_; }
  [[nodiscard]] std::size_t rest() const noexcept { return text_.size() - length_; }
  ShortText& ended_at(std::to_chars_result result) noexcept {
    if (result.ec == std::errc{}) length_ = static_cast<std::size_t>(result.ptr - text_.data());
    return *this;
  }

  std::array<char, most> text_{};
  std::size_t length_ = 0;
};

}  // namespace cliffracer::detail
