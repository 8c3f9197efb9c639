#include "support/catch.hpp"
#include "support/raw_link.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/log_capture.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::listener;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::RpcError;
using cliffracer::ServiceConfig;
using cliffracer::timer;
using cliffracer::testing::Broker;
using cliffracer::testing::LogCapture;
using cliffracer::testing::VirtualTime;

namespace {

using Seconds = std::vector<std::chrono::nanoseconds>;

ServiceConfig named(std::string name) { return {.name = std::move(name)}; }

/// Hears some subjects, and notes when.
class Hearer : public NatsService {
 public:
  Hearer(VirtualTime& time, ServiceConfig config, const std::vector<std::string>& patterns,
         const std::string& group = {})
      : NatsService{std::move(config)}, time_{time} {
    for (const auto& subject : patterns)
      add(listener<&Hearer::hear>{.subject = subject, .queue_group = group});
  }

  asio::awaitable<void> hear(std::string_view subject, nlohmann::json data) {
    subjects.emplace_back(subject);
    numbers.push_back(data.value("n", 0));
    instants.push_back(time_.elapsed());
    co_return;
  }

  std::vector<std::string> subjects;
  std::vector<int> numbers;
  Seconds instants;

 private:
  VirtualTime& time_;
};

/// Answers.
class Answerer : public NatsService {
 public:
  explicit Answerer(ServiceConfig config = named("answerer")) : NatsService{std::move(config)} {
    add(rpc<&Answerer::twice>{}, rpc<&Answerer::fails>{}, rpc<&Answerer::slow>{}, rpc<&Answerer::tells>{});
  }
  asio::awaitable<int> twice(nlohmann::json arguments) {
    ++calls;
    co_return 2 * arguments.value("n", 0);
  }
  asio::awaitable<void> fails() {
    throw std::runtime_error{"out of stock"};
    co_return;
  }
  asio::awaitable<void> slow() { co_await sleep_for(1h); }
  asio::awaitable<void> tells() {
    publish_event("told.it", {{"n", 1}});
    co_return;
  }
  int calls = 0;
};

/// Says a number each second.
class Ticker : public NatsService {
 public:
  explicit Ticker(ServiceConfig config = named("ticker")) : NatsService{std::move(config)} {
    add(timer<&Ticker::tick>{.interval = 1s});
  }
  asio::awaitable<void> tick() {
    publish_event("tick", {{"n", ++n}});
    co_return;
  }
  int n = 0;
};

asio::awaitable<nlohmann::json> call(NatsService& caller, std::string method, nlohmann::json arguments = {},
                                     std::string service = "answerer") {
  return caller.call_rpc(std::move(service), std::move(method), std::move(arguments));
}

std::optional<RpcError::Reason> failure_of_call(VirtualTime& time, NatsService& caller, std::string service,
                                                std::string method) {
  try {
    static_cast<void>(time.run(call(caller, std::move(method), {}, std::move(service))));
  } catch (const RpcError& error) {
    return error.reason();
  }
  return std::nullopt;
}

bool times_out(VirtualTime& time, asio::awaitable<nlohmann::json> calling) {
  try {
    static_cast<void>(time.run(std::move(calling)));
  } catch (const std::system_error& error) {
    return error.code() == asio::error::timed_out;
  }
  return false;
}

auto broker_info(const NatsService& service) { return service.get_service_info().broker; }

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

}  // namespace

TEST_CASE("an event goes to everybody who listens, at the instant of its publishing") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>();
  const auto first = time.make<Hearer>(time, named("first"), std::vector<std::string>{"tick"});
  const auto second = time.make<Hearer>(time, named("second"), std::vector<std::string>{">"});
  const auto deaf = time.make<Hearer>(time, named("deaf"), std::vector<std::string>{"tick.*"});
  time.start(*ticker);
  time.start(*first);
  time.start(*second);
  time.start(*deaf);
  time.advance(3s);
  CHECK(first->numbers == from_to(1, 3));
  CHECK(first->instants == Seconds{1s, 2s, 3s});
  CHECK(second->subjects == std::vector<std::string>(3, "tick"));
  CHECK(deaf->numbers.empty());
  CHECK(broker.delivered() == 6);
  CHECK(broker_info(*ticker).published == 3);
  CHECK(broker_info(*first).received == 3);
}

TEST_CASE("subscriptions of one service that overlap get a copy each") {
  VirtualTime time;
  Broker broker{time};
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"a.*", "a.>", "*.b"});
  time.start(*hearer);
  broker.publish("a.b", {{"n", 1}});
  broker.publish("a.b.c", {{"n", 2}});
  time.settle();
  auto numbers = hearer->numbers;
  std::sort(numbers.begin(), numbers.end());
  CHECK(numbers == std::vector<int>{1, 1, 1, 2});
}

