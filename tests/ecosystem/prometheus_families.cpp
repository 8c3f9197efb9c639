// First, so that it is compiled without the help of others.
#include <cliffracer/prometheus.hpp>

#include "support/catch.hpp"

#include <cliffracer/cliffracer.hpp>

#include <prometheus/text_serializer.h>
#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using prometheus::MetricFamily, prometheus::MetricType;

namespace {

/// A timer of which every number is another one.
cliffracer::TimerStats full_timer() {
  cliffracer::TimerStats timer;
  timer.name = "nightly";
  timer.method_name = "purge";
  timer.interval = 90s;
  timer.success_count = 11;
  timer.error_count = 12;
  timer.cancelled_count = 13;
  timer.skipped = {
      .missed = 21, .drifted = 22, .failing = 23, .paused = 24, .elsewhere = 25, .claim_failed = 26};
  timer.scope = cliffracer::Scope::cluster;
  timer.claims = {.won = 41, .lost = 42, .failed = 43, .unclear = 44, .running_elsewhere = 45};
  timer.current_token = 1'772'359'200'000;
  timer.drift_count = 31;
  timer.timeout_count = 32;
  timer.blocking_count = 33;
  timer.clock_step_count = 34;
  timer.consecutive_errors = 35;
  timer.last_success = std::chrono::system_clock::time_point{1'700'000'000'250ms};
  timer.next_execution = std::chrono::system_clock::time_point{1'700'000'090s};
  timer.execution_time_buckets.counts[9] = 6;
  std::fill(timer.execution_time_buckets.counts.begin() + 10, timer.execution_time_buckets.counts.end(), 7);
  timer.execution_time_buckets.count = 8;
  timer.execution_time_buckets.sum = 2500ms;
  timer.lateness_buckets.counts.fill(5);
  timer.lateness_buckets.count = 5;
  timer.lateness_buckets.sum = 5us;
  return timer;
}

cliffracer::ServiceTimerStats with(std::vector<cliffracer::TimerStats> timers) {
  cliffracer::ServiceTimerStats stats;
  stats.timer_count = timers.size();
  stats.timers = std::move(timers);
  return stats;
}

std::vector<MetricFamily> families_of(const cliffracer::TimerStats& timer) {
  return cliffracer::prometheus_families("shop", with({timer}));
}

const MetricFamily* find(const std::vector<MetricFamily>& families, const std::string& name) {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const MetricFamily& family) { return family.name == name; });
  return found == families.end() ? nullptr : &*found;
}

std::string text_of(const std::vector<MetricFamily>& families) {
  return prometheus::TextSerializer{}.Serialize(families);
}

/// The value of a line of the text, by all that stands before it.
std::optional<std::string> value_of(const std::string& text, const std::string& series) {
  const auto at = ("\n" + text).find("\n" + series + " ");
  if (at == std::string::npos) return std::nullopt;
  const auto from = at + series.size() + 1;
  return text.substr(from, text.find('\n', from) - from);
}

std::string content_of(const std::string& file) {
  std::ifstream in{std::string{CLIFFRACER_SOURCE_DIR} + "/" + file};
  REQUIRE(in);
  return {std::istreambuf_iterator<char>{in}, {}};
}

class EmptyService : public cliffracer::NatsService {
 public:
  EmptyService(asio::io_context& context, std::string name)
      : NatsService{context, {.name = std::move(name)}} {
    add(cliffracer::timer<&EmptyService::purge>{.interval = 1s});
  }

 private:
  asio::awaitable<void> purge() { co_return; }
};

}  // namespace

