#pragma once

#include <cliffracer/detail/message/message_context.hpp>
#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/time_source.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace cliffracer::detail {

/// Finds the message handlers that hold the event loop for long. Only on the service's strand; must outlive
/// the work that it measures.
class HoldReporter final : WorkContext::HoldMeter {
 public:
  /// Told of each such time. What it throws is lost.
  using Told = std::function<void(const std::string& label, TimePoint began, TimePoint ended)>;

  HoldReporter(ServiceLog log, const TimeSource& time) : log_{std::move(log)}, time_{time} {}

  /// From how long on it is long; 0: never, and no clock is read.
  void set_threshold(std::chrono::nanoseconds threshold) noexcept { threshold_ = threshold; }
  void set_told(Told told) { told_ = std::move(told); }

  /// Measures the handling of a message whose handler is known.
  void watch(MessageContext& context) noexcept {
    if (threshold_ > std::chrono::nanoseconds::zero()) context.measure(*this, time_);
  }

 private:
  void held(WorkContext& context, TimePoint began, TimePoint ended) noexcept override {
    if (ended - began < threshold_) return;
    // watch() lets no others in.
    const MessageHandler& handler = *static_cast<MessageContext&>(context).handler;
    log_quietly([&] {
      const std::string name = label(handler);
      if (handler.stats->held(ended - began)) {
        log_.warn("{} held the event loop for {:.3f} s: nothing else ran meanwhile {}", name,
                  std::chrono::duration<double>(ended - began).count(), ids_text(context));
      }
      if (told_) told_(name, began, ended);
    });
  }

  const ServiceLog log_;
  const TimeSource& time_;
  std::chrono::nanoseconds threshold_{0};
  Told told_;
};

}  // namespace cliffracer::detail
