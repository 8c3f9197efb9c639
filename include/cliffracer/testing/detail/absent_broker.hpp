#pragma once

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/link_driver.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <memory>
#include <utility>

namespace cliffracer::detail {

/// The way to a broker that is never there.
class AbsentBroker final : public LinkDriver {
 public:
  AbsentBroker(asio::io_context& context, const TimerQueue& queue, std::shared_ptr<LinkCore> core)
      : context_{context}, queue_{queue}, core_{std::move(core)} {
    core_->on_change([&context = context_, &queue = queue_, weak = std::weak_ptr{core_}] {
      asio::post(context, [&queue, weak] { end_when_asked(queue, weak); });
    });
  }

  void start() override {}

 private:
  static void end_when_asked(const TimerQueue& queue, const std::weak_ptr<LinkCore>& weak) {
    const auto core = weak.lock();
    if (!core || core->status().state == LinkState::closed) return;
    if (core->take_work(true, queue.now()).stopping) static_cast<void>(core->finish(true, queue.now()));
  }

  asio::io_context& context_;
  const TimerQueue& queue_;
  std::shared_ptr<LinkCore> core_;
};

}  // namespace cliffracer::detail
