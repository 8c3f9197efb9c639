#pragma once

// Not part of cliffracer.hpp: needs prometheus-cpp. See PrometheusCollector.

#include <cliffracer/detail/text/json_fields.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/timer_stats.hpp>

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer {
namespace detail {

struct PrometheusSource {
  std::string service;
  ServiceTimerStats stats;
};

/// Goes through the timers of all sources once for each family, so that no family comes twice: an exposition
/// that has one twice is invalid. A family without a metric is left out.
class PrometheusFamilies {
 public:
  explicit PrometheusFamilies(std::span<const PrometheusSource> sources) : sources_{sources} {}

  /// `value_of` returns what is counted for a timer.
  template <class Function>
  void add_counter(std::string_view name, std::string_view help, Function value_of) {
    add(prometheus::MetricType::Counter, name, help, [&](auto& family, auto& labels, const auto& timer) {
      append(family, labels).counter.value = static_cast<double>(value_of(timer));
    });
  }

  /// One for each value of `label`, for timers that have it; `values_of` returns an array of as many.
  template <std::size_t Size, class Function>
  void add_counters(
      std::string_view name, std::string_view help, std::string_view label,
      const std::array<std::string_view, Size>& label_values, Function values_of,
      bool (*has)(const TimerStats&) = [](const TimerStats&) { return true; }) {
    add(prometheus::MetricType::Counter, name, help, [&](auto& family, auto& labels, const auto& timer) {
      if (!has(timer)) return;
      const auto values = values_of(timer);
      static_assert(values.size() == Size);
      for (std::size_t i = 0; i < Size; ++i) {
        prometheus::ClientMetric& metric = append(family, labels);
        metric.label.push_back({std::string{label}, std::string{label_values[i]}});
        metric.counter.value = static_cast<double>(values[i]);
      }
    });
  }

  /// `value_of` returns a std::optional<double>; a timer without a value has no metric.
  template <class Function>
  void add_gauge(std::string_view name, std::string_view help, Function value_of) {
    add(prometheus::MetricType::Gauge, name, help, [&](auto& family, auto& labels, const auto& timer) {
      const std::optional<double> value = value_of(timer);
      if (value) append(family, labels).gauge.value = *value;
    });
  }

  void add_histogram(std::string_view name, std::string_view help, DurationBuckets TimerStats::*which) {
    add(prometheus::MetricType::Histogram, name, help, [&](auto& family, auto& labels, const auto& timer) {
      const DurationBuckets& buckets = timer.*which;
      prometheus::ClientMetric::Histogram& histogram = append(family, labels).histogram;
      histogram.sample_count = buckets.count;
      histogram.sample_sum = in_seconds(buckets.sum);
      histogram.bucket.resize(DurationBuckets::bounds.size());
      for (std::size_t i = 0; i < histogram.bucket.size(); ++i) {
        histogram.bucket[i].upper_bound = in_seconds(DurationBuckets::bounds[i]);
        histogram.bucket[i].cumulative_count = buckets.counts[i];
      }
    });
  }

  [[nodiscard]] std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  static prometheus::ClientMetric& append(prometheus::MetricFamily& family, const Labels& labels) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label = labels;
    return metric;
  }

  template <class Function>
  void add(prometheus::MetricType type, std::string_view name, std::string_view help, Function add_metrics) {
    prometheus::MetricFamily family;
    family.name = "cliffracer_timer_";
    family.name += name;
    family.help = help;
    family.type = type;
    for (const PrometheusSource& source : sources_) {
      for (const TimerStats& timer : source.stats.timers) {
        const Labels labels{{"service", source.service}, {"timer", timer.name}};
        add_metrics(family, labels, timer);
      }
    }
    if (!family.metric.empty()) families_.push_back(std::move(family));
  }

  const std::span<const PrometheusSource> sources_;
  std::vector<prometheus::MetricFamily> families_;
};

[[nodiscard]] inline std::vector<prometheus::MetricFamily> prometheus_families(
    std::span<const PrometheusSource> sources) {
  using Stats = TimerStats;
  const auto seconds = [](const auto& time) {
    return time ? std::optional{in_seconds(time->time_since_epoch())} : std::nullopt;
  };
  PrometheusFamilies families{sources};
  families.add_counters("executions_total", "Runs that have ended, by outcome.", "outcome",
                        std::array<std::string_view, 3>{"success", "error", "cancelled"}, [](const Stats& t) {
                          return std::array{t.success_count, t.error_count, t.cancelled_count};
                        });
  families.add_histogram("duration_seconds", "How long runs took, however they ended.",
                         &Stats::execution_time_buckets);
  families.add_histogram("lateness_seconds",
                         "From the due point to the start of the run, beyond its tolerance.",
                         &Stats::lateness_buckets);
  families.add_counters(
      "skipped_total", "Due points passed over without a run, by reason.", "reason",
      std::array<std::string_view, 6>{"missed", "drifted", "failing", "paused", "elsewhere", "claim_failed"},
      [](const Stats& t) {
        const SkippedCounts& s = t.skipped;
        return std::array{s.missed, s.drifted, s.failing, s.paused, s.elsewhere, s.claim_failed};
      });
  families.add_counters(
      "claims_total", "Ticks of cluster timers that were asked for, by what came of it.", "outcome",
      std::array<std::string_view, 5>{"won", "lost", "failed", "unclear", "running_elsewhere"},
      [](const Stats& t) {
        const ClaimCounts& c = t.claims;
        return std::array{c.won, c.lost, c.failed, c.unclear, c.running_elsewhere};
      },
      [](const Stats& t) { return t.scope == Scope::cluster; });
  families.add_gauge(
      "current_token", "The tick of a cluster timer's newest run here; absent before the first.",
      [](const Stats& t) {
        return t.current_token > 0 ? std::optional{static_cast<double>(t.current_token)} : std::nullopt;
      });
  families.add_counter("drift_resets_total",
                       "How often a run was later than max_drift and the schedule was re-anchored at it.",
                       [](const Stats& t) { return t.drift_count; });
  families.add_counter("timeouts_total", "Runs that outlasted the timeout, however they ended.",
                       [](const Stats& t) { return t.timeout_count; });
  families.add_counter("blocking_total", "How often the timer held the event loop for blocking_threshold.",
                       [](const Stats& t) { return t.blocking_count; });
  families.add_counter("clock_steps_total", "How often the wall clock was set and the timer followed.",
                       [](const Stats& t) { return t.clock_step_count; });
  families.add_gauge("running", "1 from the start of the service to its stop.",
                     [](const Stats& t) { return t.is_running ? 1.0 : 0.0; });
  families.add_gauge("executing", "1 while a run is in progress or waits for a worker.",
                     [](const Stats& t) { return t.is_executing ? 1.0 : 0.0; });
  families.add_gauge("overdue", "1 while the run in progress has outlasted its timeout.",
                     [](const Stats& t) { return t.is_overdue ? 1.0 : 0.0; });
  families.add_gauge("paused", "1 while no run starts until the timer is resumed.",
                     [](const Stats& t) { return t.is_paused ? 1.0 : 0.0; });
  families.add_gauge("consecutive_errors", "Failures since the last success.",
                     [](const Stats& t) { return static_cast<double>(t.consecutive_errors); });
  families.add_gauge("interval_seconds", "Time between due points.",
                     [](const Stats& t) { return in_seconds(t.interval); });
  families.add_gauge("last_success_timestamp_seconds",
                     "When the newest successful run ended; absent before the first.",
                     [&](const Stats& t) { return seconds(t.last_success); });
  families.add_gauge("next_execution_timestamp_seconds",
                     "The next due point; absent while a run is in progress or the service is stopped.",
                     [&](const Stats& t) { return seconds(t.next_execution); });
  return families.take();
}

}  // namespace detail

