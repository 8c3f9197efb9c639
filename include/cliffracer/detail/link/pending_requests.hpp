#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/time/alarm.hpp>

namespace cliffracer::detail {

/// The requests that wait for a reply. Only on the executor.
class PendingRequests {
 public:
  /// One request from its start to its end; it is forgotten when this object dies, however that happens.
  class Waiter {
   public:
    Waiter(PendingRequests& pending, TimerQueue& queue, const Strand& strand)
        : pending_{pending}, id_{++pending.last_id_}, alarm_{queue, strand} {
      pending_.waiters_.emplace(id_, this);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() {
      abandoned_->store(true, std::memory_order_relaxed);
      pending_.waiters_.erase(id_);
    }

    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    /// True from the moment that nobody waits any more: then the request need not be sent.
    [[nodiscard]] const std::shared_ptr<std::atomic<bool>>& abandoned() const noexcept { return abandoned_; }
    /// Waits until `deadline`, or until there is a reply or closed() is true.
    [[nodiscard]] asio::awaitable<void> wait_until(TimePoint deadline) { return alarm_.wait_until(deadline); }
    [[nodiscard]] std::optional<InboxMessage>& reply() noexcept { return reply_; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }

   private:
    friend class PendingRequests;

    PendingRequests& pending_;
    std::uint64_t id_;
    Alarm alarm_;
    std::shared_ptr<std::atomic<bool>> abandoned_ = std::make_shared<std::atomic<bool>>(false);
    std::optional<InboxMessage> reply_;
    bool closed_ = false;
  };

  /// Hands a reply to its request. The first one counts; one that nobody waits for is ignored.
  void resolve(InboxMessage reply) {
    const auto found = waiters_.find(reply.request_id);
    if (found == waiters_.end() || found->second->reply_) return;
    found->second->reply_ = std::move(reply);
    found->second->alarm_.ring();
  }

  /// No reply will come to any request.
  void close() {
    for (const auto& [id, waiter] : waiters_) {
      waiter->closed_ = true;
      waiter->alarm_.ring();
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return waiters_.size(); }

 private:
  std::unordered_map<std::uint64_t, Waiter*> waiters_;
  std::uint64_t last_id_ = 0;
};

}  // namespace cliffracer::detail
