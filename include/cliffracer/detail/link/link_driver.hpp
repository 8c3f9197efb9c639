#pragma once

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/text/service_log.hpp>

#include <functional>
#include <memory>

namespace cliffracer::detail {

/// Moves the messages of one link between its core and a broker: nats.c on a thread, or a test's broker on
/// the event loop. Only on the event loop.
class LinkDriver {
 public:
  LinkDriver() = default;
  LinkDriver(const LinkDriver&) = delete;
  LinkDriver& operator=(const LinkDriver&) = delete;
  /// After the core was asked to stop; then it may wait a little for its end.
  virtual ~LinkDriver() = default;

  /// Begins to connect. Ends with LinkCore::finish(true) after the core was asked to stop.
  virtual void start() = 0;
  /// After that end: waits for what is left of it, which takes no time.
  virtual void join() {}
  /// Instead of that end: what still runs is left behind, and ends when it can.
  virtual void leave_behind() noexcept {}
};

using LinkDriverFactory = std::function<std::unique_ptr<LinkDriver>(std::shared_ptr<LinkCore>, ServiceLog)>;

}  // namespace cliffracer::detail
