#include "support/captured_log.hpp"
#include "support/catch.hpp"
#include "support/nats_client.hpp"
#include "support/nats_server.hpp"
#include "support/running_service.hpp"
#include "support/stats_invariants.hpp"

#include <cliffracer/cliffracer.hpp>

#include <spdlog/sinks/null_sink.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/signal_set.hpp>

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

// What several threads may do to a service at once. ThreadSanitizer sees what these tests cannot.

using namespace std::chrono_literals;
using cliffracer::listener;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::RunOn;
using cliffracer::ServiceConfig;
using cliffracer::ServiceTimerStats;
using cliffracer::timer;
using cliffracer::TimerStats;
using support::eventually;
using support::no_broker;
using support::Running;
using support::wait;

namespace {

/// Lines are made and thrown away: logging is part of what runs on several threads.
class NoLog {
 public:
  explicit NoLog(std::string name) : name_{std::move(name)} {
    spdlog::register_logger(
        std::make_shared<spdlog::logger>(name_, std::make_shared<spdlog::sinks::null_sink_mt>()));
  }
  NoLog(const NoLog&) = delete;
  NoLog& operator=(const NoLog&) = delete;
  ~NoLog() { spdlog::drop(name_); }

 private:
  std::string name_;
};

/// What went wrong on any thread: the first of it.
class Complaints {
 public:
  void add(const std::string& text) {
    const std::lock_guard lock{mutex_};
    if (first_.empty()) first_ = text;
  }
  [[nodiscard]] std::string first() const {
    const std::lock_guard lock{mutex_};
    return first_;
  }

 private:
  mutable std::mutex mutex_;
  std::string first_;
};

/// The text of a method's failure number `number`: longer than is kept, so that a text from two failures
/// would be seen.
std::string failure_text(std::uint64_t number) {
  std::string text;
  while (text.size() < 300) text += std::to_string(number) + ".";
  return text;
}

/// Takes snapshots of one service on several threads and looks at each, and at each pair that follows.
class Readers {
 public:
  using Extra = std::function<std::string(const TimerStats&)>;

  Readers(const NatsService& service, int threads, Extra extra = {})
      : service_{service}, extra_{std::move(extra)} {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, i] { read(i % 2 == 0); });
    }
  }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;
  ~Readers() { end(); }

  void end() {
    done_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  [[nodiscard]] std::string complaint() const { return complaints_.first(); }
  [[nodiscard]] std::uint64_t snapshots() const { return snapshots_; }

 private:
  void read(bool only_stats) {
    constexpr int in_a_row = 64;
    std::vector<TimerStats> before = service_.get_timer_stats().timers;
    while (!done_) {
      for (int i = 0; i < in_a_row; ++i) {
        std::vector<TimerStats> now =
            only_stats ? service_.get_timer_stats().timers : service_.get_service_info().timers;
        compare(before, now);
        before = std::move(now);
        ++snapshots_;
      }
      // The service shall get its turn on a small machine.
      std::this_thread::sleep_for(100us);
    }
  }

  void compare(const std::vector<TimerStats>& before, const std::vector<TimerStats>& now) {
    if (before.size() != now.size()) return complaints_.add("the number of timers");
    for (std::size_t i = 0; i < now.size(); ++i) {
      for (const auto& violated :
           {support::violated_invariant(now[i]), support::violated_invariant(before[i], now[i]),
            extra_ ? extra_(now[i]) : std::string{}}) {
        if (!violated.empty()) complaints_.add(now[i].name + ": " + violated);
      }
    }
  }

  const NatsService& service_;
  const Extra extra_;
  Complaints complaints_;
  std::atomic<std::uint64_t> snapshots_{0};
  std::atomic<bool> done_{false};
  std::vector<std::thread> threads_;
};

/// Every kind of timer and every way for a run to end.
class Mixed : public NatsService {
 public:
  Mixed() : NatsService{{.name = "mixed", .nats_url = no_broker, .stop_timeout = 30ms, .worker_threads = 1}} {
    add(timer<&Mixed::coroutine>{.interval = 20us, .error_backoff = 0s},
        timer<&Mixed::on_event_loop>{
            .interval = 200us, .max_drift = 0s, .error_backoff = 0s, .run_on = RunOn::event_loop},
        timer<&Mixed::on_worker>{.interval = 50us, .error_backoff = 0s},
        timer<&Mixed::on_same_worker>{.interval = 300us, .error_backoff = 0s},
        timer<&Mixed::hanging>{.interval = 1h, .eager = true});
  }

