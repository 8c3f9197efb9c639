#include <cliffracer/detail/registration/timer_registration.hpp>

#include "support/catch.hpp"

#include <chrono>

using namespace std::chrono_literals;
using cliffracer::MissedTicks;
using cliffracer::Pacing;
using cliffracer::RunOn;
using cliffracer::Scope;
using cliffracer::timer;
using cliffracer::WhenUnavailable;
using cliffracer::detail::registration_of;

namespace {

struct Service {
  void plain() {}
};

}  // namespace

TEST_CASE("a registration has each option of its timer") {
  Service service;
  const auto registration = registration_of(timer<&Service::plain>{.interval = 1s,
                                                                   .eager = true,
                                                                   .max_drift = 2s,
                                                                   .error_backoff = 3s,
                                                                   .tolerance = 4s,
                                                                   .initial_delay = 5s,
                                                                   .jitter = 6s,
                                                                   .timeout = 7s,
                                                                   .max_error_backoff = 8s,
                                                                   .max_consecutive_errors = 9,
                                                                   .align_to_epoch = true,
                                                                   .offset = 500ms,
                                                                   .pacing = Pacing::after_run,
                                                                   .scope = Scope::cluster,
                                                                   .when_unavailable = WhenUnavailable::run,
                                                                   .missed_ticks = MissedTicks::skip,
                                                                   .run_on = RunOn::worker_pool,
                                                                   .name = "other"},
                                            &service);
  const auto& options = registration.options;
  CHECK(registration.object == &service);
  CHECK(registration.name == "other");
  CHECK(options.interval == 1s);
  CHECK(options.eager);
  CHECK(options.max_drift == 2s);
  CHECK(options.error_backoff == 3s);
  CHECK(options.tolerance.value() == 4s);
  CHECK(options.initial_delay.value() == 5s);
  CHECK(options.jitter == 6s);
  CHECK(options.timeout == 7s);
  CHECK(options.max_error_backoff.value() == 8s);
  CHECK(options.max_consecutive_errors == 9);
  CHECK(options.align_to_epoch);
  CHECK(options.offset == 500ms);
  CHECK(options.pacing == Pacing::after_run);
  CHECK(options.scope == Scope::cluster);
  CHECK(options.when_unavailable == WhenUnavailable::run);
  CHECK(options.missed_ticks == MissedTicks::skip);
  CHECK(options.run_on == RunOn::worker_pool);
}

TEST_CASE("a timer without a name has its method's") {
  Service service;
  CHECK(registration_of(timer<&Service::plain>{.interval = 1s}, &service).name == "plain");
}