TEST_CASE("a message goes to one member of each queue group, which the seed decides") {
  const auto shares = [](std::uint64_t seed) {
    VirtualTime time;
    Broker broker{time, {.seed = seed}};
    const std::vector<std::string> subjects{"job.*"};
    const auto one = time.make<Hearer>(time, named("one"), subjects, "workers");
    // A group is one also over different subjects.
    const auto two = time.make<Hearer>(time, named("two"), std::vector<std::string>{"job.>"}, "workers");
    const auto other = time.make<Hearer>(time, named("other"), subjects, "others");
    time.start(*one);
    time.start(*two);
    time.start(*other);
    for (int n = 1; n <= 100; ++n) broker.publish("job.x", {{"n", n}});
    time.settle();
    CHECK(other->numbers == from_to(1, 100));
    auto all = one->numbers;
    all.insert(all.end(), two->numbers.begin(), two->numbers.end());
    std::sort(all.begin(), all.end());
    CHECK(all == from_to(1, 100));
    CHECK(one->numbers.size() > 20);
    CHECK(two->numbers.size() > 20);
    return one->numbers;
  };
  CHECK(shares(1) == shares(1));
  CHECK(shares(1) != shares(2));
}

TEST_CASE("services call each other, and the test calls them") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  const auto caller = time.make<NatsService>(ServiceConfig{.name = "caller", .request_timeout = 5s});
  time.start(*answerer);
  time.start(*caller);
  CHECK(time.run(call(*caller, "twice", {{"n", 21}})) == 42);
  CHECK(time.run(broker.call_rpc("answerer", "twice", {{"n", 4}})) == 8);
  CHECK(failure_of_call(time, *caller, "answerer", "fails") == RpcError::Reason::remote);
  CHECK(failure_of_call(time, *caller, "nobody", "home") == RpcError::Reason::no_responders);
  CHECK_THROWS_AS(time.run(broker.call_rpc("nobody", "home")), RpcError);
  CHECK_THROWS_AS(time.run(broker.call_rpc("not one token", "home")), std::invalid_argument);
  CHECK(time.elapsed() == 0s);
  CHECK(times_out(time, call(*caller, "slow")));
  CHECK(time.elapsed() == 5s);
  CHECK(times_out(time, broker.call_rpc("answerer", "slow", {}, 10s)));
  CHECK(time.elapsed() == 15s);
  const int before = answerer->calls;
  caller->call_async("answerer", "twice");
  time.settle();
  CHECK(answerer->calls == before + 1);
}

TEST_CASE("a correlation id travels with what it leads to") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  time.start(*answerer);
  broker.publish("answerer.async.tells", nlohmann::json::object(), "id-7");
  time.settle();
  const auto told = broker.events("told.*");
  REQUIRE(told.size() == 1);
  CHECK(told[0].correlation_id == "id-7");
  CHECK(told[0].service == "answerer");
}

namespace {

/// Calls the answerer when it hears something, and tells.
class Relay : public NatsService {
 public:
  Relay() : NatsService{named("relay")} { add(listener<&Relay::on_go>{.subject = "go"}); }
  asio::awaitable<void> on_go(nlohmann::json data) {
    publish_event("relay.before", nlohmann::json::object());
    nlohmann::json arguments = {{"n", 1}};
    static_cast<void>(co_await call_rpc("answerer", "twice", arguments));
    call_async("answerer", "tells", data);
  }
};

/// Trace and span of what was published there, which is one message.
std::string trace_of(const Broker& broker, std::string_view pattern) {
  const auto events = broker.events(pattern);
  REQUIRE(events.size() == 1);
  return events.front().traceparent.substr(3, 32);
}
std::string span_of(const Broker& broker, std::string_view pattern) {
  return broker.events(pattern).at(0).traceparent.substr(36, 16);
}

}  // namespace

