#include "simulation/world.hpp"

#include "simulation/percentiles.hpp"

#include <cliffracer/testing/detail/virtual_time_core.hpp>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace simulation {

using namespace std::chrono_literals;

namespace {

ServiceModel model_of(const ServicePlan& plan) {
  std::vector<TimerModel> timers;
  for (const TimerPlan& timer : plan.timers) timers.emplace_back(timer.options);
  return {plan.stop_timeout, std::move(timers)};
}

}  // namespace

World::World(const Plan& plan) : plan_{plan}, stage_{plan} {
  for (std::size_t n = 0; n < plan.services.size(); ++n) {
    stage_.models.push_back(model_of(plan.services[n]));
    const LogTally::Told told{
        .started = [this,
                    n] { stage_.watch(n, [&] { stage_.models[n].started(stage_.now(), stage_.clock()); }); },
        .stopping = [this, n] { stage_.watch(n, [&] { stage_.models[n].stop_begins(stage_.now()); }); },
        .cancelling = [this, n] { stage_.models[n].round_ended(stage_.now(), stage_.step); },
        .stopped =
            [this, n] {
              stage_.watch(n, [&] {
                // A start that failed says so, too.
                if (stage_.models[n].phase() != Phase::starting) stage_.models[n].stopped();
              });
            },
        .clock_stepped =
            [this, n] {
              stage_.watch(n, [&] {
                stage_.woke(stage_.models[n].clock_followed(stage_.now(), stage_.clock()),
                            Stage::coroutines_of(n));
              });
            }};
    auto log = std::make_unique<LogTally>("s" + std::to_string(n), told);
    players_.push_back({.log = std::move(log), .actor = stage_.time.make<Actor>(stage_, n)});
    stage_.services.push_back(players_.back().actor.get());
  }
  cliffracer::detail::VirtualTimeCore::of(stage_.time).add_log(*this);
  at(plan.length, [this] { has_ended_ = true; });
  for (std::size_t n = 0; n < plan.services.size(); ++n) {
    players_[n].has_start_ahead = true;
    at(stage_.random.chance(700) ? 0s : stage_.random.between(Nanos{0}, plan.length / 10),
       [this, n] { start(n); });
  }
  plan_suspends();
  plan_clock_steps();
  plan_requests();
}

World::~World() { cliffracer::detail::VirtualTimeCore::of(stage_.time).remove_log(*this); }

void World::run_started(std::string_view service, std::string_view timer,
                        const cliffracer::detail::Schedule::Decision& why,
                        cliffracer::detail::TimePoint /*now*/) {
  const Nanos due = cliffracer::testing::VirtualTime::since_start(why.due);
  players_[number_in(service)].actor->run_started(number_in(timer), due);
}

void World::run_ended(std::string_view service, std::string_view timer, Outcome outcome,
                      cliffracer::detail::TimePoint /*now*/) {
  players_[number_in(service)].actor->run_ended(number_in(timer), outcome);
}

// ---- What is done to the services

void World::at(Nanos instant, std::function<void()> action) {
  const auto planned = actions_.insert(actions_.end(), Waiting::from(stage_.now(), instant));
  stage_.time.call_at(instant, [this, planned, action = std::move(action)] {
    stage_.woke(*planned, Stage::actions);
    actions_.erase(planned);
    if (!is_left_alone_) action();
  });
}

void World::start(std::size_t service) {
  players_[service].has_start_ahead = false;
  const bool is_idle = stage_.models[service].phase() == Phase::idle;
  if (is_idle) stage_.models[service].start_asked();
  players_[service].had_stop_planned = false;
  if (is_idle) players_[service].actor->add_some_again();
  asio::co_spawn(stage_.time.context(), players_[service].actor->start(),
                 [this, service, is_idle](const std::exception_ptr& thrown) {
                   stage_.watch(service, [&] {
                     if (is_idle) return start_ended(service, thrown);
                     must(thrown != nullptr, "a service that ran was started again");
                   });
                 });
}

