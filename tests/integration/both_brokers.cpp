// What users' services do between them is the same on a nats-server in real time and on the in-process broker
// in virtual time: each script here is played on both.
#include "support/catch.hpp"
#include "support/raw_link.hpp"
#include "support/stage.hpp"

#include <cliffracer/cliffracer.hpp>
#include <cliffracer/testing/log_capture.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::listener;
using cliffracer::NatsService;
using cliffracer::rpc;
using cliffracer::RpcError;
using cliffracer::ServiceConfig;
using cliffracer::testing::LogCapture;
using support::Actor;
using support::Doorkeeper;
using support::RealStage;
using support::VirtualStage;

namespace {

using Lines = std::vector<std::string>;

struct Pair {
  int left = 0;
  int right = 0;
};
void from_json(const nlohmann::json& json, Pair& pair) {
  json.at("left").get_to(pair.left);
  json.at("right").get_to(pair.right);
}

/// A service that others call.
class Math : public NatsService {
 public:
  Math(asio::io_context& context, ServiceConfig config) : NatsService{context, std::move(config)} {
    add(rpc<&Math::sum>{}, rpc<&Math::fails>{}, rpc<&Math::echo>{}, rpc<&Math::sleeps>{}, rpc<&Math::works>{},
        rpc<&Math::count>{}, rpc<&Math::relay>{});
  }

  int counted = 0;

 private:
  asio::awaitable<int> sum(Pair pair) { co_return pair.left + pair.right; }
  asio::awaitable<void> fails() {
    throw std::runtime_error{"no \"luck\"\n"};
    co_return;
  }
  asio::awaitable<nlohmann::json> echo(nlohmann::json arguments) { co_return arguments; }
  asio::awaitable<void> sleeps() { co_await sleep_for(700ms); }
  // On a worker thread.
  std::string works(const nlohmann::json& arguments) {
    publish_event("math.worked", arguments);
    return "done";
  }
  asio::awaitable<void> count(nlohmann::json arguments) {
    counted += arguments.value("by", 1);
    co_return;
  }
  asio::awaitable<void> relay() {
    publish_event("math.relayed", {{"n", 1}});
    co_return;
  }
};

/// Hears events in several ways.
class Ears : public NatsService {
 public:
  Ears(asio::io_context& context, ServiceConfig config) : NatsService{context, std::move(config)} {
    add(listener<&Ears::exact>{.subject = "zoo.lion.roars"}, listener<&Ears::star>{.subject = "zoo.*.roars"},
        listener<&Ears::tail>{.subject = "zoo.>"}, listener<&Ears::last_star>{.subject = "zoo.lion.*"});
  }

  Lines heard;