/// The metrics of one service's timers, as PrometheusCollector exposes them. Pure; any thread.
/// `service`: the value of the label `service`.
[[nodiscard]] inline std::vector<prometheus::MetricFamily> prometheus_families(std::string service,
                                                                               ServiceTimerStats stats) {
  const std::array sources{detail::PrometheusSource{std::move(service), std::move(stats)}};
  return detail::prometheus_families(sources);
}

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
/// | `running`, `executing`, `overdue`, `paused` | gauge | 0 or 1 |
/// | `consecutive_errors`, `interval_seconds` | gauge | |
/// | `last_success_timestamp_seconds` | gauge | absent before the first success |
/// | `next_execution_timestamp_seconds` | gauge | absent while executing or stopped |
/// | `current_token` | gauge | of cluster timers, absent before their first run here |
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
  explicit PrometheusCollector(std::vector<const NatsService*> services) : services_{std::move(services)} {
    std::set<std::string_view> names;
    for (const NatsService* const service : services_) {
      if (!service) throw std::invalid_argument{"PrometheusCollector: a service is null"};
      if (!names.insert(service->config().name).second)
        throw std::invalid_argument{"PrometheusCollector: two services are named " + service->config().name};
    }
  }

  /// What prometheus-cpp calls for each scrape, on its own threads; any thread, at any time. Takes no lock
  /// and keeps no event loop waiting. Throws std::bad_alloc only.
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<detail::PrometheusSource> sources;
    sources.reserve(services_.size());
    for (const NatsService* const service : services_)
      sources.push_back({service->config().name, service->get_timer_stats()});
    return detail::prometheus_families(sources);
  }

 private:
  const std::vector<const NatsService*> services_;
};

}  // namespace cliffracer