void World::start_ended(std::size_t service, const std::exception_ptr& thrown) {
  ServiceModel& model = stage_.models[service];
  if (!thrown)
    return must(model.phase() == Phase::running || model.phase() == Phase::stopping,
                "start() ended, and the service does not run");
  try {
    std::rethrow_exception(thrown);
  } catch (const std::system_error& error) {
    must(error.code() == asio::error::operation_aborted, "start() failed with a wrong error");
    // After on_start() a stop is an ordinary one.
    if (model.phase() == Phase::idle) return;
    must(model.stop_is_asked(), "start() was aborted, and nobody asked for a stop");
  } catch (const std::runtime_error&) {
    // on_start() has thrown.
  }
  model.start_failed();
}

void World::stop(std::size_t service) {
  ServiceModel& model = stage_.models[service];
  Actor& actor = *players_[service].actor;
  const bool calls = stage_.random.chance(600);
  if (!calls || stage_.random.chance(200)) {
    actor.request_stop();
    model.stop_requested();
  }
  if (!calls) return;
  const bool has_work = model.phase() != Phase::idle;
  model.stop_called();
  asio::co_spawn(stage_.time.context(), actor.stop(),
                 [this, service, has_work](const std::exception_ptr& thrown) {
                   stage_.watch(service, [&] {
                     must(!thrown, "stop() threw");
                     if (has_work)
                       must(stage_.models[service].phase() == Phase::idle ||
                                stage_.models[service].phase() == Phase::starting,
                            "stop() ended before the service had stopped");
                   });
                 });
}

void World::plan_suspends() {
  for (int n = 0; n < plan_.suspends; ++n) {
    const Nanos duration = stage_.random.of_any_size(1ms, plan_.longest_suspend);
    const bool is_between_steps = stage_.random.chance(500);
    at(stage_.random.between(Nanos{0}, plan_.length), [this, duration, is_between_steps] {
      if (is_between_steps) {
        suspend_ = duration;
      } else {
        stage_.jump(duration);
      }
    });
  }
}

void World::plan_clock_steps() {
  for (int n = 0; n < plan_.clock_steps; ++n) {
    Random& random = stage_.random;
    const auto& timers = plan_
                             .services[static_cast<std::size_t>(
                                 random.between(0, static_cast<std::int64_t>(plan_.services.size()) - 1))]
                             .timers;
    const Nanos interval = timers[0].options.interval;
    const Nanos step = random.one_of<Nanos>({random.of_any_size(10ms, 48h), random.of_any_size(10ms, 48h),
                                             10ms, 1s, 1h, interval, interval + 1ns, 2 * interval});
    const bool is_back = random.chance(500);
    at(random.between(Nanos{0}, plan_.length),
       [this, step, is_back] { clock_step_ = is_back ? -step : step; });
  }
}

/// Unless it would not be certain when the services see it.
void World::set_clock(Nanos step) {
  const Nanos shown = stage_.clock() + step;
  for (const ServiceModel& model : stage_.models)
    if (!model.knows_clock_watch(stage_.now()) || model.is_clock_back_at(shown)) return;
  stage_.time.step_wall_clock(step);
  for (ServiceModel& model : stage_.models) model.clock_set(stage_.now());
}

void World::plan_requests() {
  for (int n = 0; n < plan_.requests; ++n) {
    const Nanos instant = stage_.random.between(Nanos{0}, plan_.length);
    at(stage_.random.chance(500) ? instant / 1s * 1s : instant, [this] { is_asked_ = true; });
  }
}

/// Between two steps: as another thread does, or as the handler of a request.
void World::ask_from_outside() {
  Random& random = stage_.random;
  const auto n =
      static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(plan_.services.size()) - 1));
  Actor& actor = *players_[n].actor;
  auto controls = some_controls(random, plan_.services[n]);
  if (random.chance(500)) {
    asio::post(actor.get_executor(), [&] { actor.take_control(controls); });
    stage_.time.settle();
  } else {
    // What observers ask for when they hear of the first comes before the second, and a timer that is added
    // does not run before the event loop has come to it.
    const bool is_addition = controls[0].kind == Control::Kind::add_or_remove;
    if (is_addition || plan_.services[n].observer_controls > 0) controls.resize(1);
    actor.take_control(controls, false);
    stage_.time.settle();
  }
  check_after();
}