  struct Runs {
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> thrown{0};
  };
  std::array<Runs, 5> runs;

 private:
  asio::awaitable<void> coroutine() {
    count(runs[0]);
    co_await wait(50us);
  }
  void on_event_loop() { count(runs[1]); }
  void on_worker() { count(runs[2]); }
  void on_same_worker() { count(runs[3]); }
  asio::awaitable<void> hanging() {
    ++runs[4].begun;
    co_await wait(1h);
  }

  static void count(Runs& own) {
    if (++own.begun % 3 == 0) throw std::runtime_error{failure_text(++own.thrown)};
  }
};

}  // namespace

TEST_CASE("four threads see every snapshot in order while timers run, throw, hang, stop and start again") {
  const NoLog no_log{"mixed"};
  Mixed service;
  // A text that two writes made, or that is older or newer than the count beside it, would differ.
  const auto newest_failure = [](const TimerStats& stats) -> std::string {
    if (stats.error_count == 0) return {};
    return stats.last_error == failure_text(stats.error_count).substr(0, 255) ? ""
                                                                              : "last_error of another run";
  };
  Readers readers{service, 4, newest_failure};
  for (int round = 1; round <= 4; ++round) {
    const auto before = service.get_timer_stats();
    const auto snapshots = readers.snapshots();
    Running running{service};
    CHECK(eventually([&] {
      const auto now = service.get_timer_stats();
      for (std::size_t i = 0; i < 4; ++i) {
        if (now.timers[i].execution_count < before.timers[i].execution_count + 300) return false;
      }
      return now.timers[4].is_executing && readers.snapshots() > snapshots + 4'000;
    }));
    running.stop();
    CHECK_FALSE(running.thrown());
    const auto after = service.get_timer_stats();
    CHECK(after.timers[4].cancelled_count == static_cast<std::uint64_t>(round));
  }
  readers.end();
  CHECK(readers.complaint() == "");
  // Counted over all rounds.
  const auto stats = service.get_timer_stats();
  for (std::size_t i = 0; i < stats.timers.size(); ++i) {
    INFO(stats.timers[i].name);
    CHECK_FALSE(stats.timers[i].is_running);
    CHECK_FALSE(stats.timers[i].is_executing);
    CHECK(stats.timers[i].error_count == service.runs[i].thrown);
    // A run that found no worker before the stop never reached its method.
    CHECK(stats.timers[i].execution_count >= service.runs[i].begun);
    CHECK(stats.timers[i].execution_count <= service.runs[i].begun + stats.timers[i].cancelled_count);
  }
}

namespace {

/// Publishes in every way that there is.
class Talking : public NatsService {
 public:
  explicit Talking(const std::string& url)
      : NatsService{{.name = "talking", .nats_url = url, .outbox_max_messages = 200}} {
    add(timer<&Talking::coroutine>{.interval = 1ms}, timer<&Talking::plain>{.interval = 1ms},
        rpc<&Talking::note>{}, listener<&Talking::on_event>{.subject = "talking.events"});
  }

  /// False: refused, which is the end of this link or a full outbox. Throws what neither explains.
  bool say(bool as_event) {
    const nlohmann::json text{{"text", "hello"}};
    try {
      if (as_event) {
        publish_event("talking.events", text);
      } else {
        call_async("talking", "note", text);
      }
      ++accepted;
      return true;
    } catch (const std::system_error& error) {
      ++refused;
      if (error.code() == std::errc::not_connected || error.code() == std::errc::no_buffer_space)
        return false;
      throw;
    }
  }

  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> noted{0};
  std::atomic<std::uint64_t> heard{0};

 private:
  asio::awaitable<void> coroutine() {
    static_cast<void>(say(true));
    co_return;
  }
  void plain() { static_cast<void>(say(false)); }
  nlohmann::json note(const nlohmann::json& arguments) {
    ++noted;
    return arguments;
  }
  asio::awaitable<void> on_event(nlohmann::json) {
    ++heard;
    co_return;
  }
};

/// Threads that publish as long as they are let, and what that threw.
class Speakers {
 public:
  Speakers(Talking& service, int threads) : service_{service}, turn_{threads + 1} {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { speak(i % 2 == 0); });
  }
  Speakers(const Speakers&) = delete;
  Speakers& operator=(const Speakers&) = delete;
  ~Speakers() {
    is_over_ = true;
    begin_round();
    for (auto& thread : threads_) thread.join();
  }

  void begin_round() {
    go_on_ = true;
    turn_.arrive_and_wait();
  }
  void end_round() {
    go_on_ = false;
    turn_.arrive_and_wait();
  }
  [[nodiscard]] std::string complaint() const { return complaints_.first(); }