 private:
  asio::awaitable<void> exact(std::string_view subject, nlohmann::json data) {
    return hear("exact", subject, std::move(data));
  }
  asio::awaitable<void> star(std::string_view subject, nlohmann::json data) {
    return hear("star", subject, std::move(data));
  }
  asio::awaitable<void> tail(std::string_view subject, nlohmann::json data) {
    return hear("tail", subject, std::move(data));
  }
  asio::awaitable<void> last_star(std::string_view subject, nlohmann::json data) {
    return hear("last_star", subject, std::move(data));
  }
  asio::awaitable<void> hear(std::string listener, std::string_view subject, nlohmann::json data) {
    heard.push_back(std::move(listener.append(" ").append(subject).append(" ").append(data.dump())));
    co_return;
  }
};

/// Keeps the numbers that it hears on one subject.
class Counter : public NatsService {
 public:
  Counter(asio::io_context& context, ServiceConfig config, const std::string& subject,
          const std::string& group = {})
      : NatsService{context, std::move(config)} {
    add(listener<&Counter::hear>{.subject = subject, .queue_group = group});
  }
  asio::awaitable<void> hear(std::string_view subject, nlohmann::json data) {
    subjects.emplace_back(subject);
    numbers.push_back(data.value("n", -1));
    if (data.contains("fail")) throw std::runtime_error{"no luck"};
    co_return;
  }
  Lines subjects;
  std::vector<int> numbers;
};

asio::awaitable<nlohmann::json> call(NatsService& caller, std::string service, std::string method,
                                     nlohmann::json arguments = {}) {
  return caller.call_rpc(std::move(service), std::move(method), std::move(arguments));
}

/// What a call ends with, in words.
template <class Stage>
std::string ending(Stage& stage, NatsService& caller, std::string service, std::string method,
                   nlohmann::json arguments = {}) {
  try {
    return stage.run(call(caller, std::move(service), std::move(method), std::move(arguments))).dump();
  } catch (const RpcError& error) {
    switch (error.reason()) {
      case RpcError::Reason::remote:
        return "remote: " + error.detail();
      case RpcError::Reason::no_responders:
        return "no responders";
      default:
        return "bad reply";
    }
  } catch (const std::system_error& error) {
    return error.code() == asio::error::timed_out ? "timed out" : error.what();
  }
}

/// The error that publishing ends with; empty: none.
std::errc publish_error(NatsService& service, const nlohmann::json& event) {
  try {
    service.publish_event("some.event", event);
  } catch (const std::system_error& error) {
    return static_cast<std::errc>(error.code().default_error_condition().value());
  }
  return {};
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// A connection for requests to JetStream, on a stage.
template <class Stage>
class StoreClient {
 public:
  explicit StoreClient(Stage& stage) : stage_{stage}, link_{stage.context(), stage.config("store")} {}
  StoreClient(const StoreClient&) = delete;
  StoreClient& operator=(const StoreClient&) = delete;
  ~StoreClient() { stage_.run(link_.close()); }

  nlohmann::json ask(std::string subject, std::string payload = {},
                     std::optional<std::uint64_t> expected = {}) {
    return without_times(stage_.run(link_.request(std::move(subject), std::move(payload), expected)));
  }
  nlohmann::json create(const nlohmann::json& config) {
    return ask("$JS.API.STREAM.CREATE." + config.value("name", ""), config.dump());
  }
  nlohmann::json get(const nlohmann::json& wanted) {
    return ask("$JS.API.STREAM.MSG.GET.KV_b", wanted.dump());
  }
  nlohmann::json info() { return ask("$JS.API.STREAM.INFO.KV_b"); }
  /// The number of the error, 0: none, -1: nobody answers.
  int error_of(const std::string& subject, const std::string& payload,
               std::optional<std::uint64_t> expected = {}) {
    try {
      const nlohmann::json answer = ask(subject, payload, expected);
      return answer.contains("error") ? answer["error"]["err_code"].get<int>() : 0;
    } catch (const RpcError& error) {
      return error.reason() == RpcError::Reason::no_responders ? -1 : -2;
    }
  }
  void publish(std::string subject, std::string payload, std::optional<std::uint64_t> expected = {}) {
    link_.publish(std::move(subject), std::move(payload), expected);
  }

 private:
  /// The two stages live at different times.
  static nlohmann::json without_times(nlohmann::json answer) {
    answer.erase("created");
    answer.erase("ts");
    if (answer.contains("state")) {
      answer["state"].erase("first_ts");
      answer["state"].erase("last_ts");
    }
    if (answer.contains("message")) answer["message"].erase("time");
    return answer;
  }

  Stage& stage_;
  support::RawLink link_;
};

nlohmann::json bucket(const std::string& name, std::chrono::nanoseconds max_age) {
  return {{"name", "KV_" + name},      {"subjects", {"$KV." + name + ".>"}},
          {"retention", "limits"},     {"storage", "file"},
          {"max_msgs_per_subject", 1}, {"max_age", max_age.count()},
          {"num_replicas", 1},         {"discard", "new"},
          {"deny_delete", true},       {"allow_rollup_hdrs", true},
          {"allow_direct", true},      {"max_msgs", -1},
          {"max_bytes", -1},           {"max_consumers", -1},
          {"max_msg_size", -1},        {"duplicate_window", max_age.count()}};
}

/// What `answered` says of the fields that are in `known`: each version of nats-server tells of more of them.
nlohmann::json fields_of(const nlohmann::json& known, const nlohmann::json& answered) {
  nlohmann::json fields = nlohmann::json::object();
  for (const auto& [name, value] : known.items()) {
    if (answered.contains(name)) fields[name] = answered[name];
  }
  return fields;
}

auto info(const NatsService& service) { return service.get_service_info().broker; }

}  // namespace

#define ON_BOTH_BROKERS(name) TEMPLATE_TEST_CASE(name, "", VirtualStage, RealStage)

ON_BOTH_BROKERS("both brokers: each listener hears the subjects of its pattern") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Ears> ears{stage, stage.config("ears")};
  Actor<TestType, NatsService> zoo{stage, stage.config("zoo")};
  ears.start();
  zoo.start();
  door.await(*ears);
  zoo->publish_event("zoo.lion.roars", {{"n", 1}});
  zoo->publish_event("zoo.bear.roars", {{"n", 2}});
  zoo->publish_event("zoo.lion.sleeps", {{"n", 3}});
  zoo->publish_event("zoo.lion.roars.loud", {{"n", 4}});
  zoo->publish_event("zoo", {{"n", 5}});
  zoo->publish_event("town.lion.roars", {{"n", 6}});
  zoo->publish_event("zoo.closes", {{"n", 7}});
  CHECK(stage.eventually([&] { return ears->heard.size() == 10; }));
  stage.pass(100ms);
  CHECK(sorted(ears->heard) == Lines{R"(exact zoo.lion.roars {"n":1})", R"(last_star zoo.lion.roars {"n":1})",
                                     R"(last_star zoo.lion.sleeps {"n":3})", R"(star zoo.bear.roars {"n":2})",
                                     R"(star zoo.lion.roars {"n":1})", R"(tail zoo.bear.roars {"n":2})",
                                     R"(tail zoo.closes {"n":7})", R"(tail zoo.lion.roars {"n":1})",
                                     R"(tail zoo.lion.roars.loud {"n":4})",
                                     R"(tail zoo.lion.sleeps {"n":3})"});
}

