#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

/// What a fuzz target consists of: it is called with each input, and aborts when a promise of the library is
/// broken. libFuzzer finds inputs, replay.cpp takes those in a folder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// Aborts when `ok` is false: the input breaks the promise that `promise` names.
inline void require(bool ok, std::string_view promise,
                    std::source_location place = std::source_location::current()) {
  if (ok) return;
  std::fprintf(stderr, "%s:%u: broken: %.*s\n", place.file_name(), static_cast<unsigned>(place.line()),
               static_cast<int>(promise.size()), promise.data());
  std::abort();
}

/// An input in parts: each ends at `separator`, and the last is whatever is left.
class Parts {
 public:
  Parts(const std::uint8_t* data, std::size_t size, char separator)
      : rest_{size == 0 ? "" : reinterpret_cast<const char*>(data), size}, separator_{separator} {}

  /// Empty text when there is none any more.
  [[nodiscard]] std::string_view next() {
    const std::size_t end = rest_.find(separator_);
    const std::string_view part = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return part;
  }

  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
  char separator_;
};

/// Whether a byte ends a line of a log or of a protocol, or is a command to a terminal.
[[nodiscard]] constexpr bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

/// Also those that are two bytes in UTF-8.
[[nodiscard]] constexpr bool shows_control(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_control(text[at])) return true;
    const std::string_view pair = text.substr(at, 2);
    if (pair >= "\xc2\x80" && pair <= "\xc2\x9f") return true;
  }
  return false;
}

[[nodiscard]] constexpr bool has_control(std::string_view text) noexcept {
  for (const char c : text)
    if (is_control(c)) return true;
  return false;
}

}  // namespace fuzz