void World::plan_starts_and_stops() {
  Random& random = stage_.random;
  for (std::size_t n = 0; n < players_.size(); ++n) {
    Player& player = players_[n];
    const ServicePlan& plan = plan_.services[n];
    if (stage_.models[n].phase() == Phase::idle && !player.has_start_ahead) {
      player.has_start_ahead = true;
      const Nanos pause = random.chance(200) ? 0s : random.between(Nanos{0}, 2 * plan.pause);
      at(stage_.now() + pause, [this, n] { start(n); });
      // Somebody asks for what cannot be.
      if (random.chance(50)) at(stage_.now() + random.between(Nanos{0}, pause), [this, n] { stop(n); });
      if (random.chance(50))
        at(stage_.now() + pause + random.between(Nanos{0}, plan.session), [this, n] { start(n); });
    } else if (stage_.models[n].phase() == Phase::running && !player.had_stop_planned) {
      player.had_stop_planned = true;
      Nanos length = random.between(plan.session / 2, plan.session * 3 / 2);
      if (random.chance(50)) length = random.between(Nanos{0}, plan.session / 100);
      if (random.chance(500)) length = length / 1s * 1s;
      at(stage_.now() + length, [this, n] { stop(n); });
    }
  }
}

void World::begin_step() {
  ++stage_.step;
  ++Waiting::steps;
  stage_.woken.clear();
  stage_.has_skipped = false;
  stage_.jumped = 0s;
}

void World::ask_all_to_stop() {
  is_left_alone_ = true;
  begin_step();
  for (std::size_t n = 0; n < players_.size(); ++n) stop(n);
  stage_.time.settle();
  check_after();
}

