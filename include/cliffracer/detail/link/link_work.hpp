#pragma once

#include <cstdint>
#include <vector>

#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/link/outbox.hpp>
#include <cliffracer/detail/link/subscriptions.hpp>
#include <cliffracer/detail/time/time_point.hpp>

namespace cliffracer::detail {

/// What the link's thread has to do next.
struct LinkWork {
  bool stopping = false;  ///< close() was called: finish, at the latest at `deadline`.
  TimePoint deadline = never;
  bool lost = false;                                ///< The connection has ended.
  bool unsubscribe = false;                         ///< No subscription is wanted any more but for replies.
  std::vector<WantedSubscription> subscriptions{};  ///< Not yet made on this connection.
  std::vector<OutboxMessage> batch{};               ///< To be published; settle() or put_back() must follow.
};

/// What the event loop has to do next.
struct InboxWork {
  std::vector<InboxMessage> batch{};  ///< The oldest messages.
  bool more = false;                  ///< Some are left: the event loop must come back by itself.
  std::uint64_t dropped = 0;          ///< So many had no room since the last time.
};

}  // namespace cliffracer::detail
