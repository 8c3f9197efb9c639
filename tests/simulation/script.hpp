#pragma once

#include "simulation/plan.hpp"
#include "simulation/random.hpp"

#include <asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace simulation {

/// What a method, an observer or somebody outside asks of a timer of a service.
struct Control {
  enum class Kind : std::uint8_t { pause, resume, trigger, set_interval, add_or_remove };
  Kind kind;
  std::size_t timer;
  Nanos interval;
};

/// One or two of those that may be asked of a service.
inline std::vector<Control> some_controls(Random& random, const ServicePlan& service) {
  const auto& timers = service.timers;
  using enum Control::Kind;
  std::vector<Control> controls;
  for (auto count = random.between(1, 2); count > 0; --count) {
    const auto n = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(timers.size()) - 1));
    const auto& options = timers[n].options;
    const Nanos most = std::max(
        {timers[n].has_own_tolerance ? options.tolerance : Nanos{0}, options.offset, options.jitter});
    const Nanos interval = random.one_of<Nanos>({options.interval, options.interval, 2 * options.interval,
                                                 options.interval / 2 + Nanos{1}, 3 * options.interval});
    controls.push_back({.kind = random.one_of({pause, resume, resume, trigger, trigger, set_interval}),
                        .timer = n,
                        .interval = std::max(interval, most + Nanos{1})});
    if (service.changes > 0 && random.chance(service.changes)) controls.back().kind = add_or_remove;
  }
  return controls;
}

/// What a method does in one run, which began `late` after its due point.
class Script {
 public:
  Script(Random& random, const Plan& world, std::size_t service, std::size_t n, Nanos late) {
    const TimerPlan& plan = world.services[service].timers[n];
    // Time must not be moved on worker threads.
    const bool may_not_touch_time = world.has_worker_threads && plan.kind == Kind::plain_on_worker;
    if (random.chance(plan.takes_time) && !may_not_touch_time) take_time(random, plan, late);
    if (random.chance(plan.fails))
      ending_ = random.one_of({Ending::error, Ending::long_error, Ending::other, Ending::abort});
    if (random.chance(plan.stops) && !may_not_touch_time) {
      stops_ = true;
      service_ = random.chance(500) ? service
                                    : static_cast<std::size_t>(random.between(
                                          0, static_cast<std::int64_t>(world.services.size()) - 1));
      if (random.chance(300)) block_later_ = random.between(Nanos{0}, Nanos{std::chrono::seconds{20}});
    }
    // What a worker asks for is done when the event loop comes to it, which nobody is told.
    if (random.chance(plan.controls) && plan.kind != Kind::plain_on_worker) {
      controls_first_ = random.chance(500);
      controls_ = some_controls(random, world.services[service]);
    }
    if (plan.kind != Kind::coroutine) return;
    hangs = random.chance(plan.hangs);
    waits_for_nothing = random.chance(300);
    is_stubborn = random.chance(200);
    stubborn_pause = random.between(Nanos{0}, 3 * world.services[service].stop_timeout);
  }

  /// The part in one go: `block` lets time pass, `stop` stops a service, `take_control` does what a Control
  /// says.
  template <class Block, class Stop, class TakeControl>
  void open(Block block, Stop stop, TakeControl take_control) const {
    if (controls_first_) take_control(controls_);
    if (block_ > Nanos{0}) block(block_);
    if (!controls_first_) take_control(controls_);
    if (stops_) stop(service_);
    if (block_later_ > Nanos{0}) block(block_later_);
  }

  /// The end, which may be an exception.
  void close() const {
    switch (ending_) {
      case Ending::success:
        return;
      case Ending::error:
        throw std::runtime_error{"no luck"};
      case Ending::long_error:
        throw std::logic_error{std::string(300, 'x')};
      case Ending::other:
        throw 42;  // NOLINT: it is about what is no std::exception
      case Ending::abort:
        throw std::system_error{asio::error::operation_aborted, "its own"};
    }
  }

  // Between the two, in a coroutine.
  int pauses = 0;
  Nanos pause{};  ///< Each.
  bool hangs = false;
  bool waits_for_nothing = false;  ///< It hangs where no clock helps.
  bool is_stubborn = false;        ///< It goes on when it is cancelled, for
  Nanos stubborn_pause{};

 private:
  enum class Ending : std::uint8_t { success, error, long_error, other, abort };

  void take_time(Random& random, const TimerPlan& plan, Nanos late) {
    using namespace std::chrono_literals;
    const Nanos interval = plan.options.interval;
    const Nanos drift = plan.options.max_drift;
    const Nanos tolerance = plan.options.tolerance;
    const auto until = [late](Nanos since_due) { return std::max(since_due - late, Nanos{0}); };
    // Just so that the next run is as late as it may be, or by the smallest
    // time later.
    const Nanos length =
        random.chance(150)
            ? random.one_of<Nanos>({until(interval), until(interval + 1ns), until(interval + tolerance),
                                    until(interval + tolerance + 1ns), until(interval + drift),
                                    until(interval + drift + 1ns), until(interval + drift + tolerance),
                                    until(interval + drift + tolerance + 1ns)})
            : random.one_of<Nanos>({0s, 1ns, random.between(Nanos{0}, interval / 4),
                                    random.between(Nanos{0}, interval / 4),
                                    random.between(Nanos{0}, 3 * interval), interval, interval + drift,
                                    interval + drift + 1ns, drift, 3 * interval});
    if (plan.kind == Kind::coroutine) {
      pauses = static_cast<int>(random.between(1, 2));
      pause = length;
      // Its time runs before it gives the event loop back, too.
      const Nanos timeout = plan.options.timeout;
      if (timeout > 0s && random.chance(200))
        block_ = random.one_of<Nanos>({timeout / 2, timeout, timeout + 1ns});
      block_ = std::min(block_, Nanos{10s});
    } else {
      const Nanos most = random.chance(900) ? std::min(interval / 4, Nanos{2s}) : Nanos{10min};
      block_ = length <= most ? length : random.between(Nanos{0}, most);
    }
  }

  Ending ending_ = Ending::success;
  std::vector<Control> controls_;
  bool controls_first_ = false;
  Nanos block_{};
  bool stops_ = false;
  std::size_t service_ = 0;
  Nanos block_later_{};
};

}  // namespace simulation
