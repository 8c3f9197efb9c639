#pragma once

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/text/service_log.hpp>

#include <functional>
#include <memory>

namespace cliffracer::detail {

/// Moves the messages of one link between its core and a broker, instead of a thread with nats.c. Only on the
/// event loop.
class LinkDriver {
 public:
  virtual ~LinkDriver() = default;

  /// Begins to connect. Ends with LinkCore::finish(true) after the core was asked to stop.
  virtual void start() = 0;
};

using LinkDriverFactory = std::function<std::unique_ptr<LinkDriver>(std::shared_ptr<LinkCore>, ServiceLog)>;

}  // namespace cliffracer::detail
