#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cliffracer::detail {

enum class LinkState {
  idle,          ///< open() was not called yet.
  connecting,    ///< The first connection is being made, or waited for.
  connected,     ///< Messages flow.
  reconnecting,  ///< A connection was lost, the next is being made or waited for.
  closed,        ///< For good: close() was called, or the attempts are used up.
};

[[nodiscard]] constexpr std::string_view to_string(LinkState state) noexcept {
  switch (state) {
    case LinkState::idle:
      return "idle";
    case LinkState::connecting:
      return "connecting";
    case LinkState::connected:
      return "connected";
    case LinkState::reconnecting:
      return "reconnecting";
    case LinkState::closed:
      return "closed";
  }
  return "unknown";
}

/// How the link is and what passed through it. Every message accepted by publish() or request() is in exactly
/// one of `published`, `expired`, `lost` and the outbox.
struct LinkStatus {
  LinkState state = LinkState::idle;
  std::string server{};              ///< Address of the connected server, without secrets; empty: none.
  std::uint64_t connects = 0;        ///< Connections made, the first included.
  std::uint64_t reconnects = 0;      ///< Connections made after a loss.
  std::uint64_t published = 0;       ///< Handed to a connection.
  std::uint64_t unconfirmed = 0;     ///< Of these: the connection ended before the broker confirmed them.
  std::uint64_t received = 0;        ///< Messages from the broker, replies included.
  std::uint64_t publish_errors = 0;  ///< Refused at once with an exception, or lost.
  std::uint64_t lost = 0;            ///< Of these: accepted, and given up later with a warning.
  std::uint64_t expired = 0;         ///< Requests not sent, because their caller had given up.
  std::uint64_t inbox_dropped = 0;   ///< Received, and dropped because the inbox was full.
  std::int64_t max_payload = 0;      ///< The broker takes no longer ones, headers included; 0: not known.
  std::size_t outbox_messages = 0;
  std::size_t outbox_bytes = 0;
  std::string last_error{};  ///< Why the last attempt failed or the last connection ended.
};

}  // namespace cliffracer::detail
