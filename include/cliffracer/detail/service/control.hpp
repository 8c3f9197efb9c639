#pragma once

#include <cliffracer/nats_service.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// How NatsService lets its timers be controlled and observed.

namespace cliffracer {

inline void NatsService::pause(std::string_view name, std::string_view reason) {
  timers_.pause(config_.name, name, std::string{reason});
}

inline void NatsService::resume(std::string_view name) { timers_.resume(config_.name, name); }

inline void NatsService::trigger(std::string_view name) { timers_.trigger(config_.name, name); }

inline void NatsService::set_interval(std::string_view name, detail::OptionDuration interval) {
  timers_.set_interval(config_.name, name, interval);
}

inline std::optional<std::chrono::steady_clock::time_point> NatsService::next_due(
    std::string_view name) const {
  return timers_.next_due(config_.name, name);
}

inline void NatsService::set_observer(std::shared_ptr<TimerObserver> observer) {
  if (state_ != State::idle)
    throw std::logic_error{"service " + config_.name + ": set_observer() must come before start()"};
  observer_ = std::move(observer);
}

}  // namespace cliffracer
