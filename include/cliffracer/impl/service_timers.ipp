#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/detail/text/escaped.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How the service lets its timers be controlled and observed.

namespace cliffracer::detail {

CLIFFRACER_DECL void Service::pause(std::string_view name, std::string_view reason,
                                    std::optional<std::chrono::system_clock::time_point> until) {
  TimePoint end = never;
  if (until) {
    const std::chrono::nanoseconds left = *until - queue_.source().wall_clock();
    if (left <= std::chrono::nanoseconds::zero())
      throw std::invalid_argument{"service " + config_.name + ": pause(" + escaped(name, 128) +
                                  "): until must be in the future"};
    end = later(queue_.now(), left);
  }
  timers_.pause(config_.name, name, std::string{reason}, end);
}

CLIFFRACER_DECL void Service::resume(std::string_view name) { timers_.resume(config_.name, name); }

CLIFFRACER_DECL void Service::trigger(std::string_view name) { timers_.trigger(config_.name, name); }

CLIFFRACER_DECL void Service::remove(std::string_view name) { timers_.remove(config_.name, name); }

CLIFFRACER_DECL void Service::set_interval(std::string_view name, OptionDuration interval) {
  timers_.set_interval(config_.name, name, interval);
}

CLIFFRACER_DECL std::optional<std::chrono::steady_clock::time_point> Service::next_due(
    std::string_view name) const {
  return timers_.next_due(config_.name, name);
}

CLIFFRACER_DECL std::vector<std::chrono::system_clock::time_point> Service::next_runs(
    std::string_view name, std::size_t count) const {
  return timers_.next_runs(config_.name, name, count, queue_.now(), queue_.source().wall_clock());
}

CLIFFRACER_DECL void Service::set_observer(std::shared_ptr<TimerObserver> observer) {
  if (state_ != State::idle)
    throw std::logic_error{"service " + config_.name + ": set_observer() must come before start()"};
  observer_ = std::move(observer);
}

}  // namespace cliffracer::detail