 private:
  void speak(bool as_event) {
    for (;;) {
      turn_.arrive_and_wait();
      if (is_over_) return;
      try {
        while (go_on_) {
          // Not faster than everybody who reads it.
          std::this_thread::sleep_for(service_.say(as_event) ? 100us : 1000us);
        }
      } catch (const std::exception& error) {
        complaints_.add(error.what());
      }
      turn_.arrive_and_wait();
    }
  }

  Talking& service_;
  std::barrier<> turn_;
  std::atomic<bool> go_on_{false};
  std::atomic<bool> is_over_{false};
  Complaints complaints_;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("threads publish, call and ask for information while the service starts and stops") {
  const NoLog no_log{"talking"};
  Talking service{no_broker};
  Complaints complaints;
  std::atomic<bool> done{false};
  std::thread asking{[&] {
    while (!done) {
      const auto info = service.get_service_info();
      if (info.name != "talking" || info.methods.size() != 1 || info.subjects.size() != 3)
        complaints.add("what a service is does not change");
      if (info.broker.outbox_messages > 200) complaints.add("the outbox has a bound");
      if (info.broker.published > 0 || info.broker.state == "connected") complaints.add("there is no broker");
      for (const auto& stats : info.timers) {
        if (const auto violated = support::violated_invariant(stats); !violated.empty())
          complaints.add(violated);
      }
      std::this_thread::sleep_for(50us);
    }
  }};
  {
    Readers readers{service, 1};
    Speakers speakers{service, 3};
    speakers.begin_round();
    for (int round = 0; round < 5; ++round) {
      const auto accepted = service.accepted.load();
      const auto refused = service.refused.load();
      {
        Running running{service};
        CHECK(eventually([&] {
          return service.get_service_info().is_running && service.accepted > accepted + 100 &&
                 service.refused > refused;
        }));
      }
      CHECK(eventually([&] { return service.refused > refused + 3; }));
    }
    speakers.end_round();
    CHECK(speakers.complaint() == "");
    CHECK(readers.complaint() == "");
  }
  done = true;
  asking.join();
  CHECK(complaints.first() == "");
}

TEST_CASE("what threads publish while a service stops is sent or reported as lost, message by message") {
  const NoLog no_log{"talking"};
  const support::NatsServer server;
  const bool has_broker = GENERATE(true, false);
  support::NatsClient witness{server.port()};
  witness.subscribe("talking.>");
  witness.flush();
  Talking service{has_broker ? server.url() : no_broker};
  std::uint64_t published = 0;
  std::uint64_t unconfirmed = 0;
  {
    Speakers speakers{service, 3};
    for (int round = 0; round < 4; ++round) {
      const auto noted = service.noted.load();
      const auto heard = service.heard.load();
      const auto said = service.accepted + service.refused;
      const auto accepted = service.accepted.load();
      Running running{service};
      REQUIRE(eventually([&] {
        const auto info = service.get_service_info();
        return info.is_running && (!has_broker || info.broker.state == "connected");
      }));
      speakers.begin_round();
      CHECK(eventually([&] {
        if (!has_broker) return service.accepted > accepted + 100;
        return service.noted > noted + 50 && service.heard > heard + 50;
      }));
      running.stop();
      speakers.end_round();
      // Nobody publishes now. Each connection has numbers of its own.
      const auto broker = service.get_service_info().broker;
      CHECK(broker.published + broker.publish_errors == service.accepted + service.refused - said);
      CHECK(broker.outbox_messages == 0);
      published += broker.published;
      unconfirmed += broker.unconfirmed;
    }
    CHECK(speakers.complaint() == "");
  }
  CHECK((published > 0) == has_broker);
  std::uint64_t seen = 0;
  while (seen < published && witness.next(seen + unconfirmed < published ? 5s : 100ms)) ++seen;
  CHECK(seen <= published);
  CHECK(seen + unconfirmed >= published);
}

namespace {

/// Asks itself to stop from each of its timers, once told to.
class StopsItself : public NatsService {
 public:
  static constexpr const char* service_name = "stops_itself";

  explicit StopsItself(std::function<bool()> may_end)
      : NatsService{{.name = service_name, .nats_url = no_broker}}, may_end_{std::move(may_end)} {
    add(timer<&StopsItself::coroutine>{.interval = 200us}, timer<&StopsItself::plain>{.interval = 200us},
        timer<&StopsItself::plain>{
            .interval = 200us, .run_on = RunOn::event_loop, .name = "plain_on_event_loop"});
  }