TEST_CASE("a trace goes through all services, in which each piece of work has a span") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  const auto relay = time.make<Relay>();
  time.start(*answerer);
  time.start(*relay);
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  broker.publish("go", nlohmann::json::object(), {}, "00-" + id + "-b7ad6b7169203331-01");
  time.settle();
  for (const char* subject : {"relay.before", "answerer.rpc.twice", "answerer.async.tells", "told.it"}) {
    INFO(subject);
    CHECK(trace_of(broker, subject) == id);
  }
  CHECK(trace_of(broker, "_INBOX.>") == id);
  // One piece of work has sent all of them, and each receiver is another.
  CHECK(span_of(broker, "relay.before") != "b7ad6b7169203331");
  CHECK(span_of(broker, "answerer.rpc.twice") == span_of(broker, "relay.before"));
  CHECK(span_of(broker, "answerer.async.tells") == span_of(broker, "relay.before"));
  CHECK(span_of(broker, "_INBOX.>") != span_of(broker, "relay.before"));
  CHECK(span_of(broker, "told.it") != span_of(broker, "relay.before"));

  // What is no traceparent is ignored: a trace begins there.
  broker.clear_events();
  broker.publish("go", nlohmann::json::object(), {}, "00-" + id + "-0000000000000000-01");
  time.settle();
  CHECK(trace_of(broker, "told.it").size() == 32);
  CHECK(trace_of(broker, "told.it") != id);
  CHECK(trace_of(broker, "told.it") == trace_of(broker, "answerer.rpc.twice"));

  // Outside of any work each message begins one.
  broker.clear_events();
  relay->publish_event("out.one", nlohmann::json::object());
  relay->publish_event("out.two", nlohmann::json::object());
  time.settle();
  CHECK(trace_of(broker, "out.one").size() == 32);
  CHECK(trace_of(broker, "out.one") != trace_of(broker, "out.two"));
}

TEST_CASE("a failed call's reply has the headers of the services protocol") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  time.start(*answerer);
  CHECK_THROWS_AS(time.run(broker.call_rpc("answerer", "fails")), RpcError);
  const auto replies = broker.events("_INBOX.>");
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].service_error == "out of stock");
  CHECK(replies[0].service_error_code == 500);
  CHECK(replies[0].payload.at("error") == "out of stock");
}

TEST_CASE("what was published can be asked for, calls only where they are asked for") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  const auto ticker = time.make<Ticker>();
  time.start(*answerer);
  time.start(*ticker);
  time.advance(2s);
  broker.publish("test.a", {{"x", 1}});
  broker.publish_text("test.b", "no JSON");
  CHECK(time.run(broker.call_rpc("answerer", "twice", {{"n", 1}})) == 2);

  const auto events = broker.events();
  REQUIRE(events.size() == 4);
  CHECK(events[1].at == 2s);
  CHECK(events[1].service == "ticker");
  CHECK(events[1].subject == "tick");
  CHECK(events[1].payload == nlohmann::json{{"n", 2}});
  CHECK(events[2].service.empty());
  CHECK(events[3].payload == "no JSON");
  CHECK(broker.events("test.*").size() == 2);
  CHECK(broker.events("answerer.rpc.*").size() == 1);
  CHECK(broker.events(">").size() == 6);
  CHECK_THROWS_AS(broker.events("a..b"), std::invalid_argument);
  broker.clear_events();
  CHECK(broker.events(">").empty());

  VirtualTime other_time;
  Broker forgetful{other_time, {.keep_events = false}};
  forgetful.publish("a", {{"x", 1}});
  CHECK(forgetful.events(">").empty());
}

TEST_CASE("a listener to everything hears requests and their replies, too") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{">"});
  time.start(*answerer);
  time.start(*hearer);
  CHECK(time.run(broker.call_rpc("answerer", "twice", {{"n", 1}})) == 2);
  REQUIRE(hearer->subjects.size() == 2);
  CHECK(hearer->subjects[0] == "answerer.rpc.twice");
  CHECK(hearer->subjects[1].find("_INBOX.") == 0);
}

TEST_CASE("latency is the time from the broker to a receiver, and nothing is overtaken") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>();
  const auto answerer = time.make<Answerer>();
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
  time.start(*ticker);
  time.start(*answerer);
  time.start(*hearer);
  broker.set_latency(200ms);
  time.advance(2s);
  CHECK(hearer->instants == Seconds{1200ms});
  CHECK(broker.events("tick").back().at == 2s);
  static_cast<void>(time.run(broker.call_rpc("answerer", "twice")));
  CHECK(time.elapsed() == 2400ms);
  // Later, and no faster than what is on its way.
  broker.set_latency(5s);
  time.run_until(3s);
  broker.set_latency(0s);
  time.run_until(7999ms);
  CHECK(hearer->numbers == from_to(1, 2));
  time.run_until(8s);
  CHECK(hearer->numbers == from_to(1, 8));
  CHECK_THROWS_AS(broker.set_latency(-1ns), std::invalid_argument);
  CHECK_THROWS_AS(broker.set_latency(2s, 1s), std::invalid_argument);
}