void World::finish_stopping() {
  const auto has_stopped = [](const ServiceModel& model) { return model.phase() == Phase::idle; };
  for (int steps = 0; !std::all_of(stage_.models.begin(), stage_.models.end(), has_stopped); ++steps) {
    must(steps < 100'000, "stopping does not end");
    step();
  }
}

void World::start_all() {
  is_left_alone_ = false;
  begin_step();
  for (std::size_t n = 0; n < players_.size(); ++n) start(n);
  stage_.time.settle();
  check_after();
  // Each start may have failed at once, and then nothing is left to happen.
  plan_starts_and_stops();
}

// ---- What is looked at

Queue World::queue() const {
  Queue queue{round_, plan_.is_shuffled};
  for (const Waiting& action : actions_) queue.look_at(action);
  for (const ServiceModel& model : stage_.models) model.show(queue);
  return queue;
}

void World::step() {
  begin_step();
  const Queue waiting = queue();
  const Nanos before = stage_.now();
  const bool has_happened = stage_.time.run_next();
  must(has_happened, "nothing is due any more, and something must be");
  const Nanos fired = stage_.now() - stage_.jumped;
  check_after();
  must(waiting.may_wake_at(fired, before), "a step at a wrong instant");
  waiting.check_step(fired, stage_.woken, queue());
  round_ = fired;
  if (suspend_ > 0s) stage_.jump(std::exchange(suspend_, 0s));
  if (clock_step_ != 0s) set_clock(std::exchange(clock_step_, 0s));
  if (std::exchange(is_asked_, false)) ask_from_outside();
  if (!is_left_alone_) plan_starts_and_stops();
}

void World::check_after() {
  for (const Player& player : players_) player.actor->tell_dues();
  if (!stage_.failure.empty()) throw Failure{stage_.failure};
  for (ServiceModel& model : stage_.models) model.step_ended(stage_.now());
  check_log_of_runs();
  check_services();
}

/// The runs that the library tells of are those whose methods were called.
void World::check_log_of_runs() {
  const auto& all = log_.all();
  std::uint64_t started = 0;
  for (const ServiceModel& model : stage_.models) started += model.runs();
  must_equal("the number of runs started", runs_ + all.size() - seen_, started);
  for (; seen_ < all.size(); ++seen_, ++runs_) {
    const auto& run = all[seen_];
    const std::size_t service = number_in(run.service);
    const std::size_t timer = number_in(run.timer);
    const auto& expected = stage_.models[service].timers[timer].run();
    stage_.watch(service, timer, [&] {
      must_equal("the due point of a run", run.due, expected.due);
      must_equal("the start of a run", run.started, expected.started);
      must_equal<std::uint64_t>("the attempt of a run", run.attempt, expected.attempt);
      must_equal("what a run has skipped", run.skipped, expected.skipped);
      must_equal("whether a run has drifted", run.drifted, expected.drifted);
    });
    open_.push_back(seen_);
    players_[service].is_watched_closely = true;
    for (const auto value : {run.due, run.started}) note(value.count());
    note(static_cast<std::int64_t>(service * 100 + timer));
  }
  check_open_runs();
  if (!stage_.failure.empty()) throw Failure{stage_.failure};
  if (open_.empty() && seen_ > 10'000) {
    log_.clear();
    seen_ = 0;
  }
}

void World::check_open_runs() {
  std::erase_if(open_, [this](std::size_t entry) {
    const auto& run = log_.all()[entry];
    const TimerModel& timer = stage_.models[number_in(run.service)].timers[number_in(run.timer)];
    stage_.watch(number_in(run.service), number_in(run.timer), [&] {
      must_equal("whether a run is in progress", !run.ended.has_value(), timer.is_executing());
      if (!run.ended) return;
      // Its way to the worker and back may take time, too.
      const Nanos length = timer.execution_time().back();
      const Nanos measured = *run.ended - run.started;
      if (!players_[number_in(run.service)].actor->is_on_worker(number_in(run.timer)))
        must_equal("the length of a run", measured, length);
      must(measured >= length, "a run ended before its method");
    });
    if (!run.ended) return false;
    players_[number_in(run.service)].is_watched_closely = true;
    note(run.ended->count());
    note(static_cast<std::int64_t>(*run.outcome));
    return true;
  });
}

void World::check_services() {
  const bool is_time_for_all = stage_.step % 64 == 0;
  for (std::size_t n = 0; n < players_.size(); ++n) {
    const ServiceModel& model = stage_.models[n];
    model.check();
    const bool is_elsewhere = std::exchange(players_[n].phase, model.phase()) != model.phase();
    if (is_time_for_all || stage_.has_skipped || is_elsewhere || players_[n].is_watched_closely)
      check_statistics(n);
    players_[n].is_watched_closely = false;
  }
}

void World::check_statistics(std::size_t service) {
  const auto stats = players_[service].actor->get_timer_stats();
  const ServiceModel& model = stage_.models[service];
  must_equal<std::uint64_t>("timer_count", stats.timer_count, model.present.size());
  for (std::size_t place = 0; place < model.present.size(); ++place) {
    const std::size_t n = model.present[place];
    stage_.watch(service, n, [&] {
      must_equal("name", number_in(stats.timers[place].name), n);
      model.timers[n].check(stats.timers[place], std::chrono::system_clock::time_point{stage_.clock()});
    });
  }
  if (!stage_.failure.empty()) throw Failure{stage_.failure};
}

void World::check_at_end() {
  for (std::size_t service = 0; service < players_.size(); ++service) {
    check_statistics(service);
    const auto stats = players_[service].actor->get_timer_stats();
    const auto& log = players_[service].log->counts();
    std::uint64_t failed = 0;
    std::uint64_t drifted = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t timeouts = 0;
    const ServiceModel& model = stage_.models[service];
    for (std::size_t place = 0; place < stats.timers.size(); ++place) {
      const std::size_t n = model.present[place];
      const TimerModel& timer = model.timers[n];
      stage_.watch(service, n, [&] {
        check_percentiles(stats.timers[place].lateness, timer.lateness());
        check_percentiles(stats.timers[place].deferral, timer.deferral());
        check_percentiles(stats.timers[place].execution_time, timer.execution_time());
        must_equal("worker_wait", stats.timers[place].worker_wait.max,
                   players_[service].actor->longest_worker_wait(n));
      });
    }
    for (const TimerModel* const timer : model.ever()) {
      failed += timer->failed();
      drifted += timer->drifts();
      cancelled += timer->cancelled();
      timeouts += timer->timeouts();
      for (const auto count : {timer->started(), timer->failed(), timer->skipped(), timer->drifts()})
        note(static_cast<std::int64_t>(count));
    }
    must_equal("the log's failed runs", log.failed_runs, failed);
    must_equal("the log's drifted runs", log.drifted, drifted);
    must_equal("the log's timeouts", log.timed_out, timeouts);
    const std::uint64_t withdrawn = players_[service].actor->withdrawn();
    must_equal("the log's withdrawn runs", log.withdrawn, withdrawn);
    must_equal("the log's cancelled runs", log.cancelled, cancelled - withdrawn);
    must_equal("the log's lines on what still runs", log.late_to_stop, model.late_to_stop());
    must_equal("the log's failures of on_stop()", log.failed_stop_hooks,
               players_[service].actor->failed_stop_hooks());
    must_equal("the log's other errors", log.other_error, std::string{});
  }
  if (!stage_.failure.empty()) throw Failure{stage_.failure};
}

Report World::report() const {
  Report report{.runs = runs_,
                .steps = stage_.step - 1,
                .time = std::chrono::duration_cast<std::chrono::seconds>(stage_.now()),
                .hash = hash_};
  for (const ServiceModel& model : stage_.models) {
    report.stops += model.stops();
    for (const TimerModel* const timer : model.ever()) {
      report.failed += timer->failed();
      report.cancelled += timer->cancelled();
      report.deferred += static_cast<std::uint64_t>(std::count_if(
          timer->deferral().begin(), timer->deferral().end(), [](Nanos deferral) { return deferral > 0s; }));
      report.skipped += timer->skipped();
      report.drifted += timer->drifts();
      report.timed_out += timer->timeouts();
    }
  }
  return report;
}

std::string World::where() const {
  return "at " + text_of(stage_.now()) + ", step " + std::to_string(stage_.step - 1);
}

// ---- The two ways of looking at worlds

namespace {

/// Plays a world by `play`. One that fails is not taken apart: whoever breaks
/// one rule may break others.
template <class Play>
Report played(const Plan& plan, const Play& play) {
  auto world = std::make_unique<World>(plan);
  try {
    play(*world);
    return world->report();
  } catch (const std::exception& caught) {
    const std::string where = world->where();
    static_cast<void>(world.release());  // NOLINT: on purpose
    throw Failure{where + ": " + caught.what()};
  }
}

}  // namespace

Report simulate(std::uint64_t seed, Nanos length) {
  const auto plan = std::make_unique<Plan>(plan_of(seed, length));
  return played(*plan, [](World& world) {
    while (!world.has_ended()) world.step();
    world.ask_all_to_stop();
    world.finish_stopping();
    world.check_at_end();
  });
}

Report stop_at_every_step(std::uint64_t seed) {
  constexpr int most_steps = 200;
  const Plan plan = small_plan_of(seed);
  Report total;
  bool is_over = false;
  for (int steps = 0; !is_over && steps <= most_steps; ++steps) {
    total += played(plan, [&](World& world) {
      for (int n = 0; n < steps && !world.has_ended(); ++n) world.step();
      is_over = world.has_ended();
      world.ask_all_to_stop();
      world.finish_stopping();
      world.start_all();
      for (int n = 0; n < 40; ++n) world.step();
      world.ask_all_to_stop();
      world.finish_stopping();
      world.check_at_end();
    });
  }
  return total;
}

}  // namespace simulation