ON_BOTH_BROKERS("both brokers: a queue group shares what others hear in full") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Counter> one{stage, stage.config("one"), "job.*", "workers"};
  Actor<TestType, Counter> two{stage, stage.config("two"), "job.>", "workers"};
  Actor<TestType, Counter> other{stage, stage.config("other"), "job.*", "others"};
  Actor<TestType, Counter> all{stage, stage.config("all"), "job.*"};
  for (auto* const counter : {&one, &two, &other, &all}) {
    counter->start();
    door.await(**counter);
  }
  for (int n = 1; n <= 200; ++n) all->publish_event("job.x", {{"n", n}});
  CHECK(stage.eventually([&] {
    return one->numbers.size() + two->numbers.size() >= 200 && other->numbers.size() >= 200 &&
           all->numbers.size() >= 200;
  }));
  stage.pass(100ms);
  CHECK(all->numbers == from_to(1, 200));
  CHECK(other->numbers == from_to(1, 200));
  std::vector<int> shared;
  std::merge(one->numbers.begin(), one->numbers.end(), two->numbers.begin(), two->numbers.end(),
             std::back_inserter(shared));
  CHECK(shared == from_to(1, 200));
  CHECK(one->numbers.size() > 20);
  CHECK(two->numbers.size() > 20);
}

ON_BOTH_BROKERS("both brokers: a call ends with a result, an error, or nobody") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  auto config = stage.config("caller");
  config.request_timeout = 300ms;
  Actor<TestType, NatsService> caller{stage, config};
  math.start();
  caller.start();
  door.await(*math);
  door.await(*caller);
  CHECK(ending(stage, *caller, "math", "sum", {{"left", 2}, {"right", 3}}) == "5");
  CHECK(ending(stage, *caller, "math", "works", {{"n", 1}}) == R"("done")");
  CHECK(ending(stage, *caller, "math", "count") == "null");
  CHECK(ending(stage, *caller, "math", "echo", {{"a", {1, nullptr, "\xc3\xa4"}}}) ==
        "{\"a\":[1,null,\"\xc3\xa4\"]}");
  CHECK(ending(stage, *caller, "math", "fails") == "remote: no \"luck\"\n");
  CHECK(ending(stage, *caller, "math", "absent") == "remote: Unknown method: absent");
  CHECK(ending(stage, *caller, "math", "sum", {{"left", 2}}).find("remote: bad argument: ") == 0);
  CHECK(ending(stage, *caller, "math", "sum", {{"left", 2}, {"right", "x"}}).find("remote: bad argument: ") ==
        0);
  CHECK(ending(stage, *caller, "nobody", "home") == "no responders");
  CHECK(ending(stage, *caller, "math", "sleeps") == "timed out");
  CHECK(ending(stage, *math, "math", "sum", {{"left", 4}, {"right", 4}}) == "8");
  CHECK_THROWS_AS(caller->call_async("math", "a.b"), std::invalid_argument);
}