TEST_CASE("latency between two bounds, and loss, are the same for the same seed") {
  const auto history = [](std::uint64_t seed) {
    VirtualTime time{{.seed = seed}};
    Broker broker{time};
    broker.set_latency(10ms, 300ms);
    broker.set_loss(0.25);
    const auto ticker = time.make<Ticker>();
    const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
    time.start(*ticker);
    time.start(*hearer);
    time.advance(1000s);
    CHECK(std::is_sorted(hearer->numbers.begin(), hearer->numbers.end()));
    for (std::size_t n = 0; n < hearer->numbers.size(); ++n) {
      const auto delay = hearer->instants[n] - std::chrono::seconds{hearer->numbers[n]};
      if (delay < 10ms || delay > 300ms) FAIL("a delay of " << delay.count() << " ns");
    }
    CHECK(broker.lost() > 200);
    CHECK(broker.lost() < 300);
    return hearer->instants;
  };
  CHECK(history(1) == history(1));
  CHECK(history(1) != history(2));
}

TEST_CASE("loss of everything leaves a call without an answer") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  time.start(*answerer);
  broker.set_loss(1);
  CHECK(times_out(time, broker.call_rpc("answerer", "twice", {}, 1s)));
  CHECK(broker.lost() == 1);
  CHECK(answerer->calls == 0);
  broker.set_loss(0);
  CHECK(time.run(broker.call_rpc("answerer", "twice")) == 0);
  CHECK_THROWS_AS(broker.set_loss(1.01), std::invalid_argument);
  CHECK_THROWS_AS(broker.set_loss(-0.01), std::invalid_argument);
}

TEST_CASE("what a service sends to itself arrives behind what has waited for the end of a partition") {
  /// Says something each second, and hears all that is said.
  class Talker : public NatsService {
   public:
    Talker() : NatsService{ServiceConfig{.name = "talker"}} {
      add(timer<&Talker::talk>{.interval = 1s}, listener<&Talker::hear>{.subject = "said"});
    }
    asio::awaitable<void> talk() {
      publish_event("said", {{"n", ++said_}});
      co_return;
    }
    asio::awaitable<void> hear(nlohmann::json data) {
      heard.push_back(data.value("n", 0));
      co_return;
    }
    std::vector<int> heard;

   private:
    int said_ = 0;
  };
  VirtualTime time;
  Broker broker{time};
  const auto talker = time.make<Talker>();
  time.start(*talker);
  time.advance(1500ms);
  broker.partition("talker");
  broker.publish("said", {{"n", 100}});
  time.advance(1s);
  broker.heal("talker");
  time.advance(1s);
  CHECK(talker->heard == std::vector<int>{1, 100, 2, 3});
}

TEST_CASE("a partition that heals before it is noticed delays messages, both ways") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>();
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
  time.start(*ticker);
  time.start(*hearer);
  time.advance(1s);

  broker.partition("ticker");
  time.advance(5s);
  CHECK(hearer->numbers == from_to(1, 1));
  // As a broker that confirms nothing: one batch, and the rest waits.
  CHECK(broker_info(*ticker).published == 2);
  CHECK(broker_info(*ticker).outbox_messages == 4);
  broker.heal("ticker");
  time.settle();
  CHECK(hearer->numbers == from_to(1, 6));
  CHECK(hearer->instants.back() == 6s);

  broker.partition("hearer", "somebody else");
  time.advance(5s);
  CHECK(hearer->numbers == from_to(1, 6));
  broker.heal();
  time.settle();
  CHECK(hearer->numbers == from_to(1, 11));
  time.advance(1h);
  CHECK(broker_info(*ticker).unconfirmed == 0);
  CHECK(broker_info(*ticker).reconnects == 0);
  CHECK(broker_info(*hearer).reconnects == 0);
  CHECK(broker.lost() == 0);
}

TEST_CASE("a partition that lasts costs the connection, and what was sent on it is unconfirmed") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>();
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
  LogCapture log{"ticker"};
  time.start(*ticker);
  time.start(*hearer);
  time.advance(500ms);
  broker.partition("ticker");
  time.advance(6s - 1ns);
  CHECK(broker_info(*ticker).state == "connected");
  time.advance(1ns);
  CHECK(broker_info(*ticker).state == "reconnecting");
  CHECK(broker_info(*ticker).unconfirmed == 1);
  CHECK(broker_info(*ticker).last_error == "no route to host");
  CHECK(log.count("lost the connection to NATS: stale connection, may have lost 1 message") == 1);
  time.run_until(20200ms);
  CHECK(hearer->numbers.empty());
  broker.heal();
  time.advance(2s);
  CHECK(broker_info(*ticker).state == "connected");
  CHECK(broker_info(*ticker).reconnects == 1);
  CHECK(log.count("reconnected to NATS") == 1);
  // The first was on the connection.
  CHECK(hearer->numbers == from_to(2, 22));
}

