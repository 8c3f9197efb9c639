#pragma once

#include <spdlog/spdlog.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace cliffracer::detail {

/// `text` made safe for one log line: control characters become `\n`, `\x1b` and the like, a backslash is
/// doubled, and what exceeds `limit` bytes is cut and said so. Text from outside cannot forge a line of its
/// own.
[[nodiscard]] inline std::string escaped(std::string_view text, std::size_t limit = 1024) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += hex[byte >> 4U];
      out += hex[byte & 0xFU];
    } else {
      out += c;
    }
  }
  if (text.size() > limit) out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

/// The logger registered under `name`, or a new one registered there that writes where spdlog's default
/// logger does.
[[nodiscard]] inline std::shared_ptr<spdlog::logger> service_logger(const std::string& name) {
  if (auto registered = spdlog::get(name)) return registered;
  auto logger = spdlog::default_logger()->clone(name);
  try {
    spdlog::register_logger(logger);
  } catch (const spdlog::spdlog_ex&) {
    // Another thread was quicker: one name, one logger.
    if (auto registered = spdlog::get(name)) return registered;
  }
  return logger;
}

}  // namespace cliffracer::detail