ON_BOTH_BROKERS("both brokers: many calls at once get each its own answer") {
  int right = 0;
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  Actor<TestType, NatsService> caller{stage, stage.config("caller")};
  math.start();
  caller.start();
  door.await(*math);
  for (int n = 0; n < 100; ++n) {
    nlohmann::json arguments{{"left", n}, {"right", n}};
    asio::co_spawn(stage.context(), call(*caller, "math", "sum", std::move(arguments)),
                   [&right, n](const std::exception_ptr& thrown, const nlohmann::json& result) {
                     if (!thrown && result == 2 * n) ++right;
                   });
  }
  CHECK(stage.eventually([&] { return right == 100; }));
}

ON_BOTH_BROKERS("both brokers: call_async is heard where somebody is, and no error where nobody is") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  Actor<TestType, NatsService> caller{stage, stage.config("caller")};
  math.start();
  caller.start();
  door.await(*math);
  caller->call_async("nobody", "home");
  caller->call_async("math", "absent");
  caller->call_async("math", "count", {{"by", 20}});
  caller->call_async("math", "count");
  CHECK(stage.eventually([&] { return math->counted == 21; }));
}

ON_BOTH_BROKERS("both brokers: the correlation id of a call travels with the events that it leads to") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "math.*"};
  LogCapture log{"counter"};
  math.start();
  counter.start();
  door.await(*math);
  door.await(*counter);
  CHECK(ending(stage, *counter, "math", "works", {{"n", 1}, {"fail", true}, {"correlation_id", "id-7"}}) ==
        R"("done")");
  CHECK(stage.eventually([&] { return counter->numbers.size() == 1; }));
  CHECK(stage.eventually([&] { return log.count("no luck (correlation id id-7, trace ") == 1; }));
}

ON_BOTH_BROKERS("both brokers: a burst arrives in order") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "burst"};
  Actor<TestType, NatsService> other{stage, stage.config("other")};
  counter.start();
  other.start();
  door.await(*counter);
  for (int n = 1; n <= 5000; ++n) other->publish_event("burst", {{"n", n}});
  CHECK(stage.eventually([&] { return counter->numbers.size() >= 5000; }));
  CHECK(counter->numbers == from_to(1, 5000));
}

ON_BOTH_BROKERS("both brokers: a listener to everything hears requests and their replies, too") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  Actor<TestType, Counter> all{stage, stage.config("all"), ">"};
  math.start();
  all.start();
  door.await(*math);
  door.await(*all);
  CHECK(ending(stage, *math, "math", "count") == "null");
  // Somebody who listens takes the request, even if he does not answer.
  auto config = stage.config("caller");
  config.request_timeout = 300ms;
  Actor<TestType, NatsService> caller{stage, config};
  caller.start();
  CHECK(ending(stage, *caller, "nobody", "home") == "timed out");
  CHECK(
      stage.eventually([&] { return !all->subjects.empty() && all->subjects.back() == "nobody.rpc.home"; }));
  std::erase(all->subjects, "door");
  REQUIRE(all->subjects.size() == 3);
  CHECK(all->subjects[0] == "math.rpc.count");
  CHECK(all->subjects[1].find("_INBOX.") == 0);
}

