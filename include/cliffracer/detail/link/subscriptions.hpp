#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/inbox.hpp>

namespace cliffracer::detail {

using InboundHandler = std::function<void(Inbound)>;

/// One subscription to make on a connection. `id` leads to its handler; 0: replies to requests.
struct WantedSubscription {
  std::uint64_t id = 0;
  std::string subject{};
  std::string queue_group{};
};

/// What the service wants to hear of, which of it the present connection has been told, and who is called.
/// Handlers never leave for nats.c's threads: these know ids only. No lock: the caller has one.
class SubscriptionTable {
 public:
  using Handlers = std::unordered_map<std::uint64_t, std::shared_ptr<const InboundHandler>>;

  void add(std::string subject, std::string queue_group, std::shared_ptr<const InboundHandler> handler) {
    const std::uint64_t id = ++last_id_;
    handlers_.emplace(id, std::move(handler));
    wanted_.push_back({.id = id, .subject = std::move(subject), .queue_group = std::move(queue_group)});
  }

  /// Nothing is wanted any more; messages on their way still find their handlers.
  void clear_wanted() {
    wanted_.clear();
    told_ = 0;
    unsubscribe_ = true;
  }

  /// A new connection knows of nothing yet.
  void restart() {
    told_ = 0;
    unsubscribe_ = false;
  }

  /// Whether the connection has something to be told.
  [[nodiscard]] bool changed() const noexcept { return unsubscribe_ || told_ < wanted_.size(); }

  /// True once after clear_wanted(): end all that the connection has.
  [[nodiscard]] bool take_unsubscribe() noexcept { return std::exchange(unsubscribe_, false); }

  /// What the connection has not been told yet.
  [[nodiscard]] std::vector<WantedSubscription> take_new() {
    std::vector<WantedSubscription> out;
    for (; told_ < wanted_.size(); ++told_) out.push_back(wanted_[told_]);
    return out;
  }

  [[nodiscard]] std::shared_ptr<const InboundHandler> handler(std::uint64_t id) const {
    const auto found = handlers_.find(id);
    return found == handlers_.end() ? nullptr : found->second;
  }

  /// Gives the handlers away, so that they can be destroyed where that is right.
  [[nodiscard]] Handlers release_handlers() { return std::exchange(handlers_, {}); }

 private:
  Handlers handlers_;
  std::vector<WantedSubscription> wanted_;
  std::size_t told_ = 0;
  bool unsubscribe_ = false;
  std::uint64_t last_id_ = 0;
};

}  // namespace cliffracer::detail
