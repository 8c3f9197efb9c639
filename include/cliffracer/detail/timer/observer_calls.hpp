#pragma once

#include <cliffracer/detail/timer/timer_log.hpp>
#include <cliffracer/timer_observer.hpp>

#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// Tells an observer, if there is one; what it throws is logged.
class ObserverCalls {
 public:
  /// `log` must outlive this.
  ObserverCalls(std::shared_ptr<TimerObserver> observer, const TimerLog& log)
      : observer_{std::move(observer)}, log_{log} {}

  [[nodiscard]] explicit operator bool() const noexcept { return observer_ != nullptr; }

  template <class... Parameters, class... Arguments>
  void operator()(void (TimerObserver::*event)(const ObservedTimer&, Parameters...), std::string_view timer,
                  const Arguments&... arguments) const noexcept {
    if (!observer_) return;
    try {
      ((*observer_).*event)({.service = log_.service(), .name = timer}, arguments...);
    } catch (...) {
      log_.observer_failed(timer, std::current_exception());
    }
  }

 private:
  std::shared_ptr<TimerObserver> observer_;
  const TimerLog& log_;
};

}  // namespace cliffracer::detail