ON_BOTH_BROKERS("both brokers: a payload may have max_payload bytes and no more") {
  TestType stage;
  Doorkeeper door{stage};
  auto config = stage.config("counter");
  config.max_payload_bytes = 2 * 1024 * 1024;
  Actor<TestType, Counter> counter{stage, config, "some.event"};
  counter.start();
  door.await(*counter);
  const auto of_size = [](std::size_t bytes) {
    const std::string frame = R"({"n":1,"t":""})";
    return nlohmann::json{{"n", 1}, {"t", std::string(bytes - frame.size(), 'x')}};
  };
  constexpr std::size_t limit = 1024 * 1024;
  CHECK(publish_error(*counter, of_size(limit)) == std::errc{});
  CHECK(publish_error(*counter, of_size(limit + 1)) == std::errc::message_size);
  CHECK(publish_error(*counter, {{"n", 2}}) == std::errc{});
  CHECK(stage.eventually([&] { return counter->numbers.size() == 2; }));
  CHECK(info(*counter).publish_errors == 1);
  CHECK(info(*counter).state == "connected");
}

ON_BOTH_BROKERS("both brokers: what is no JSON object is refused, and the next message is heard") {
  TestType stage;
  Doorkeeper door{stage};
  auto config = stage.config("counter");
  config.max_payload_bytes = 200;
  config.max_json_depth = 8;
  Actor<TestType, Counter> counter{stage, config, "some.event"};
  LogCapture log{"counter"};
  counter.start();
  door.await(*counter);
  for (const std::string& text : {std::string{"{no json"}, std::string{"[1]"},
                                  std::string{R"({"n":)"} + std::string(8, '[') + std::string(8, ']') + "}",
                                  std::string(201, ' '), std::string{}, std::string{R"({"n":3})"}})
    stage.publish_text("some.event", text);
  CHECK(stage.eventually([&] { return counter->numbers.size() == 2; }));
  CHECK(counter->numbers == std::vector<int>{-1, 3});
  CHECK(log.count("message on some.event refused: malformed JSON at byte ") == 1);
  CHECK(log.count("message on some.event refused: payload is not a JSON object") == 1);
  CHECK(log.count("message on some.event refused: JSON is nested deeper than the limit of 8 levels") == 1);
  CHECK(log.count("message on some.event refused: payload of 201 bytes exceeds the limit of 200 bytes") == 1);
}

ON_BOTH_BROKERS("both brokers: before the start and after the stop nothing is published, heard or answered") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "some.event"};
  CHECK(publish_error(*counter, {{"n", 1}}) == std::errc::not_connected);
  for (int start = 1; start <= 2; ++start) {
    math.start();
    counter.start();
    door.await(*math);
    door.await(*counter);
    math->publish_event("some.event", {{"n", start}});
    CHECK(ending(stage, *counter, "math", "count") == "null");
    CHECK(stage.eventually([&] { return counter->numbers.size() == static_cast<std::size_t>(start); }));

    counter.stop();
    CHECK(publish_error(*counter, {{"n", 1}}) == std::errc::not_connected);
    math->publish_event("some.event", {{"n", -start}});
    CHECK(ending(stage, *math, "counter", "home") == "no responders");
    math.stop();
    CHECK(info(*math).state == "closed");
    CHECK(info(*math).publish_errors == 0);
  }
  CHECK(counter->numbers == from_to(1, 2));
}

ON_BOTH_BROKERS("both brokers: service info counts what has passed") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "some.event"};
  math.start();
  counter.start();
  door.await(*math);
  door.await(*counter);
  const auto math_before = info(*math);
  const auto counter_before = info(*counter);
  for (int n = 1; n <= 10; ++n) math->publish_event("some.event", {{"n", n}});
  CHECK(ending(stage, *counter, "math", "count") == "null");
  CHECK(stage.eventually([&] { return counter->numbers.size() == 10; }));
  CHECK(info(*math).state == "connected");
  CHECK(info(*math).url == stage.config("any").nats_url.redacted());
  CHECK(info(*math).published - math_before.published == 11);
  CHECK(info(*math).received - math_before.received == 1);
  CHECK(info(*counter).published - counter_before.published == 1);
  CHECK(info(*counter).received - counter_before.received == 11);
  for (const auto& service : {info(*math), info(*counter)}) {
    CHECK(service.reconnects == 0);
    CHECK(service.unconfirmed == 0);
    CHECK(service.publish_errors == 0);
    CHECK(service.dropped == 0);
    CHECK(service.outbox_messages == 0);
    CHECK(service.outbox_bytes == 0);
    CHECK(service.last_error.empty());
  }
}