TEST_CASE("what the broker has sent to a receiver that is cut off for long is lost") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>();
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
  time.start(*ticker);
  time.start(*hearer);
  time.advance(2500ms);
  time.call_at(4500ms, [&] { broker.partition("hearer"); });
  time.call_at(30500ms, [&] { broker.heal("hearer"); });
  time.run_until(40s);
  // 5 to 10 were sent and never arrived; then nobody had subscribed.
  CHECK(broker.lost() == 6);
  REQUIRE(hearer->numbers.size() >= 12);
  CHECK(std::vector<int>(hearer->numbers.begin(), hearer->numbers.begin() + 4) == from_to(1, 4));
  CHECK(hearer->numbers[4] >= 31);
  CHECK(hearer->numbers[4] <= 33);
  CHECK(hearer->numbers.back() == 40);
}

TEST_CASE("a service that starts in a partition connects when it is over") {
  VirtualTime time;
  Broker broker{time};
  broker.partition("ticker");
  const auto ticker = time.make<Ticker>();
  time.start(*ticker);
  time.advance(9500ms);
  CHECK(broker_info(*ticker).state == "connecting");
  CHECK(broker.events().empty());
  broker.heal("ticker");
  time.advance(600ms);
  CHECK(broker_info(*ticker).state == "connected");
  CHECK(broker.events().size() == 10);
}

TEST_CASE("in an outage connections end, what is on its way is lost, what is published waits") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>(ServiceConfig{.name = "ticker", .reconnect_time_wait = 3s});
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
  time.start(*ticker);
  time.start(*hearer);
  broker.set_latency(100ms);
  time.run_until(10s);
  broker.stop();
  time.settle();
  CHECK(broker.lost() == 1);
  CHECK(broker_info(*ticker).state == "reconnecting");
  CHECK(broker_info(*ticker).last_error == "connection refused");
  CHECK_THROWS_AS(broker.publish("a", {{"x", 1}}), std::system_error);
  CHECK_THROWS_AS(time.run(broker.call_rpc("a", "b")), std::system_error);
  time.run_until(60500ms);
  CHECK(hearer->numbers == from_to(1, 9));
  CHECK(broker_info(*ticker).outbox_messages == 50);
  broker.start();
  // The sender tries each 3 s, the receiver each 2 s.
  time.run_until(80s);
  CHECK(broker_info(*ticker).outbox_messages == 0);
  CHECK(broker_info(*ticker).unconfirmed == 0);
  CHECK(hearer->numbers.back() == 79);
  CHECK(broker.events("tick").size() == 80);
}

TEST_CASE("a service gives up after max_reconnect_attempts") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>(ServiceConfig{.name = "ticker", .max_reconnect_attempts = 3});
  LogCapture log{"ticker"};
  time.start(*ticker);
  time.advance(10500ms);
  broker.stop();
  time.advance(1min);
  CHECK(log.count("gives up on NATS after 3 failed attempts in a row") == 1);
  CHECK(broker_info(*ticker).state == "closed");
  CHECK_THROWS_AS(ticker->publish_event("a", {{"x", 1}}), std::system_error);
  broker.start();
  time.advance(1min);
  CHECK(broker_info(*ticker).state == "closed");
}

TEST_CASE("messages above max_payload are refused, or lost with a line when that was not known in time") {
  VirtualTime time;
  Broker broker{time, {.max_payload = 100}};
  broker.stop();
  const auto ticker = time.make<Ticker>();
  LogCapture log{"ticker"};
  time.start(*ticker);
  const nlohmann::json large{{"text", std::string(100, 'x')}};
  ticker->publish_event("a", large);
  ticker->publish_event("a", {{"small", 1}});
  broker.start();
  time.advance(2s);
  CHECK(log.count("lost 1 message to a: Maximum Payload") == 1);
  CHECK(broker.events("a").size() == 1);
  CHECK(broker_info(*ticker).publish_errors == 1);
  try {
    ticker->publish_event("a", large);
    FAIL("not refused");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::message_size);
  }
  CHECK_THROWS_AS(broker.publish("a", large), std::system_error);
}

