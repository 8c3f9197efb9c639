#pragma once

// Not part of cliffracer.hpp: needs prometheus-cpp. See PrometheusCollector.
//
// With CLIFFRACER_SEPARATE_COMPILATION one file of the program includes <cliffracer/prometheus_src.hpp>, too.

#include <cliffracer/build_mode.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/timer_stats.hpp>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <concepts>
#include <string>
#include <vector>

namespace cliffracer {

/// The metrics of one service's timers, as PrometheusCollector exposes them. Pure; any thread.
/// `service`: the value of the label `service`.
[[nodiscard]] std::vector<prometheus::MetricFamily> prometheus_families(std::string service,
                                                                        ServiceTimerStats stats);

/// Exposes the statistics of timers to Prometheus, by way of prometheus-cpp:
///
///     const auto collector = std::make_shared<cliffracer::PrometheusCollector>(service);
///     prometheus::Exposer exposer{"127.0.0.1:9464"};
///     exposer.RegisterCollectable(collector);
///
/// prometheus-cpp (1.0 or newer) is the program's own dependency, the library brings none of it. With CMake:
///
///     find_package(prometheus-cpp CONFIG REQUIRED)    # Debian, Ubuntu: prometheus-cpp-dev
///     target_link_libraries(my_service PRIVATE cliffracer::cliffracer prometheus-cpp::core
///     prometheus-cpp::pull)
///
/// All names begin with `cliffracer_timer_`, all metrics have the labels `service` and `timer`, all times
/// are in seconds:
///
/// | name | type | |
/// |---|---|---|
/// | `executions_total` | counter | `outcome`: `success`, `error`, `cancelled` |
/// | `duration_seconds`, `lateness_seconds` | histogram | bounds: DurationBuckets::bounds |
/// | `skipped_total` | counter | `reason`: as SkippedCounts |
/// | `claims_total` | counter | of cluster timers; `outcome`: as ClaimCounts |
/// | `drift_resets_total`, `timeouts_total`, `blocking_total`, `clock_steps_total` | counter | |
/// | `running`, `finished`, `executing`, `overdue`, `paused` | gauge | 0 or 1 |
/// | `consecutive_errors`, `interval_seconds` | gauge | |
/// | `executing_since_timestamp_seconds` | gauge | absent while no run is in progress |
/// | `last_success_timestamp_seconds` | gauge | absent before the first success |
/// | `next_execution_timestamp_seconds` | gauge | absent while executing or stopped |
/// | `catch_ups_total` | counter | of cluster timers |
/// | `current_token` | gauge | of cluster timers: milliseconds since the epoch; absent before the first run |
///
/// A timer has about 60 series. Texts (the last error, why it is paused) are no metrics: see
/// NatsService::get_service_info().
///
/// Lifetimes: the services must outlive the collector, and prometheus-cpp may hold it while it answers: end
/// the Exposer, or call its RemoveCollectable(), before a service goes.
class PrometheusCollector final : public prometheus::Collectable {
 public:
  /// At least one service; started or not. Each in one collector only, and one collector for all services of
  /// an endpoint: Prometheus refuses an answer that has a family twice. Throws std::invalid_argument when two
  /// of them have the same name.
  template <std::derived_from<NatsService>... Services>
  requires(sizeof...(Services) > 0) explicit PrometheusCollector(const Services&... services)
      : PrometheusCollector{std::vector<const NatsService*>{&services...}} {}

  /// The same for a number of services known at run time. Null throws std::invalid_argument, too; none is
  /// fine.
  explicit PrometheusCollector(std::vector<const NatsService*> services);

  /// What prometheus-cpp calls for each scrape, on its own threads; any thread, at any time. Keeps
  /// no event loop waiting. Throws std::bad_alloc only.
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::vector<const NatsService*> services_;
};

}  // namespace cliffracer

#ifndef CLIFFRACER_SEPARATE_COMPILATION
#include <cliffracer/impl/prometheus.ipp>
#endif