ON_BOTH_BROKERS("both brokers: what is published in an outage arrives after it, in order") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "some.event"};
  LogCapture log{"counter"};
  counter.start();
  door.await(*counter);
  counter->publish_event("some.event", {{"n", 1}});
  CHECK(stage.eventually([&] { return counter->numbers.size() == 1; }));

  stage.stop_broker();
  CHECK(stage.eventually([&] { return info(*counter).state == "reconnecting"; }));
  for (int n = 2; n <= 100; ++n) counter->publish_event("some.event", {{"n", n}});
  stage.pass(200ms);
  CHECK(info(*counter).outbox_messages == 99);
  CHECK_FALSE(info(*counter).last_error.empty());
  CHECK(counter->numbers.size() == 1);

  stage.start_broker();
  CHECK(stage.eventually([&] { return counter->numbers.size() == 100; }));
  CHECK(counter->numbers == from_to(1, 100));
  CHECK(info(*counter).state == "connected");
  CHECK(info(*counter).reconnects == 1);
  CHECK(info(*counter).publish_errors == 0);
  CHECK(log.count("lost the connection to NATS") == 1);
  CHECK(log.count("reconnected to NATS") == 1);

  Actor<TestType, NatsService> other{stage, stage.config("other")};
  other.start();
  door.await_again(*other);
  other->publish_event("some.event", {{"n", 101}});
  CHECK(stage.eventually([&] { return counter->numbers.size() == 101; }));
}

ON_BOTH_BROKERS("both brokers: a call in an outage waits for the broker, and ends when its time is up") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Math> math{stage, stage.config("math")};
  auto config = stage.config("caller");
  config.request_timeout = 200ms;
  Actor<TestType, Math> caller{stage, config};
  math.start();
  caller.start();
  door.await(*math);
  door.await(*caller);
  stage.stop_broker();
  CHECK(stage.eventually([&] { return info(*caller).state == "reconnecting"; }));
  CHECK(ending(stage, *caller, "math", "count") == "timed out");
  stage.start_broker();
  door.await_again(*math);
  door.await(*caller);
  // It was not sent any more.
  CHECK(math->counted == 0);
  CHECK(ending(stage, *caller, "math", "count") == "null");
  CHECK(math->counted == 1);
}

ON_BOTH_BROKERS("both brokers: a service that starts without a broker keeps its events until there is one") {
  TestType stage;
  stage.stop_broker();
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "some.event"};
  counter.start();
  CHECK(counter->get_service_info().is_running);
  for (int n = 1; n <= 5; ++n) counter->publish_event("some.event", {{"n", n}});
  stage.pass(200ms);
  CHECK(info(*counter).state == "connecting");
  stage.start_broker();
  CHECK(stage.eventually([&] { return counter->numbers.size() == 5; }));
  CHECK(counter->numbers == from_to(1, 5));
  CHECK(info(*counter).reconnects == 0);
}

ON_BOTH_BROKERS("both brokers: a full outbox refuses, and gives up what it holds at the stop") {
  TestType stage;
  stage.stop_broker();
  auto config = stage.config("counter");
  config.outbox_max_messages = 10;
  Actor<TestType, Counter> counter{stage, config, "some.event"};
  LogCapture log{"counter"};
  counter.start();
  for (int n = 1; n <= 10; ++n) CHECK(publish_error(*counter, {{"n", n}}) == std::errc{});
  CHECK(publish_error(*counter, {{"n", 11}}) == std::errc::no_buffer_space);
  CHECK(info(*counter).publish_errors == 1);
  counter.stop();
  CHECK(log.count("lost 10 messages for NATS: the connection is closed") == 1);
  CHECK(info(*counter).publish_errors == 11);
}

ON_BOTH_BROKERS("both brokers: after max_reconnect_attempts a service gives up") {
  TestType stage;
  Doorkeeper door{stage};
  auto config = stage.config("counter");
  config.max_reconnect_attempts = 2;
  Actor<TestType, Counter> counter{stage, config, "some.event"};
  LogCapture log{"counter"};
  counter.start();
  door.await(*counter);
  stage.stop_broker();
  CHECK(stage.eventually([&] { return info(*counter).state == "closed"; }));
  CHECK(log.count("gives up on NATS after 2 failed attempts in a row") == 1);
  CHECK(publish_error(*counter, {{"n", 1}}) == std::errc::not_connected);
}