  std::atomic<bool> now{false};
  std::atomic<int> stops{0};

 private:
  asio::awaitable<void> coroutine() {
    if (now) request_stop();
    co_return;
  }
  void plain() {
    if (now) request_stop();
  }
  asio::awaitable<void> on_stop() override {
    // Not before everybody has asked, the signal among them.
    while (!may_end_()) co_await wait(1ms);
    ++stops;
  }

  std::function<bool()> may_end_;
};

}  // namespace

TEST_CASE("threads, timer methods and signals ask for the same stop at once, again and again") {
  constexpr int rounds = 15;
  constexpr int threads = 3;
  CapturedLog log;
  spdlog::register_logger(
      std::make_shared<spdlog::logger>(StopsItself::service_name, log.logger()->sinks().front()));
  int round = 0;
  std::atomic<int> asked{0};
  StopsItself service{[&] {
    return log.count("signal " + std::to_string(SIGTERM)) == static_cast<std::size_t>(round) &&
           asked == round * (threads + 1);
  }};

  // A signal handler's thread of the user's.
  asio::io_context signal_context;
  asio::signal_set signals{signal_context, SIGUSR1};
  std::function<void(const asio::error_code&, int)> on_signal = [&](const asio::error_code& error, int) {
    if (error) return;
    service.request_stop();
    ++asked;
    signals.async_wait(on_signal);
  };
  signals.async_wait(on_signal);
  std::thread signal_thread{[&] { signal_context.run(); }};

  for (round = 1; round <= rounds; ++round) {
    Running running{service};
    const auto before = service.get_timer_stats();
    REQUIRE(eventually([&] {
      const auto stats = service.get_timer_stats();
      for (std::size_t i = 0; i < stats.timers.size(); ++i) {
        if (stats.timers[i].execution_count < before.timers[i].execution_count + 2) return false;
      }
      return true;
    }));
    std::barrier at_once{threads + 3};
    std::vector<std::thread> asking;
    for (int i = 0; i < threads; ++i) {
      asking.emplace_back([&] {
        at_once.arrive_and_wait();
        service.request_stop();
        ++asked;
      });
    }
    for (const int signal : {SIGTERM, SIGUSR1}) {
      asking.emplace_back([&, signal] {
        at_once.arrive_and_wait();
        ::raise(signal);
      });
    }
    at_once.arrive_and_wait();
    service.now = true;
    for (auto& thread : asking) thread.join();
    running.join();
    service.now = false;
    CHECK_FALSE(running.thrown());
    CHECK(service.stops == round);
    CHECK_FALSE(service.get_service_info().is_running);
  }
  signal_context.stop();
  signal_thread.join();
  for (const auto& stats : service.get_timer_stats().timers) CHECK(support::violated_invariant(stats) == "");
  spdlog::drop(StopsItself::service_name);
}

namespace {

/// In a coroutine: looks every millisecond. False: it did not happen within 10 s.
asio::awaitable<bool> until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) co_return false;
    co_await wait(1ms);
  }
  co_return true;
}

/// Its coroutines and its plain methods on the event loop share an int without a lock.
class OnStrand : public NatsService {
 public:
  OnStrand(asio::io_context& context, std::string name)
      : NatsService{context, {.name = std::move(name), .nats_url = no_broker}} {
    add(timer<&OnStrand::coroutine>{.interval = 100us},
        timer<&OnStrand::plain>{.interval = 100us, .run_on = RunOn::event_loop},
        timer<&OnStrand::on_worker>{.interval = 100us});
  }

  std::atomic<int> ticks{0};

 private:
  asio::awaitable<void> coroutine() {
    ++inside_;
    ++ticks;
    co_await wait(10us);
    ++inside_;
  }
  void plain() { ++inside_; }
  void on_worker() { ++ticks; }

  int inside_ = 0;
};

}  // namespace

