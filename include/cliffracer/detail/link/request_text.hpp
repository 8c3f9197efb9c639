#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <cliffracer/error.hpp>

namespace cliffracer::detail {

/// `text` as the value of a header, which ends at a line's end.
[[nodiscard]] inline std::string header_text(std::string_view text) {
  constexpr std::size_t longest = 256;
  std::string out;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) out += c;
  }
  return out;
}

/// A token that no other process makes: where replies come to.
[[nodiscard]] inline std::string unique_token() {
  constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device source;
  std::uniform_int_distribution<std::size_t> any{0, digits.size() - 1};
  std::string token;
  for (int n = 0; n < 22; ++n) token += digits[any(source)];
  return token;
}

/// "0.1 s".
[[nodiscard]] inline std::string seconds_text(std::chrono::nanoseconds time) {
  std::array<char, 32> text{};
  const double seconds = std::chrono::duration<double>(time).count();
  const char* end = std::to_chars(text.data(), text.data() + text.size(), seconds).ptr;
  return std::string{static_cast<const char*>(text.data()), end} + " s";
}

/// The failure of a request to `subject`, which mostly is `{service}.rpc.{method}`.
[[nodiscard]] inline RpcError rpc_error(RpcError::Reason reason, const std::string& subject,
                                        std::string detail) {
  constexpr std::string_view infix = ".rpc.";
  const std::size_t at = subject.find(infix);
  if (at == std::string::npos) return {reason, subject, {}, std::move(detail)};
  return {reason, subject.substr(0, at), subject.substr(at + infix.size()), std::move(detail)};
}

}  // namespace cliffracer::detail