ON_BOTH_BROKERS("both brokers: a connection that hangs for a while loses nothing") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "some.event"};
  counter.start();
  door.await(*counter);
  const auto before = info(*counter).published;
  stage.hang("counter");
  counter->publish_event("some.event", {{"n", 1}});
  CHECK(stage.eventually([&] { return info(*counter).published == before + 1; }));
  for (int n = 2; n <= 5; ++n) counter->publish_event("some.event", {{"n", n}});
  stage.pass(300ms);
  // No more is sent until the broker has confirmed the first.
  CHECK(info(*counter).published == before + 1);
  CHECK(info(*counter).outbox_messages == 4);
  CHECK(counter->numbers.empty());
  stage.go_on("counter");
  CHECK(stage.eventually([&] { return counter->numbers.size() == 5; }));
  CHECK(counter->numbers == from_to(1, 5));
  CHECK(info(*counter).reconnects == 0);
  CHECK(info(*counter).unconfirmed == 0);
}

ON_BOTH_BROKERS(
    "both brokers: a connection that hangs for long is given up, and what it took is unconfirmed") {
  TestType stage;
  Doorkeeper door{stage};
  Actor<TestType, Counter> counter{stage, stage.config("counter"), "some.event"};
  counter.start();
  door.await(*counter);
  const auto before = info(*counter).published;
  stage.hang("counter");
  counter->publish_event("some.event", {{"n", 1}});
  CHECK(stage.eventually([&] { return info(*counter).published == before + 1; }));
  for (int n = 2; n <= 5; ++n) counter->publish_event("some.event", {{"n", n}});
  CHECK(stage.eventually([&] { return info(*counter).state == "reconnecting"; }));
  CHECK(info(*counter).unconfirmed == 1);
  CHECK(info(*counter).outbox_messages == 4);
  stage.go_on("counter");
  CHECK(stage.eventually([&] { return counter->numbers.size() >= 4 && counter->numbers.back() == 5; }));
  // What was unconfirmed may have arrived or not.
  std::erase(counter->numbers, 1);
  CHECK(counter->numbers == from_to(2, 5));
  CHECK(info(*counter).reconnects == 1);
  CHECK(info(*counter).unconfirmed == 1);
}