TEST_CASE("four threads run the io_context of three services that start and stop on their own") {
  const std::vector<std::string> names{"strand_a", "strand_b", "strand_c"};
  std::vector<std::unique_ptr<NoLog>> no_logs;
  asio::io_context context;
  std::vector<std::unique_ptr<OnStrand>> services;
  for (const auto& name : names) {
    no_logs.push_back(std::make_unique<NoLog>(name));
    services.push_back(std::make_unique<OnStrand>(context, name));
  }
  constexpr int rounds = 8;
  std::atomic<int> rounds_done{0};
  const auto play = [&](OnStrand& service) -> asio::awaitable<void> {
    for (int round = 0; round < rounds; ++round) {
      co_await service.start();
      const int before = service.ticks;
      const std::function<bool()> has_ticked = [&service, before] { return service.ticks > before + 20; };
      const bool ticked = co_await until(has_ticked);
      co_await service.stop();
      if (ticked) ++rounds_done;
    }
  };
  std::vector<std::unique_ptr<Readers>> readers;
  for (const auto& service : services) {
    asio::co_spawn(context, play(*service), asio::detached);
    readers.push_back(std::make_unique<Readers>(*service, 1));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  CHECK(rounds_done == rounds * 3);
  for (std::size_t i = 0; i < services.size(); ++i) {
    readers[i]->end();
    INFO(names[i]);
    CHECK(readers[i]->complaint() == "");
    CHECK_FALSE(services[i]->get_service_info().is_running);
  }
}

namespace {

/// Asks the other one to stop, from a coroutine and from a worker.
class Rival : public NatsService {
 public:
  Rival(asio::io_context& context, const std::string& name)
      : NatsService{context, {.name = name, .nats_url = no_broker}} {
    add_timers();
  }
  explicit Rival(const std::string& name) : NatsService{{.name = name, .nats_url = no_broker}} {
    add_timers();
  }

  NatsService* other = nullptr;
  std::atomic<int> asked{0};
  std::atomic<bool> gives_up{false};  // asks itself, too: nobody else will any more

 private:
  void add_timers() {
    add(timer<&Rival::strike>{.interval = 500us}, timer<&Rival::strike_from_worker>{.interval = 700us});
  }
  asio::awaitable<void> strike() {
    ask();
    co_return;
  }
  void strike_from_worker() { ask(); }
  void ask() {
    ++asked;
    other->request_stop();
    if (gives_up) request_stop();
  }
};

}  // namespace

TEST_CASE("two services on one io_context stop each other from timers and by co_await, again and again") {
  const NoLog no_first_log{"first_rival"};
  const NoLog no_second_log{"second_rival"};
  asio::io_context context;
  Rival first{context, "first_rival"};
  Rival second{context, "second_rival"};
  first.other = &second;
  second.other = &first;
  constexpr int rounds = 40;
  std::atomic<int> starts{0};
  std::atomic<int> ended_starts{0};
  Complaints complaints;
  const auto start = [&](Rival& service) -> asio::awaitable<void> {
    try {
      co_await service.start();
      ++starts;
    } catch (const std::system_error& error) {
      // The other one asked before the start.
      if (error.code() != asio::error::operation_aborted) complaints.add(error.what());
      ++ended_starts;
    } catch (const std::exception& error) {
      complaints.add(error.what());
    }
  };
  const auto play = [&](Rival& own, Rival& others) -> asio::awaitable<void> {
    for (int round = 0; round < rounds; ++round) {
      co_await start(own);
      co_await wait(1ms);
      // Every other time the other one is stopped first, which at the same time stops this one.
      if (round % 2 == 0) co_await others.stop();
      co_await own.stop();
    }
  };
  asio::co_spawn(context, play(first, second), asio::detached);
  asio::co_spawn(context, play(second, first), asio::detached);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  CHECK(complaints.first() == "");
  CHECK(starts + ended_starts == rounds * 2);
  CHECK(starts > 0);
  CHECK(first.asked + second.asked > 0);
  for (const NatsService* service : {static_cast<NatsService*>(&first), static_cast<NatsService*>(&second)}) {
    CHECK_FALSE(service->get_service_info().is_running);
    for (const auto& stats : service->get_timer_stats().timers) {
      CHECK(support::violated_invariant(stats) == "");
      CHECK_FALSE(stats.is_running);
    }
  }
}

TEST_CASE("two services with an io_context each stop each other across threads, again and again") {
  const NoLog no_first_log{"first_rival"};
  const NoLog no_second_log{"second_rival"};
  Rival first{"first_rival"};
  Rival second{"second_rival"};
  first.other = &second;
  second.other = &first;
  constexpr int rounds = 40;
  const auto play = [](Rival& own, Rival& others) {
    for (int round = 0; round < rounds; ++round) own.run();
    others.gives_up = true;
  };
  std::thread other_thread{[&] { play(first, second); }};
  play(second, first);
  other_thread.join();
  CHECK(first.asked + second.asked > 0);
  for (const NatsService* service : {static_cast<NatsService*>(&first), static_cast<NatsService*>(&second)}) {
    CHECK_FALSE(service->get_service_info().is_running);
    for (const auto& stats : service->get_timer_stats().timers)
      CHECK(support::violated_invariant(stats) == "");
  }
}