TEST_CASE("each number of a timer is a metric with the labels service and timer") {
  const std::string text = text_of(families_of(full_timer()));
  const std::string labels = "service=\"shop\",timer=\"nightly\"";
  const std::map<std::string, std::string> expected{
      {"executions_total{" + labels + ",outcome=\"success\"}", "11"},
      {"executions_total{" + labels + ",outcome=\"error\"}", "12"},
      {"executions_total{" + labels + ",outcome=\"cancelled\"}", "13"},
      {"skipped_total{" + labels + ",reason=\"missed\"}", "21"},
      {"skipped_total{" + labels + ",reason=\"drifted\"}", "22"},
      {"skipped_total{" + labels + ",reason=\"failing\"}", "23"},
      {"skipped_total{" + labels + ",reason=\"paused\"}", "24"},
      {"skipped_total{" + labels + ",reason=\"elsewhere\"}", "25"},
      {"skipped_total{" + labels + ",reason=\"claim_failed\"}", "26"},
      {"claims_total{" + labels + ",outcome=\"won\"}", "41"},
      {"claims_total{" + labels + ",outcome=\"lost\"}", "42"},
      {"claims_total{" + labels + ",outcome=\"failed\"}", "43"},
      {"claims_total{" + labels + ",outcome=\"unclear\"}", "44"},
      {"claims_total{" + labels + ",outcome=\"running_elsewhere\"}", "45"},
      {"current_token{" + labels + "}", "1772359200000"},
      {"drift_resets_total{" + labels + "}", "31"},
      {"timeouts_total{" + labels + "}", "32"},
      {"blocking_total{" + labels + "}", "33"},
      {"clock_steps_total{" + labels + "}", "34"},
      {"consecutive_errors{" + labels + "}", "35"},
      {"interval_seconds{" + labels + "}", "90"},
      {"last_success_timestamp_seconds{" + labels + "}", "1700000000.25"},
      {"next_execution_timestamp_seconds{" + labels + "}", "1700000090"},
  };
  for (const auto& [series, value] : expected) {
    INFO(series);
    CHECK(value_of(text, "cliffracer_timer_" + series) == value);
  }
}

TEST_CASE("a timer that no replicas share has no claims") {
  const auto families = families_of(cliffracer::TimerStats{.name = "nightly"});
  CHECK_FALSE(find(families, "cliffracer_timer_claims_total"));
  CHECK_FALSE(find(families, "cliffracer_timer_current_token"));
}

TEST_CASE("each state of a timer is 0 or 1") {
  const std::vector<std::pair<std::string, bool cliffracer::TimerStats::*>> states{
      {"running", &cliffracer::TimerStats::is_running},
      {"executing", &cliffracer::TimerStats::is_executing},
      {"finished", &cliffracer::TimerStats::is_finished},
      {"overdue", &cliffracer::TimerStats::is_overdue},
      {"paused", &cliffracer::TimerStats::is_paused}};
  for (const auto& [set_name, set] : states) {
    cliffracer::TimerStats timer;
    timer.name = "nightly";
    timer.*set = true;
    const std::string text = text_of(families_of(timer));
    for (const auto& [name, state] : states) {
      INFO(set_name << " is set, " << name << " is looked at");
      CHECK(value_of(text, "cliffracer_timer_" + name + "{service=\"shop\",timer=\"nightly\"}") ==
            (state == set ? "1" : "0"));
    }
  }
}

TEST_CASE("histograms have the bounds in seconds, cumulative counts, count and sum") {
  const auto families = families_of(full_timer());
  const MetricFamily* const duration = find(families, "cliffracer_timer_duration_seconds");
  REQUIRE(duration);
  CHECK(duration->type == MetricType::Histogram);
  REQUIRE(duration->metric.size() == 1);
  const auto& histogram = duration->metric[0].histogram;
  CHECK(histogram.sample_count == 8);
  CHECK(histogram.sample_sum == 2.5);
  REQUIRE(histogram.bucket.size() == 16);
  CHECK(histogram.bucket.front().upper_bound == 1.024e-6);
  CHECK(histogram.bucket.back().upper_bound == 1099.511627776);
  for (std::size_t i = 0; i < 16; ++i)
    CHECK(histogram.bucket[i].cumulative_count == (i < 9 ? 0 : i == 9 ? 6 : 7));

  const std::string text = text_of(families);
  const std::string series =
      "cliffracer_timer_duration_seconds_bucket{service=\"shop\",timer=\"nightly\",le=";
  CHECK(value_of(text, series + "\"0.268435456\"}") == "6");
  CHECK(value_of(text, series + "\"+Inf\"}") == "8");

  const MetricFamily* const lateness = find(families, "cliffracer_timer_lateness_seconds");
  REQUIRE(lateness);
  CHECK(lateness->metric[0].histogram.bucket.front().cumulative_count == 5);
  CHECK(lateness->metric[0].histogram.sample_sum == 5e-6);
}

TEST_CASE("what has not happened yet has no time") {
  const auto families = families_of(cliffracer::TimerStats{});
  CHECK_FALSE(find(families, "cliffracer_timer_last_success_timestamp_seconds"));
  CHECK_FALSE(find(families, "cliffracer_timer_next_execution_timestamp_seconds"));
  CHECK(find(families, "cliffracer_timer_executions_total"));
}