TEST_CASE("what is not the JSON that a service takes is refused as in production") {
  VirtualTime time;
  Broker broker{time};
  const auto hearer =
      time.make<Hearer>(time, ServiceConfig{.name = "hearer", .max_payload_bytes = 50, .max_json_depth = 4},
                        std::vector<std::string>{"a"});
  LogCapture log{"hearer"};
  time.start(*hearer);
  broker.publish_text("a", "{no JSON");
  broker.publish_text("a", R"({"n":[[[[[]]]]]})");
  broker.publish_text("a", R"({"text":")" + std::string(50, 'x') + "\"}");
  broker.publish_text("a", "[1]");
  broker.publish_text("a", "");
  broker.publish_text("a", R"({"n":5})");
  time.settle();
  CHECK(hearer->numbers == std::vector<int>{0, 5});
  CHECK(log.count("refused") == 4);
  CHECK_THROWS_AS(broker.publish("a.*", {{"x", 1}}), std::invalid_argument);
}

TEST_CASE("a service that has stopped hears and answers nothing, until it is started again") {
  VirtualTime time;
  Broker broker{time};
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"tick"});
  auto answerer = time.make<Answerer>();
  time.start(*hearer);
  time.start(*answerer);
  broker.publish("tick", {{"n", 1}});
  time.settle();
  broker.set_latency(1s);
  broker.publish("tick", {{"n", 2}});
  broker.publish("answerer.async.twice", {{"n", 2}});
  // On their way to nobody.
  time.stop(*hearer);
  answerer.reset();
  time.advance(10s);
  CHECK(hearer->numbers == std::vector<int>{1});
  CHECK(broker.lost() == 2);
  CHECK_THROWS_AS(time.run(broker.call_rpc("answerer", "twice")), RpcError);
  time.start(*hearer);
  broker.set_latency(0s);
  broker.publish("tick", {{"n", 3}});
  time.settle();
  CHECK(hearer->numbers == std::vector<int>{1, 3});
  time.stop(*hearer);
  CHECK_FALSE(time.run_next());
}

TEST_CASE("while a service stops it hears no events any more, and can still call") {
  class Last : public NatsService {
   public:
    Last() : NatsService{{.name = "last"}} { add(listener<&Last::hear>{.subject = "tick"}); }
    asio::awaitable<void> hear(nlohmann::json) {
      ++heard;
      co_return;
    }
    asio::awaitable<void> on_stop() override {
      publish_event("tick", {{"n", 1}});
      nlohmann::json arguments{{"n", 3}};
      answer = co_await call_rpc("answerer", "twice", std::move(arguments));
    }
    int heard = 0;
    nlohmann::json answer;
  };
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  const auto last = time.make<Last>();
  time.start(*answerer);
  time.start(*last);
  broker.set_latency(100ms);
  broker.publish("tick", {{"n", 1}});
  time.stop(*last);
  CHECK(last->answer == 6);
  CHECK(last->heard == 0);
  CHECK(broker.events("tick").size() == 2);
  // One was on its way, one was published when nobody listened any more.
  CHECK(broker.lost() == 1);
  CHECK(broker_info(*last).received == 1);
}

TEST_CASE("a stop in a partition ends within stop_timeout and says what may be lost") {
  VirtualTime time;
  Broker broker{time};
  const auto ticker = time.make<Ticker>(ServiceConfig{.name = "ticker", .stop_timeout = 2s});
  LogCapture log{"ticker"};
  time.start(*ticker);
  time.advance(500ms);
  broker.partition("ticker");
  time.advance(3s);
  time.stop(*ticker);
  CHECK(time.elapsed() == 5500ms);
  CHECK(log.count("may have lost 1 message: NATS did not confirm in time") == 1);
  CHECK(log.count("lost 2 messages for NATS") == 1);
  CHECK(broker_info(*ticker).unconfirmed == 1);
  CHECK(broker_info(*ticker).publish_errors == 2);
}

TEST_CASE("what plain methods publish on worker threads arrives before time moves") {
  class Worker : public NatsService {
   public:
    Worker() : NatsService{{.name = "worker"}} {
      add(timer<&Worker::work>{.interval = 1s}, timer<&Worker::work>{.interval = 1s, .name = "second"},
          timer<&Worker::work>{.interval = 1s, .name = "third"});
    }
    void work() {
      for (int n = 0; n < 100; ++n) publish_event("work", {{"n", n}});
    }
  };
  VirtualTime time;
  Broker broker{time};
  const auto worker = time.make<Worker>();
  const auto hearer = time.make<Hearer>(time, named("hearer"), std::vector<std::string>{"work"});
  time.start(*worker);
  time.start(*hearer);
  for (int second = 1; second <= 20; ++second) {
    time.advance(1s);
    CHECK(broker.events().size() == static_cast<std::size_t>(second) * 300);
    CHECK(hearer->numbers.size() == static_cast<std::size_t>(second) * 300);
  }
  CHECK(broker.events().back().at == 20s);
}

