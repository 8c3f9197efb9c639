#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/timer/plain_methods.hpp>

#include <spdlog/sinks/null_sink.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::RunOn;
using cliffracer::TickContext;
using cliffracer::timer;
using cliffracer::detail::PlainMethods;
using cliffracer::detail::TimeLimits;
using cliffracer::detail::TimerEntry;
using cliffracer::detail::TimerLog;
using cliffracer::detail::TimerPlaces;
using cliffracer::detail::TimerRuns;
using support::TimePoint;

namespace {

struct Service {
  void plain() {
    ++runs;
    ran_on = std::this_thread::get_id();
    if (time) time->pass(3s);
  }
  void knows(TickContext tick) {
    plain();
    number = tick.run_number;
  }
  void fails() {
    plain();
    throw std::runtime_error{"no luck"};
  }

  support::VirtualTime* time = nullptr;
  int runs = 0;
  std::uint64_t number = 0;
  std::thread::id ran_on{};
};

struct Fixture : private cliffracer::detail::TaskGroup::Guest {
  explicit Fixture(PlainMethods::Workers with = {}) : workers{with} {}

  template <class Registration>
  TimerEntry& add(const Registration& registration) {
    auto made = cliffracer::detail::registration_of(registration, &service);
    const auto options =
        cliffracer::detail::checked_options("svc", made.name, made.options, *made.method, {});
    entry = std::make_shared<TimerEntry>(made.name, *made.method, made.object, options, 1);
    runs.start(*entry, world.time.now());
    methods.prepare(*entry);
    world.time.pass(10s);
    REQUIRE(runs.begin(*entry, world.time.now()));
    return *entry;
  }
  void add_names(std::vector<std::string>& /*names*/) const override {}

  support::TimerWorld world;
  Service service;
  std::string name = "svc";
  std::shared_ptr<spdlog::logger> logger =
      std::make_shared<spdlog::logger>("svc", std::make_shared<spdlog::sinks::null_sink_st>());
  TimerRuns runs{{.log = TimerLog{{logger, name}}}};
  TimerPlaces places{world.time.queue(), world.tasks, *this, runs.log()};
  TimeLimits limits{world.strand, world.time.queue(), places, runs};
  PlainMethods::Workers workers;
  std::shared_ptr<TimerEntry> entry;
  std::vector<TimerEntry*> returned;
  PlainMethods methods{world.time.queue(), world.context, workers, runs, limits, [this](TimerEntry& timer) {
                         returned.push_back(&timer);
                       }};
};

}  // namespace

TEST_CASE("a method on the event loop has run when the call returns, which says when that was") {
  Fixture f;
  f.service.time = &f.world.time;
  TimerEntry& entry = f.add(timer<&Service::plain>{.interval = 10s, .run_on = RunOn::event_loop});
  TimePoint now = f.world.time.now();
  CHECK(f.methods.call(entry, now));
  CHECK(f.service.runs == 1);
  CHECK(f.service.ran_on == std::this_thread::get_id());
  CHECK(now == f.world.time.now());
  CHECK(now - entry.schedule.last_start() == 3s);
  CHECK_FALSE(entry.thrown);
  CHECK(entry.context == &f.methods.context());
}

TEST_CASE("a method that takes a context gets that of its run") {
  Fixture f;
  TimerEntry& entry = f.add(timer<&Service::knows>{.interval = 10s, .run_on = RunOn::event_loop});
  TimePoint now = f.world.time.now();
  CHECK(f.methods.call(entry, now));
  CHECK(f.service.number == 1);
}

TEST_CASE("what a method on the event loop throws is kept for the end of its run") {
  Fixture f;
  TimerEntry& entry = f.add(timer<&Service::fails>{.interval = 10s, .run_on = RunOn::event_loop});
  TimePoint now = f.world.time.now();
  CHECK(f.methods.call(entry, now));
  REQUIRE(entry.thrown);
  CHECK_THROWS_WITH(std::rethrow_exception(entry.thrown), "no luck");
}

TEST_CASE("without worker threads the event loop does their work later") {
  Fixture f{{.inlined = true}};
  TimerEntry& entry = f.add(timer<&Service::fails>{.interval = 10s});
  REQUIRE(entry.worker_run);
  TimePoint now = f.world.time.now();
  CHECK_FALSE(f.methods.call(entry, now));
  CHECK(f.service.runs == 0);
  CHECK(f.returned.empty());
  f.world.time.settle();
  CHECK(f.service.runs == 1);
  CHECK(f.returned == std::vector<TimerEntry*>{&entry});
  CHECK_FALSE(entry.thrown);
  CHECK_THROWS_WITH(std::rethrow_exception(entry.worker_run->thrown), "no luck");
  f.methods.forget(entry);
}

TEST_CASE("a method on a worker runs on another thread") {
  Fixture f;
  TimerEntry& entry = f.add(timer<&Service::knows>{.interval = 10s});
  TimePoint now = f.world.time.now();
  const auto work = asio::make_work_guard(f.world.context);
  CHECK_FALSE(f.methods.call(entry, now));
  f.world.context.restart();
  while (f.returned.empty()) f.world.context.run_one();
  CHECK(f.service.runs == 1);
  CHECK(f.service.number == 1);
  CHECK(f.service.ran_on != std::this_thread::get_id());
}
