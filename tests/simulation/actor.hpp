#pragma once

#include "simulation/script.hpp"
#include "simulation/stage.hpp"
#include "simulation/waiting.hpp"

#include <cliffracer/cliffracer.hpp>

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace simulation {

/// Of a service "s3", of a timer "t3".
inline std::size_t number_in(std::string_view name) { return static_cast<std::size_t>(name.at(1) - '0'); }

/// A service whose methods do what chance decides, and tell the model of it.
class Actor : public cliffracer::NatsService {
 public:
  Actor(Stage& stage, std::size_t index)
      : NatsService{config_of(stage, index)},
        stage_{stage},
        index_{index},
        plan_{stage.plan.services[index]},
        calls_(plan_.timers.size()),
        longest_worker_waits_(plan_.timers.size()) {
    set_observer(std::make_shared<Observer>(*this));
    add_timers(std::make_index_sequence<most_timers>{});
    add_bad_ones();
  }

  /// How often on_stop() has failed.
  [[nodiscard]] std::uint64_t failed_stop_hooks() const { return failed_stop_hooks_; }

  /// Before a start: some of those that were removed are there again.
  void add_some_again() {
    for (std::size_t n = 0; n < plan_.timers.size() && plan_.changes > 0; ++n)
      if (model().timers[n].has_left() && stage_.random.chance(500)) add_again(n);
  }

  /// The model is told how much jitter was drawn.
  void tell_due(std::size_t n) {
    TimerModel& timer = model().timers[n];
    if (!timer.wants_to_know_due()) return;
    const auto due = next_due("t" + std::to_string(n));
    must(due.has_value(), "a timer waits, and there is no next due point");
    timer.learn_due(cliffracer::testing::VirtualTime::since_start(*due));
  }
  void tell_dues() {
    for (std::size_t n = 0; n < plan_.timers.size(); ++n) stage_.watch(index_, n, [&] { tell_due(n); });
  }

  /// Asks it of the timers. `is_here`: on the event loop, where it is done at once.
  void take_control(const std::vector<Control>& controls, bool is_here = true) {
    for (const Control& control : controls) {
      // What is asked of a service that stops holds for its next start: tests of their own see to that.
      if (model().phase() != ServiceModel::Phase::running) return;
      stage_.watch(index_, control.timer, [&] {
        try {
          if (is_here) tell_due(control.timer);
          ask(control);
          if (is_here) tell_due(control.timer);
        } catch (const std::logic_error& error) {
          throw Failure{std::string{"what was asked of a timer was refused: "} + error.what()};
        }
      });
    }
  }

  // ---- What the library tells of runs, on the event loop

  void run_started(std::size_t n, Nanos due) {
    calls_[n] = {};
    stage_.woke(model().timers[n].waiting(), Stage::timers_of(index_));
    stage_.watch(index_, n, [&] {
      must(model().phase() == ServiceModel::Phase::running, "a run started while its service did not run");
      static_cast<void>(model().timers[n].run_started(stage_.now(), stage_.jumped_to, due));
    });
  }

  void run_ended(std::size_t n, Outcome told) {
    stage_.watch(index_, n, [&] {
      const Call& call = calls_[n];
      const bool stops = model().phase() != ServiceModel::Phase::running;
      if (!call.began) {
        must(stops && is_on_worker(n), "a run ended, and its method was not called");
        must(told == Outcome::cancelled, "a run that did not begin on its worker is not told as cancelled");
        ++withdrawn_;
        return model().timers[n].run_ended(stage_.now(), Nanos{0}, told, {}, stops);
      }
      must(call.left.has_value(), "a run ended before its method");
      const auto [outcome, text] = outcome_of(n, call.thrown);
      must(told == outcome, "the outcome of a run is wrong");
      model().timers[n].check_timeout(*call.left);
      longest_worker_waits_[n] =
          std::max(longest_worker_waits_[n], *call.began - model().timers[n].run().started);
      model().timers[n].run_ended(stage_.now(), *call.left - *call.began, outcome, text, stops);
      if (!stops && model().timers[n].has_finished()) leaving_ = n;
    });
  }

  [[nodiscard]] bool is_on_worker(std::size_t n) const {
    return plan_.timers[n].kind == Kind::plain_on_worker;
  }

  /// How many runs were begun, and their methods not called.
  [[nodiscard]] std::uint64_t withdrawn() const { return withdrawn_; }

  /// How long its runs have waited for a worker.
  [[nodiscard]] Nanos longest_worker_wait(std::size_t n) const { return longest_worker_waits_[n]; }

 private:
  using TickContext = cliffracer::TickContext;

  /// What a method did in its newest run.
  struct Call {
    std::optional<Nanos> began{};
    std::optional<Nanos> left{};
    std::exception_ptr thrown{};
    std::uint64_t cancelled_in = 0;  ///< The step in which it was cancelled because of its timeout.
  };

  /// Hears of what nobody else is told: timers that were woken only to pass due points over, timeouts. May
  /// ask something of a timer whenever it hears of one.
  class Observer final : public cliffracer::TimerObserver {
   public:
    explicit Observer(Actor& actor) : actor_{actor} {}

   private:
    using ObservedTimer = cliffracer::ObservedTimer;

    void on_skip(const ObservedTimer& timer, cliffracer::SkipReason reason, std::uint64_t count) override {
      // Of what passes before a retry the model hears with what follows.
      if (actor_.skipped(number_in(timer.name), reason, count)) actor_.observed();
    }
    void on_timeout(const ObservedTimer& timer) override {
      actor_.timed_out(number_in(timer.name));
      actor_.observed();
    }
    void on_success(const ObservedTimer& /*timer*/, Nanos /*length*/) override {
      actor_.observed();
      actor_.leaving_.reset();
    }
    void on_error(const ObservedTimer& timer, Nanos /*length*/, std::string_view /*error*/) override {
      actor_.observed();
      actor_.leaving_.reset();
      actor_.model().timers[number_in(timer.name)].failure_told(actor_.stage_.now());
    }
    void on_start(const ObservedTimer& /*timer*/, const TickContext& /*tick*/) override { actor_.observed(); }
    void on_drift(const ObservedTimer& /*timer*/, Nanos /*lateness*/) override { actor_.observed(); }
    void on_blocking(const ObservedTimer& /*timer*/, Nanos /*length*/) override { actor_.observed(); }
    void on_pause(const ObservedTimer& /*timer*/, std::string_view /*reason*/) override { actor_.observed(); }
    void on_resume(const ObservedTimer& /*timer*/) override { actor_.observed(); }

    Actor& actor_;
  };

  /// Returns whether the model knows all of it.
  bool skipped(std::size_t n, cliffracer::SkipReason reason, std::uint64_t count) {
    TimerModel& timer = model().timers[n];
    if (reason == cliffracer::SkipReason::failing) {
      timer.passed_while_failing(count);
      return timer.is_executing();
    }
    if (reason != cliffracer::SkipReason::missed) return true;
    const Waiting waiting = timer.waiting();
    stage_.watch(index_, n, [&] {
      if (!timer.missed(stage_.now(), count)) return;
      stage_.woke(waiting, Stage::timers_of(index_));
      stage_.has_skipped = true;
    });
    return true;
  }

  /// The observer has heard of something.
  void observed() {
    if (plan_.observer_controls == 0 || observer_depth_ == most_observer_depth) return;
    if (!stage_.random.chance(plan_.observer_controls)) return;
    ++observer_depth_;
    take_control(some_controls(stage_.random, plan_));
    --observer_depth_;
  }

  void timed_out(std::size_t n) {
    stage_.watch(index_, n, [&] {
      const bool has_left = calls_[n].left.has_value();
      const Waiting limit = model().timers[n].timed_out(stage_.now(), has_left);
      if (!has_left) stage_.woke(limit, Stage::timers_of(index_));
      calls_[n].cancelled_in = stage_.step;
    });
  }

  static cliffracer::ServiceConfig config_of(const Stage& stage, std::size_t index) {
    cliffracer::ServiceConfig config{.name = "s" + std::to_string(index)};
    config.stop_timeout = stage.plan.services[index].stop_timeout;
    config.worker_threads = index % 3;
    config.default_tolerance = stage.plan.services[index].default_tolerance;
    return config;
  }

  // ---- Registration

  template <std::size_t... N>
  void add_timers(std::index_sequence<N...>) {
    (add_timer<N>(), ...);
  }

  /// In place of one that has left.
  void add_again(std::size_t n) {
    longest_worker_waits_[n] = Nanos{0};
    model().added(n, plan_.timers[n].options, stage_.now(), stage_.clock());
    add_one_of(n, std::make_index_sequence<most_timers>{});
  }

  template <std::size_t... N>
  void add_one_of(std::size_t n, std::index_sequence<N...>) {
    static_cast<void>(((n == N && (add_timer<N>(), true)) || ...));
  }

  template <std::size_t N>
  void add_timer() {
    if (N >= plan_.timers.size()) return;
    const TimerPlan& plan = plan_.timers[N];
    if (plan.kind == Kind::coroutine) {
      add(with_options(cliffracer::timer<&Actor::coroutine<N>>{.interval = plan.options.interval}, N));
    } else {
      auto registration =
          with_options(cliffracer::timer<&Actor::plain<N>>{.interval = plan.options.interval}, N);
      if (plan.kind == Kind::plain_on_event_loop) registration.run_on = cliffracer::RunOn::event_loop;
      add(registration);
    }
  }

  template <class Registration>
  Registration with_options(Registration registration, std::size_t n) const {
    const auto& options = plan_.timers[n].options;
    registration.eager = options.eager;
    registration.max_drift = options.max_drift;
    registration.error_backoff = options.error_backoff;
    if (options.max_error_backoff) registration.max_error_backoff = *options.max_error_backoff;
    registration.missed_ticks = options.missed_ticks;
    if (options.initial_delay) registration.initial_delay = *options.initial_delay;
    registration.max_consecutive_errors = options.max_consecutive_errors;
    registration.max_runs = options.max_runs;
    registration.pacing = options.pacing;
    registration.timeout = options.timeout;
    registration.align_to_epoch = options.align_to_epoch;
    registration.offset = options.offset;
    registration.jitter = options.jitter;
    if (plan_.timers[n].has_own_tolerance) registration.tolerance = options.tolerance;
    registration.name = "t" + std::to_string(n);
    return registration;
  }

  /// None of them is accepted, and none leaves a trace.
  void add_bad_ones() {
    using namespace std::chrono_literals;
    using Plain = cliffracer::timer<&Actor::plain<0>>;
    using Coroutine = cliffracer::timer<&Actor::coroutine<0>>;
    const auto must_be_refused = [this](const auto& registration) {
      try {
        add(registration);
      } catch (const std::invalid_argument& error) {
        const bool names_service = std::string{error.what()}.find("service s") != std::string::npos;
        must(names_service, "a refused timer is not told with its service");
        return;
      }
      throw Failure{"a timer with bad options was accepted"};
    };
    stage_.watch(index_, [&] {
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = 0s, .name = "bad"});
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = -1s, .name = "bad"});
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = 1s, .max_drift = -1ns, .name = "bad"});
      if (stage_.random.chance(200))
        must_be_refused(Plain{.interval = 1s, .error_backoff = -1ns, .name = "bad"});
      if (stage_.random.chance(200))
        must_be_refused(Plain{.interval = std::chrono::hours{24 * 365 * 300}, .name = "bad"});
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = 1s, .tolerance = -1ns, .name = "bad"});
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = 1s, .tolerance = 1s, .name = "bad"});
      if (stage_.random.chance(200))
        must_be_refused(
            Plain{.interval = 1s, .tolerance = std::chrono::hours{24 * 365 * 300}, .name = "bad"});
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = 1s, .name = "t0"});
      if (stage_.random.chance(200)) must_be_refused(Plain{.interval = 1s, .name = "no.token"});
      if (stage_.random.chance(200))
        must_be_refused(Coroutine{.interval = 1s, .run_on = cliffracer::RunOn::worker_pool, .name = "bad"});
    });
  }

  // ---- Timer methods

  template <std::size_t N>
  asio::awaitable<void> coroutine(TickContext tick) {
    const Script script = begin(N, tick);
    std::exception_ptr thrown;
    try {
      co_await perform(N, script, tick);
    } catch (...) {
      thrown = std::current_exception();
    }
    end(N, thrown);
    if (thrown) std::rethrow_exception(thrown);
  }

  template <std::size_t N>
  void plain(TickContext tick) {
    const Script script = begin(N, tick);
    std::exception_ptr thrown;
    try {
      script.open([this](Nanos duration) { stage_.jump(duration); },
                  [this](std::size_t service) { stage_.request_stop(service); },
                  [this](const std::vector<Control>& controls) { take_control(controls); });
      script.close();
    } catch (...) {
      thrown = std::current_exception();
    }
    end(N, thrown);
    if (thrown) std::rethrow_exception(thrown);
  }

  asio::awaitable<void> perform(std::size_t n, const Script& script, const TickContext& tick) {
    script.open([this](Nanos duration) { stage_.jump(duration); },
                [this](std::size_t service) { stage_.request_stop(service); },
                [this](const std::vector<Control>& controls) { take_control(controls); });
    bool was_cancelled = false;
    try {
      for (int i = 0; i < script.pauses; ++i) {
        co_await wait_for(n, script.pause);
        stage_.watch(index_, n, [&] {
          must_equal("stop_token.stop_requested()", tick.stop_token.stop_requested(),
                     model().phase() == ServiceModel::Phase::stopping || model().timers[n].is_overdue());
        });
      }
      if (script.hangs) co_await hang(n, script.waits_for_nothing);
    } catch (const std::system_error&) {
      if (!script.is_stubborn) throw;
      was_cancelled = true;
    }
    if (was_cancelled) {
      co_await asio::this_coro::reset_cancellation_state();
      co_await wait_for(n, script.stubborn_pause);
    }
    script.close();
  }

  /// Waits for ever.
  asio::awaitable<void> hang(std::size_t n, bool for_nothing) {
    if (!for_nothing) {
      co_await wait_for(n, std::chrono::hours{24 * 3650});
      co_return;
    }
    model().timers[n].run_goes_on(stage_.now());
    std::exception_ptr thrown;
    try {
      asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
      co_await never.async_wait(asio::use_awaitable);
    } catch (...) {
      thrown = std::current_exception();
    }
    note_end_of_pause(n, Waiting{}, thrown);
    if (thrown) std::rethrow_exception(thrown);
  }

  asio::awaitable<void> wait_for(std::size_t place, Nanos duration) {
    const auto waiting = Waiting::from(stage_.now(), stage_.now() + duration);
    model().paused(place, waiting);
    if (place != ServiceModel::hook) model().timers[place].run_goes_on(stage_.now());
    std::exception_ptr thrown;
    try {
      co_await sleep_for(duration);
    } catch (...) {
      thrown = std::current_exception();
    }
    model().resumed(place);
    note_end_of_pause(place, waiting, thrown);
    if (thrown) std::rethrow_exception(thrown);
  }

  void note_end_of_pause(std::size_t place, const Waiting& waiting, const std::exception_ptr& thrown) {
    stage_.watch(index_, place, [&] {
      if (thrown) {
        if (is_timeout(place)) {
          cancelled_by_timeout(place);
        } else if (const auto woken = model().cancelled(stage_.step)) {
          stage_.woke(*woken, Stage::coroutines_of(index_));
        }
      } else {
        must(stage_.now() >= waiting.due, "a sleep ended too early");
        stage_.woke(waiting, Stage::coroutines_of(index_));
      }
    });
  }

  /// Whether it is a timeout that has cancelled what paused there.
  [[nodiscard]] bool is_timeout(std::size_t place) {
    if (place == ServiceModel::hook || model().cancels_in(stage_.step)) return false;
    return model().timers[place].is_overdue();
  }

  void cancelled_by_timeout(std::size_t n) {
    if (std::exchange(calls_[n].cancelled_in, stage_.step) == stage_.step) return;
    stage_.woke(model().timers[n].cancelled_again(stage_.now()), Stage::timers_of(index_));
  }

  /// A method is called.
  Script begin(std::size_t n, const TickContext& tick) {
    using cliffracer::testing::VirtualTime;
    Call& call = calls_[n];
    stage_.watch(index_, n, [&] {
      const TimerModel& timer = model().timers[n];
      must(timer.is_executing() && !call.began, "a method was called, and no run had started");
      const TimerModel::Run& run = timer.run();
      must_equal("TickContext::due", VirtualTime::since_start(tick.due), run.due);
      must_equal("TickContext::deferral", tick.deferral, run.deferral);
      must_equal("TickContext::lateness", tick.lateness, run.lateness);
      must_equal("TickContext::run_number", tick.run_number, run.number);
      must_equal<std::uint64_t>("TickContext::attempt", tick.attempt, run.attempt);
      if (!is_on_worker(n)) must_equal("the start of a method", stage_.now(), run.started);
      // On a thread of its own it may be asked meanwhile.
      if (!stage_.plan.has_worker_threads)
        must(!tick.stop_token.stop_requested(), "a method was called after its service was asked to stop");
    });
    call.began = stage_.now();
    return Script{stage_.random, stage_.plan, index_, n, tick.deferral + tick.lateness};
  }

  void ask(const Control& control) {
    const std::string name = "t" + std::to_string(control.timer);
    TimerModel& timer = model().timers[control.timer];
    if (control.kind == Control::Kind::add_or_remove) return add_or_remove(control.timer, name);
    if (timer.is_removed()) return must_be_unknown([&] { trigger(name); });
    switch (control.kind) {
      case Control::Kind::pause:
        timer.pause(stage_.now());
        return pause(name);
      case Control::Kind::resume:
        timer.resume(stage_.now());
        return resume(name);
      case Control::Kind::trigger:
        if (!timer.is_running()) return ask_finished_one_to_run(control.timer, name);
        // The jitter that is drawn after the run in progress would not be told.
        if (timer.options().jitter > Nanos{0} && timer.is_paused() && timer.is_executing()) return;
        timer.trigger(stage_.now());
        return trigger(name);
      case Control::Kind::set_interval:
        timer.set_interval(control.interval, stage_.now());
        return set_interval(name, control.interval);
      case Control::Kind::add_or_remove:
        break;
    }
  }

  void add_or_remove(std::size_t n, const std::string& name) {
    TimerModel& timer = model().timers[n];
    if (!timer.is_removed()) {
      model().removed(n);
      remove(name);
      must_be_unknown([&] { remove(name); });
    } else if (timer.has_left()) {
      add_again(n);
    }
  }

  template <class Call>
  static void must_be_unknown(const Call& call) {
    try {
      call();
    } catch (const std::invalid_argument&) {
      return;
    }
    throw Failure{"something was asked of a timer that is not there"};
  }

  /// Nothing comes of it. It is refused, unless those who hear of the last run ask for it.
  void ask_finished_one_to_run(std::size_t n, const std::string& name) {
    try {
      trigger(name);
    } catch (const std::logic_error&) {
      return;
    }
    must(leaving_ == n, "a timer that has finished was triggered");
  }

  /// A method is left.
  void end(std::size_t n, const std::exception_ptr& thrown) {
    calls_[n].left = stage_.now();
    calls_[n].thrown = thrown;
  }

  [[nodiscard]] std::pair<Outcome, std::string> outcome_of(std::size_t n, const std::exception_ptr& thrown) {
    if (!thrown) return {Outcome::succeeded, {}};
    try {
      std::rethrow_exception(thrown);
    } catch (const std::system_error& error) {
      const bool is_abort =
          plan_.timers[n].kind == Kind::coroutine && error.code() == asio::error::operation_aborted;
      if (is_abort && model().timers[n].is_overdue()) return {Outcome::failed, text_of_timeout(n)};
      const bool is_cancelled = is_abort && model().is_cancelling();
      return {is_cancelled ? Outcome::cancelled : Outcome::failed, error.what()};
    } catch (const std::exception& error) {
      return {Outcome::failed, error.what()};
    } catch (...) {
      return {Outcome::failed, "unknown exception"};
    }
  }

  [[nodiscard]] std::string text_of_timeout(std::size_t n) const {
    char text[64];
    std::snprintf(text, sizeof text, "timeout: cancelled after %.3f s",
                  std::chrono::duration<double>{plan_.timers[n].options.timeout}.count());
    return text;
  }

  // ---- Hooks

  asio::awaitable<void> on_start() override {
    stage_.watch(index_, [&] { model().hook_started(); });
    co_await do_in_hook();
    model().hook_returned();
  }

  asio::awaitable<void> on_stop() override {
    stage_.watch(index_, [&] { model().stop_hook_started(stage_.now()); });
    std::exception_ptr thrown;
    try {
      co_await do_in_hook();
    } catch (...) {
      thrown = std::current_exception();
      ++failed_stop_hooks_;
    }
    model().stop_hook_ended();
    if (thrown) std::rethrow_exception(thrown);
  }

  asio::awaitable<void> do_in_hook() {
    if (stage_.random.chance(plan_.wild_hooks))
      co_await wait_for(ServiceModel::hook, stage_.random.of_any_size(Nanos{1}, std::chrono::minutes{1}));
    if (stage_.random.chance(plan_.wild_hooks / 2)) throw std::runtime_error{"the hook has no luck"};
  }

  ServiceModel& model() { return stage_.models[index_]; }

  Stage& stage_;
  const std::size_t index_;
  const ServicePlan& plan_;
  std::uint64_t failed_stop_hooks_ = 0;
  std::uint64_t withdrawn_ = 0;
  std::vector<Call> calls_;
  static constexpr int most_observer_depth = 3;
  int observer_depth_ = 0;
  std::optional<std::size_t> leaving_;  // the timer of whose last run is told at this moment
  std::vector<Nanos> longest_worker_waits_;
};

}  // namespace simulation