TEST_CASE("services go on without a broker that has gone, and find the next one") {
  VirtualTime time;
  const auto ticker = time.make<Ticker>();
  const auto idle = time.make<Answerer>();
  {
    Broker broker{time};
    CHECK_THROWS_AS(Broker{time}, std::logic_error);
    time.start(*ticker);
    time.start(*idle);
    broker.set_latency(1s);
    broker.publish("answerer.async.twice", {{"n", 1}});
    time.advance(500ms);
    broker.publish("answerer.async.twice", {{"n", 1}});
  }
  time.advance(10s);
  CHECK(ticker->n == 10);
  CHECK(idle->calls == 0);
  CHECK(broker_info(*ticker).state == "reconnecting");
  time.stop(*ticker);
  Broker broker{time};
  time.start(*ticker);
  time.advance(2s);
  CHECK(broker.events("tick").size() == 2);
}

TEST_CASE("a test may end with messages on their way and calls without an answer") {
  VirtualTime time;
  Broker broker{time};
  const auto answerer = time.make<Answerer>();
  time.start(*answerer);
  broker.set_latency(1s);
  broker.publish("answerer.async.slow", nlohmann::json::object());
  asio::co_spawn(time.context(), broker.call_rpc("answerer", "twice"), asio::detached);
  time.advance(500ms);
  broker.publish("answerer.async.slow", nlohmann::json::object());
  CHECK(broker.delivered() == 0);
}

namespace {

using Json = nlohmann::json;

/// A key-value bucket, and a connection that uses it.
struct Bucket {
  Bucket() {
    static_cast<void>(
        ask("$JS.API.STREAM.CREATE.KV_b",
            Json{{"name", "KV_b"}, {"subjects", {"$KV.b.>"}}, {"max_msgs_per_subject", 1}}.dump()));
  }
  ~Bucket() { time.run(link.close()); }

  Json ask(std::string subject, std::string payload, std::optional<std::uint64_t> expected = {}) {
    return time.run(link.request(std::move(subject), std::move(payload), expected));
  }
  /// The sequence number with which `key` is the caller's; 0: it is somebody else's.
  int claim(const std::string& key, const std::string& owner) {
    return ask("$KV.b." + key, owner, 0).at("seq").get<int>();
  }
  bool claim_has_no_answer(const std::string& key) {
    return times_out(time, link.request("$KV.b." + key, "me", 0));
  }
  std::string owner(const std::string& key) {
    const auto stored = broker.stored("$KV.b." + key);
    return stored.empty() ? "nobody" : stored.back().payload;
  }

  VirtualTime time;
  Broker broker{time};
  support::RawLink link{time.context(), named("raw")};
};

}  // namespace

TEST_CASE("a key of a bucket is created once, however many try") {
  Bucket bucket;
  CHECK(bucket.claim("t.1", "me") == 1);
  CHECK(bucket.claim("t.1", "you") == 0);
  CHECK(bucket.claim("t.2", "you") == 2);
  CHECK(bucket.owner("t.1") == "me");
  const auto stored = bucket.broker.stored("$KV.b.>");
  REQUIRE(stored.size() == 2);
  CHECK(stored[1].subject == "$KV.b.t.2");
  CHECK(stored[1].payload == "you");
  CHECK(stored[1].sequence == 2);
  CHECK(bucket.broker.stored("$KV.b.t.3").empty());
  CHECK(bucket.broker.events("_INBOX.>").back().service == "$JS");
  CHECK(bucket.time.elapsed() == 0s);
}

TEST_CASE("a bucket that is deleted is gone with all its keys") {
  Bucket bucket;
  CHECK(bucket.claim("t.1", "me") == 1);
  CHECK(bucket.ask("$JS.API.STREAM.DELETE.KV_b", "").at("success") == true);
  CHECK(bucket.broker.stored("$KV.b.>").empty());
  CHECK_THROWS_AS(bucket.claim("t.1", "you"), RpcError);
  CHECK(bucket.ask("$JS.API.STREAM.DELETE.KV_b", "").at("error").at("err_code") == 10059);
}

TEST_CASE("what JetStream stores is heard by those who listen there, too") {
  Bucket bucket;
  const auto hearer =
      bucket.time.make<Hearer>(bucket.time, named("hearer"), std::vector<std::string>{"$KV.>"});
  bucket.time.start(*hearer);
  bucket.broker.publish("$KV.b.t.owner", {{"n", 1}});
  CHECK(bucket.ask("$KV.b.t.owner", R"({"n":2})").at("seq") == 2);
  // Also what it does not store.
  CHECK(bucket.ask("$KV.b.t.owner", R"({"n":3})", 1).contains("error"));
  bucket.time.settle();
  CHECK(hearer->numbers == from_to(1, 3));
  CHECK(bucket.owner("t.owner") == R"({"n":2})");
}