TEST_CASE("a timer that has succeeded has its time beside one that has not") {
  cliffracer::TimerStats young;
  young.name = "young";
  const auto families = cliffracer::prometheus_families("shop", with({young, full_timer()}));
  const MetricFamily* const success = find(families, "cliffracer_timer_last_success_timestamp_seconds");
  REQUIRE(success);
  REQUIRE(success->metric.size() == 1);
  CHECK(success->metric[0].label[1].value == "nightly");
  CHECK(find(families, "cliffracer_timer_running")->metric.size() == 2);
}

TEST_CASE("a service without timers has no metrics") {
  CHECK(cliffracer::prometheus_families("shop", {}).empty());
}

TEST_CASE("a counter's name ends in _total, no other's does, and each family says what it is") {
  for (const MetricFamily& family : families_of(full_timer())) {
    INFO(family.name);
    CHECK(family.name.starts_with("cliffracer_timer_"));
    CHECK(family.name.ends_with("_total") == (family.type == MetricType::Counter));
    CHECK(family.help.ends_with("."));
  }
}

TEST_CASE("the timers of several services are in one family of each name") {
  asio::io_context context;
  const EmptyService orders{context, "orders"};
  const EmptyService customers{context, "customers"};
  const cliffracer::PrometheusCollector collector{orders, customers};
  const auto families = collector.Collect();
  REQUIRE_FALSE(families.empty());
  std::set<std::string> names;
  for (const MetricFamily& family : families) {
    INFO(family.name);
    CHECK(names.insert(family.name).second);
    std::set<std::string> services;
    for (const auto& metric : family.metric) services.insert(metric.label[0].value);
    CHECK(services == std::set<std::string>{"customers", "orders"});
  }
}

TEST_CASE("a collector refuses two services of one name, and no service at all") {
  asio::io_context context;
  const EmptyService first{context, "orders"};
  const EmptyService second{context, "orders"};
  CHECK_THROWS_WITH((cliffracer::PrometheusCollector{first, second}),
                    "PrometheusCollector: two services are named orders");
  const std::vector<const cliffracer::NatsService*> with_null{&first, nullptr};
  CHECK_THROWS_AS(cliffracer::PrometheusCollector{with_null}, std::invalid_argument);
  CHECK(cliffracer::PrometheusCollector{std::vector<const cliffracer::NatsService*>{}}.Collect().empty());
}

TEST_CASE("alert rules and dashboard use metrics and labels that there are") {
  std::set<std::string> known;
  for (const MetricFamily& family : families_of(full_timer())) {
    known.insert(family.name);
    if (family.type != MetricType::Histogram) continue;
    for (const std::string suffix : {"_bucket", "_count", "_sum"}) known.insert(family.name + suffix);
  }
  const std::regex metric{"cliffracer_timer_[a-z0-9_]+"};
  for (const std::string file : {"examples/prometheus/alerts.yml", "examples/prometheus/dashboard.json"}) {
    const std::string text = content_of(file);
    std::set<std::string> used;
    for (std::sregex_iterator match{text.begin(), text.end(), metric}; match != std::sregex_iterator{};
         ++match)
      used.insert(match->str());
    CHECK(used.size() > 5);
    for (const std::string& name : used) {
      INFO(name << " in " << file);
      CHECK(known.contains(name));
    }
  }
}

TEST_CASE("the panels of the dashboard are complete and do not overlap") {
  const auto dashboard = nlohmann::json::parse(content_of("examples/prometheus/dashboard.json"));
  std::set<std::string> variables;
  for (const auto& variable : dashboard.at("templating").at("list"))
    variables.insert(variable.at("name").get<std::string>());
  CHECK(variables == std::set<std::string>{"datasource", "service", "timer"});

  std::set<int> ids;
  std::set<std::pair<int, int>> cells;
  for (const auto& panel : dashboard.at("panels")) {
    INFO(panel.at("title").get<std::string>());
    CHECK(ids.insert(panel.at("id").get<int>()).second);
    CHECK_FALSE(panel.at("description").get<std::string>().empty());
    CHECK(panel.at("datasource").at("uid") == "${datasource}");
    CHECK(panel.at("fieldConfig").at("defaults").contains("unit"));
    CHECK_FALSE(panel.at("targets").empty());
    for (const auto& target : panel.at("targets")) {
      const auto expression = target.at("expr").get<std::string>();
      CHECK(expression.find("service=~\"$service\",timer=~\"$timer\"") != std::string::npos);
    }
    const auto& place = panel.at("gridPos");
    for (int x = place.at("x"); x < place.at("x").get<int>() + place.at("w").get<int>(); ++x) {
      CHECK(x < 24);
      for (int y = place.at("y"); y < place.at("y").get<int>() + place.at("h").get<int>(); ++y)
        CHECK(cells.insert({x, y}).second);
    }
  }
}
