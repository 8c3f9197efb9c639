#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/prometheus.hpp>
#include <cliffracer/scope.hpp>
#include <cliffracer/stats_fields.hpp>
#include <cliffracer/timer_stats.hpp>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cliffracer {
namespace detail {

/// Collects the metrics of timers. No family comes twice, as in an exposition none may, and one without a
/// metric is left out.
class PrometheusFamilies {
 public:
  PrometheusFamilies() {
    visit_fields<TimerStats>([this](const auto& field) {
      if (!field.metric.name.empty()) places_.push_back(place_of(field));
    });
  }

  void add(const std::string& service, const TimerStats& timer) {
    const Labels labels{{"service", service}, {"timer", timer.name}};
    auto place = places_.begin();
    visit_fields<TimerStats>([&](const auto& field) {
      if (field.metric.name.empty()) return;
      prometheus::MetricFamily& family = families_[*place++];
      if (field.presence == StatsPresence::cluster_timers && timer.scope != Scope::cluster) return;
      add(family, labels, field, timer.*field.member);
    });
  }

  [[nodiscard]] std::vector<prometheus::MetricFamily> take() {
    std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
    return std::move(families_);
  }

 private:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  static prometheus::ClientMetric& append(prometheus::MetricFamily& family, const Labels& labels) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label = labels;
    return metric;
  }

  template <class Value>
  static void add(prometheus::MetricFamily& family, const Labels& labels,
                  const StatsField<TimerStats, Value>& field, const Value& value) {
    if constexpr (std::is_same_v<Value, DurationBuckets>) {
      add_histogram(append(family, labels).histogram, value);
    } else if constexpr (stats_struct<Value>) {
      visit_fields<Value>([&](const auto& part) {
        add_number(family, labels, field.metric.label, part.name, number(value.*part.member));
      });
    } else if (field.unit != StatsUnit::token || number(value) != 0.0) {
      add_number(family, labels, field.metric.label, field.metric.value, number(value));
    }
  }

  static void add_number(prometheus::MetricFamily& family, const Labels& labels, std::string_view label,
                         std::string_view label_value, std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric& metric = append(family, labels);
    if (!label.empty()) metric.label.push_back({std::string{label}, std::string{label_value}});
    if (family.type == prometheus::MetricType::Counter)
      metric.counter.value = *value;
    else
      metric.gauge.value = *value;
  }

  static void add_histogram(prometheus::ClientMetric::Histogram& histogram, const DurationBuckets& buckets) {
    histogram.sample_count = buckets.count;
    histogram.sample_sum = *number(buckets.sum);
    histogram.bucket.resize(DurationBuckets::bounds.size());
    for (std::size_t i = 0; i < histogram.bucket.size(); ++i) {
      histogram.bucket[i].upper_bound = *number(DurationBuckets::bounds[i]);
      histogram.bucket[i].cumulative_count = buckets.counts[i];
    }
  }

  /// Texts and names have none, and a point of time only when it is there.
  template <class Value>
  static std::optional<double> number(const Value& value) {
    if constexpr (std::is_arithmetic_v<Value>)
      return static_cast<double>(value);
    else if constexpr (std::is_same_v<Value, std::chrono::nanoseconds>)
      return std::chrono::duration<double>{value}.count();
    else if constexpr (std::is_same_v<Value, std::optional<std::chrono::system_clock::time_point>>)
      return value ? std::optional{std::chrono::duration<double>{value->time_since_epoch()}.count()}
                   : std::nullopt;
    else
      return std::nullopt;
  }

  template <class Value>
  std::size_t place_of(const StatsField<TimerStats, Value>& field) {
    std::string name = "cliffracer_timer_" + std::string{field.metric.name};
    const auto found = std::find_if(families_.begin(), families_.end(),
                                    [&](const auto& family) { return family.name == name; });
    if (found != families_.end()) return static_cast<std::size_t>(found - families_.begin());
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = std::move(name);
    family.help = field.metric.help.empty() ? field.help : field.metric.help;
    family.type = std::is_same_v<Value, DurationBuckets>  ? prometheus::MetricType::Histogram
                  : field.metric.name.ends_with("_total") ? prometheus::MetricType::Counter
                                                          : prometheus::MetricType::Gauge;
    return families_.size() - 1;
  }

  std::vector<prometheus::MetricFamily> families_;
  std::vector<std::size_t> places_;  ///< In families_, of each field that is exported.
};

}  // namespace detail

CLIFFRACER_DECL std::vector<prometheus::MetricFamily> prometheus_families(std::string service,
                                                                          ServiceTimerStats stats) {
  detail::PrometheusFamilies families;
  for (const TimerStats& timer : stats.timers) families.add(service, timer);
  return families.take();
}

CLIFFRACER_DECL PrometheusCollector::PrometheusCollector(std::vector<const NatsService*> services)
    : services_{std::move(services)} {
  std::set<std::string_view> names;
  for (const NatsService* const service : services_) {
    if (!service) throw std::invalid_argument{"PrometheusCollector: a service is null"};
    if (!names.insert(service->config().name).second)
      throw std::invalid_argument{"PrometheusCollector: two services are named " + service->config().name};
  }
}

CLIFFRACER_DECL std::vector<prometheus::MetricFamily> PrometheusCollector::Collect() const {
  detail::PrometheusFamilies families;
  for (const NatsService* const service : services_) {
    const std::string& name = service->config().name;
    const ServiceTimerStats stats = service->get_timer_stats();
    for (const TimerStats& timer : stats.timers) families.add(name, timer);
  }
  return families.take();
}

}  // namespace cliffracer