TEST_CASE("without JetStream, or without a stream, nobody answers") {
  Bucket bucket;
  CHECK_THROWS_AS(bucket.ask("$KV.other.t.1", "me", 0), RpcError);
  CHECK(bucket.claim("t.1", "me") == 1);
  bucket.broker.set_store({.is_off = true});
  CHECK_THROWS_AS(bucket.claim("t.2", "me"), RpcError);
  CHECK_THROWS_AS(bucket.ask("$JS.API.STREAM.INFO.KV_b", ""), RpcError);
  bucket.broker.set_store();
  CHECK(bucket.owner("t.2") == "nobody");
  CHECK(bucket.claim("t.1", "me") == 0);
}

TEST_CASE("an outage loses nothing that is stored, and all that was not answered yet") {
  Bucket bucket;
  CHECK(bucket.claim("t.1", "me") == 1);
  bucket.broker.set_store({.request_delay = {1s, 1s}});
  bucket.link.publish("$KV.b.t.2", "me", 0);
  bucket.time.advance(500ms);
  bucket.broker.stop();
  bucket.broker.start();
  bucket.time.advance(5s);
  CHECK(bucket.owner("t.1") == "me");
  CHECK(bucket.owner("t.2") == "nobody");
}

TEST_CASE("a slow JetStream applies what it was asked for in order, and answers later") {
  Bucket bucket;
  bucket.broker.set_store({.request_delay = {1s, 1s}, .answer_delay = {500ms, 500ms}});
  CHECK(bucket.claim("t.1", "me") == 1);
  CHECK(bucket.time.elapsed() == 1500ms);
  // Too slow for its caller: applied all the same, before what comes after it.
  bucket.broker.set_store({.request_delay = {3s, 3s}});
  CHECK(bucket.claim_has_no_answer("t.2"));
  CHECK(bucket.owner("t.2") == "nobody");
  bucket.broker.set_store();
  CHECK(bucket.claim("t.2", "you") == 0);
  CHECK(bucket.owner("t.2") == "me");
  CHECK(bucket.time.elapsed() == 4500ms);
  CHECK_THROWS_AS(bucket.broker.set_store({.answer_delay = {2s, 1s}}), std::invalid_argument);
}

TEST_CASE("delays of JetStream are the same for the same seed") {
  const auto history = [](std::uint64_t seed) {
    VirtualTime time;
    Broker broker{time, {.seed = seed}};
    broker.set_store({.request_delay = {1ms, 1s}, .answer_delay = {0s, 1s}, .lost_answers = 0.2});
    Seconds answered;
    support::RawLink link{time.context(), named("raw")};
    for (int n = 0; n < 50; ++n) {
      if (!times_out(time, link.request("$JS.API.STREAM.INFO.x", ""))) answered.push_back(time.elapsed());
    }
    time.run(link.close());
    return answered;
  };
  CHECK(history(1) == history(1));
  CHECK(history(1) != history(2));
}

TEST_CASE("requests and answers of JetStream get lost") {
  Bucket bucket;
  bucket.broker.set_store({.lost_requests = 1});
  CHECK(bucket.claim_has_no_answer("t.1"));
  CHECK(bucket.owner("t.1") == "nobody");
  bucket.broker.set_store({.lost_answers = 1});
  CHECK(bucket.claim_has_no_answer("t.1"));
  CHECK(bucket.owner("t.1") == "me");
  bucket.broker.set_store();
  CHECK(bucket.claim("t.1", "me") == 0);
  CHECK_THROWS_AS(bucket.broker.set_store({.lost_answers = 1.1}), std::invalid_argument);
}

TEST_CASE("JetStream forgets what it has acknowledged") {
  Bucket bucket;
  for (int n = 1; n <= 3; ++n) CHECK(bucket.claim("t." + std::to_string(n), "me") == n);
  bucket.broker.forget(2);
  CHECK(bucket.owner("t.1") == "me");
  CHECK(bucket.claim("t.2", "you") == 2);
  bucket.broker.set_store({.forgotten_writes = 1});
  CHECK(bucket.claim("t.9", "me") == 3);
  CHECK(bucket.claim("t.9", "you") == 3);
  CHECK(bucket.owner("t.9") == "nobody");
}