ON_BOTH_BROKERS("both brokers: a claim in a key-value bucket is won, lost and read back") {
  TestType stage;
  StoreClient<TestType> store{stage};
  CHECK(store.error_of("$JS.API.STREAM.INFO.KV_b", "") == 10059);
  CHECK(store.error_of("$KV.b.s.t.1", "me", 0) == -1);

  nlohmann::json config = bucket("b", 1h);
  const nlohmann::json made = store.create(config);
  config["mirror_direct"] = false;
  config["sealed"] = false;
  config["deny_purge"] = false;
  CHECK(fields_of(config, made.at("config")) == config);
  CHECK(made.at("type") == "io.nats.jetstream.api.v1.stream_create_response");
  CHECK(made.at("state") ==
        nlohmann::json{
            {"messages", 0}, {"bytes", 0}, {"first_seq", 0}, {"last_seq", 0}, {"consumer_count", 0}});
  CHECK(store.create(bucket("b", 1h)) == made);
  CHECK(store.create(bucket("b", 2h)).at("error").at("err_code") == 10058);
  nlohmann::json twin = bucket("b", 1h);
  twin["name"] = "KV_c";
  CHECK(store.create(twin).at("error").at("err_code") == 10065);
  twin = bucket("c", 1h);
  twin["num_replicas"] = 3;
  CHECK(store.create(twin).at("error").at("err_code") == 10074);
  CHECK(store.error_of("$JS.API.STREAM.CREATE.KV_c", "{bad") == 10025);

  CHECK(store.ask("$KV.b.s.t.1", "me", 0) == nlohmann::json{{"stream", "KV_b"}, {"seq", 1}});
  CHECK(store.ask("$KV.b.s.t.1", "you", 0) ==
        nlohmann::json{
            {"error", {{"code", 400}, {"err_code", 10071}, {"description", "wrong last sequence: 1"}}},
            {"stream", "KV_b"},
            {"seq", 0}});
  CHECK(store.ask("$KV.b.s.t.2", "you", 0).at("seq") == 2);
  CHECK(store.get({{"last_by_subj", "$KV.b.s.t.1"}}) ==
        nlohmann::json{{"type", "io.nats.jetstream.api.v1.stream_msg_get_response"},
                       {"message",
                        {{"subject", "$KV.b.s.t.1"},
                         {"seq", 1},
                         {"hdrs", "TkFUUy8xLjANCk5hdHMtRXhwZWN0ZWQtTGFzdC1TdWJqZWN0LVNlcXVlbmNlOiAwDQoNCg=="},
                         {"data", "bWU="}}}});
  CHECK(store.get({{"last_by_subj", "$KV.b.s.t.3"}}).at("error") ==
        nlohmann::json{{"code", 404}, {"err_code", 10037}, {"description", "no message found"}});
  CHECK(store.error_of("$JS.API.STREAM.MSG.GET.KV_b", "{}") == 10003);
  CHECK(store.error_of("$JS.API.STREAM.MSG.GET.KV_q", R"({"seq":1})") == 10059);

  // What nobody waits for an answer to is stored or refused all the same; of a key the newest stays.
  store.publish("$KV.b.s.t.owner", R"({"beat":1})");
  store.publish("$KV.b.s.t.owner", R"({"beat":2})");
  store.publish("$KV.b.s.t.owner", R"({"beat":3})", 0);
  CHECK(store.ask("$KV.b.s.t.1", "you", 1).at("seq") == 5);
  CHECK(store.get({{"last_by_subj", "$KV.b.s.t.owner"}}).at("message").at("data") == "eyJiZWF0IjoyfQ==");
  CHECK(store.get({{"last_by_subj", "$KV.b.s.t.*"}}).at("message").at("subject") == "$KV.b.s.t.1");
  CHECK(store.get({{"last_by_subj", "$KV.b.s.*.2"}}).at("message").at("seq") == 2);
  CHECK(store.get({{"last_by_subj", "$KV.b.s.q.*"}}).at("error").at("err_code") == 10037);
  CHECK(store.get({{"seq", 3}}).at("error").at("err_code") == 10037);
  CHECK(store.info().at("state") == nlohmann::json{{"messages", 3},
                                                   {"bytes", 255},
                                                   {"first_seq", 2},
                                                   {"last_seq", 5},
                                                   {"num_subjects", 3},
                                                   {"num_deleted", 1},
                                                   {"consumer_count", 0}});

  // It survives the broker.
  stage.stop_broker();
  stage.pass(100ms);
  stage.start_broker();
  CHECK(stage.eventually([&] { return store.error_of("$KV.b.s.t.2", "me", 0) == 10071; }));
  CHECK(store.ask("$KV.b.s.t.3", "me", 0).at("seq") == 6);

  CHECK(store.ask("$JS.API.STREAM.DELETE.KV_b") ==
        nlohmann::json{{"type", "io.nats.jetstream.api.v1.stream_delete_response"}, {"success", true}});
  CHECK(store.error_of("$JS.API.STREAM.DELETE.KV_b", "") == 10059);
  CHECK(store.error_of("$KV.b.s.t.3", "me", 0) == -1);
}

ON_BOTH_BROKERS("both brokers: a claim that is older than the bucket keeps it can be won again") {
  TestType stage;
  StoreClient<TestType> store{stage};
  CHECK_FALSE(store.create(bucket("b", 1s)).contains("error"));
  CHECK(store.error_of("$KV.b.s.t.1", "me", 0) == 0);
  CHECK(store.error_of("$KV.b.s.t.1", "you", 0) == 10071);
  CHECK(stage.eventually([&] { return store.error_of("$KV.b.s.t.1", "you", 0) == 0; }));
  CHECK(store.get({{"last_by_subj", "$KV.b.s.t.1"}}).at("message").at("seq") == 2);
  CHECK(stage.eventually([&] { return store.info().at("state").at("messages") == 0; }));
  CHECK(store.info().at("state").at("first_seq") == 3);
  CHECK(store.info().at("state").at("last_seq") == 2);
}
