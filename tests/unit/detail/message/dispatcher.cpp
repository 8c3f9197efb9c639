#include <cliffracer/detail/message/dispatcher.hpp>

#include <cliffracer/detail/registration/handler_registration.hpp>

#include "support/captured_log.hpp"
#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <asio.hpp>

#include <functional>

using namespace cliffracer::detail;
using cliffracer::RunOn;

namespace {

using Lines = std::vector<std::string>;
using nlohmann::json;

struct Limit {
  int value = 0;
};
void from_json(const json& object, Limit& limit) { limit.value = object.at("limit").get<int>(); }

std::string current() {
  const WorkContext* context = current_work_context();
  return context == nullptr ? "none" : context->correlation_id();
}

/// A door that coroutines wait at.
class Gate {
 public:
  explicit Gate(asio::any_io_executor executor)
      : timer_{std::move(executor), std::chrono::steady_clock::time_point::max()} {}

  asio::awaitable<void> pass() {
    asio::error_code opened;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, opened));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw std::system_error{opened};
  }
  void open() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

class Service {
 public:
  explicit Service(asio::any_io_executor strand) : gate{std::move(strand)} {}

  json echo(json arguments) { return arguments; }
  int limited(Limit limit) { return limit.value; }
  void fails() { throw std::runtime_error{"first\nsecond"}; }
  void throws_number() { throw 42; }
  std::string binary() { return "\xff"; }
  std::string id() { return current(); }
  std::string stops_service() {
    stop();
    return "done";
  }
  asio::awaitable<std::string> waits() {
    std::string seen = current();
    co_await gate.pass();
    seen += " " + current();
    co_return seen;
  }
  asio::awaitable<void> fails_later() {
    co_await asio::post(asio::use_awaitable);
    throw 42;
  }
  asio::awaitable<void> aborted() {
    co_await asio::post(asio::use_awaitable);
    throw std::system_error{asio::error::operation_aborted};
  }

  void on_plain(std::string_view subject, json data) {
    heard.push_back(std::string{subject} + " " + data.dump() + " " + current());
    if (data.contains("fail")) throw 42;
  }
  void on_limit(const Limit& limit) { heard.push_back(std::to_string(limit.value)); }
  asio::awaitable<void> on_slow(std::string_view subject, const json& data) {
    heard.push_back("begin " + std::string{subject} + " " + current());
    co_await gate.pass();
    heard.push_back("end " + std::string{subject} + " " + data.dump() + " " + current());
  }

  std::string trace() { return traceparent_of(current_work_context()->trace()); }
  asio::awaitable<std::string> trace_later() {
    const std::string before = trace();
    co_await asio::post(asio::use_awaitable);
    co_return before == trace() ? before : "another one";
  }
  asio::awaitable<void> holds(json lengths) {
    time->pass(std::chrono::milliseconds{lengths.at("first").get<int>()});
    co_await asio::post(asio::use_awaitable);
    time->pass(std::chrono::milliseconds{lengths.at("second").get<int>()});
  }
  asio::awaitable<void> leaves_behind() {
    auto executor = co_await asio::this_coro::executor;
    asio::post(executor, [this] { time->pass(std::chrono::seconds{5}); });
    time->pass(std::chrono::milliseconds{200});
  }
  void holds_plain() { time->pass(std::chrono::seconds{5}); }
  void on_holding(const json&) { holds_plain(); }

  Gate gate;
  support::VirtualTime* time = nullptr;
  std::function<void()> stop;
  Lines heard;
};

/// A dispatcher between a broker and worker threads that are moved by hand.
class Fixture {
 public:
  explicit Fixture(std::size_t most = 100'000) : max_messages{most} {
    dispatcher.start_accepting(workers.get_executor());
  }

  template <auto Method>
  void add(cliffracer::rpc<Method> registration = {}) {
    dispatcher.add(registration_of(std::move(registration), &service));
  }
  template <auto Method>
  const MessageHandler& add(cliffracer::listener<Method> registration) {
    dispatcher.add(registration_of(std::move(registration), &service));
    return dispatcher.handlers().back();
  }

  static Inbound message(const std::string& subject, json payload = json::object(),
                         const std::string& reply = "inbox") {
    return {.subject = subject,
            .reply = reply,
            .headers = {.correlation_id = "c"},
            .payload = std::move(payload),
            .payload_error = {}};
  }
  void call(const std::string& method, json payload = json::object()) {
    on_strand([&] { dispatcher.on_request(message("s.rpc." + method, std::move(payload))); });
  }
  void hear(const MessageHandler& handler, const std::string& subject, json payload = json::object()) {
    on_strand([&] { dispatcher.on_event(handler, message(subject, std::move(payload), "")); });
  }

  void on_strand(const std::function<void()>& function) {
    asio::post(strand, function);
    run_loop();
  }
  void run_loop() {
    io.restart();
    io.poll();
  }
  /// Until neither the event loop nor the workers have anything to do.
  void run_all() {
    do {
      run_loop();
      workers.restart();
    } while (workers.poll() > 0);
  }

  /// The only reply, without its timestamp.
  json reply() {
    REQUIRE(replies.size() == 1);
    json object = json::parse(replies.front());
    REQUIRE(object.at("timestamp").is_string());
    object.erase("timestamp");
    return object;
  }

  /// The log, without the trace that each line about a message names.
  Lines lines() const {
    constexpr std::string_view before{", trace "};
    constexpr std::size_t digits = 32;
    Lines out;
    for (std::string line : log.lines()) {
      const std::size_t begin = line.rfind(before);
      if (begin != std::string::npos && line.size() == begin + before.size() + digits + 1 &&
          line.find_first_not_of("0123456789abcdef", begin + before.size()) == line.size() - 1 &&
          line.back() == ')') {
        line.erase(begin, before.size() + digits);
      }
      out.push_back(std::move(line));
    }
    return out;
  }
  HandlerStats::Snapshot stats(std::size_t index = 0) {
    return dispatcher.handlers().at(index).stats->snapshot();
  }

  std::size_t max_messages;
  asio::io_context io;
  asio::io_context workers;
  Strand strand{io.get_executor()};
  support::VirtualTime time{io};
  CapturedLog log;
  Lines escaped_tasks;
  TaskGroup tasks{strand, time.queue(), [this](const std::string& name, const std::exception_ptr&) {
                    escaped_tasks.push_back(name);
                  }};
  Lines replies;
  Lines reply_headers;
  std::vector<MessageHeaders> headers_of_replies;
  bool reply_fails = false;
  Dispatcher dispatcher{log.of_service("s"),
                        max_messages,
                        tasks,
                        time,
                        strand,
                        [this](const std::string& subject, std::string payload, MessageHeaders headers) {
                          if (reply_fails) throw std::runtime_error{"outbox is full"};
                          replies.push_back(std::move(payload));
                          reply_headers.push_back(subject + " " + headers.correlation_id);
                          headers_of_replies.push_back(std::move(headers));
                        }};
  Service service{strand};
};

json result(json value, const std::string& id = "c") {
  return {{"result", std::move(value)}, {"correlation_id", id}};
}
json error(const std::string& text, const std::string& id = "c") {
  return {{"error", text}, {"correlation_id", id}};
}

}  // namespace

TEST_CASE("a request gets its handler's result") {
  Fixture f;
  f.add<&Service::echo>();
  f.call("echo", {{"a", {1, 2}}});
  CHECK(f.replies.empty());
  f.run_all();
  CHECK(f.reply() == result({{"a", {1, 2}}}));
  CHECK(f.reply_headers == Lines{"inbox c"});
  CHECK(f.tasks.empty());
  CHECK(f.lines().empty());
}

TEST_CASE("a plain method runs on the worker, on the event loop when asked") {
  Fixture f;
  SECTION("worker") {
    f.add<&Service::id>();
    CHECK(f.dispatcher.needs_worker());
    f.call("id");
    CHECK(f.replies.empty());
    CHECK(f.tasks.names() == Lines{"rpc id"});
    f.run_all();
  }
  SECTION("event loop") {
    f.add(cliffracer::rpc<&Service::id>{.run_on = RunOn::event_loop});
    CHECK_FALSE(f.dispatcher.needs_worker());
    f.dispatcher.start_accepting({});
    f.call("id");
  }
  CHECK(f.reply() == result("c"));
}

TEST_CASE("the correlation id comes from the payload, else from the header, else it is made") {
  Fixture f;
  f.add<&Service::echo>();
  std::string expected = "c";
  json payload = {{"a", 1}};
  Inbound message = Fixture::message("s.rpc.echo", payload);
  SECTION("payload") { message.payload["correlation_id"] = expected = "from payload"; }
  SECTION("header") {}
  SECTION("null in the payload") { message.payload["correlation_id"] = nullptr; }
  SECTION("unusable in the payload") { message.payload["correlation_id"] = "two\nlines"; }
  SECTION("made") {
    message.headers.correlation_id.clear();
    expected.clear();
  }
  SECTION("unusable in the header") {
    message.headers.correlation_id = "two\r\nlines";
    expected.clear();
  }
  f.on_strand([&] { f.dispatcher.on_request(std::move(message)); });
  f.run_all();
  if (expected.empty()) {
    expected = json::parse(f.replies.at(0)).at("correlation_id");
    CHECK(expected.size() == 36);
  }
  // The method does not see it.
  CHECK(f.reply() == result(payload, expected));
  CHECK(f.reply_headers == Lines{"inbox " + expected});
}

TEST_CASE("requests run concurrently, each with its own correlation id") {
  Fixture f;
  f.add<&Service::waits>();
  f.add<&Service::id>();
  f.call("waits", {{"correlation_id", "a"}});
  f.call("waits", {{"correlation_id", "b"}});
  CHECK(f.tasks.names() == Lines{"rpc waits", "rpc waits"});
  f.call("id", {{"correlation_id", "quick"}});
  f.run_all();
  REQUIRE(f.replies.size() == 1);
  CHECK(f.reply() == result("quick", "quick"));
  f.on_strand([&] { f.service.gate.open(); });
  REQUIRE(f.replies.size() == 3);
  CHECK(json::parse(f.replies[1]).at("result") == "a a");
  CHECK(json::parse(f.replies[2]).at("result") == "b b");
}

TEST_CASE("an unknown method is answered with an error") {
  Fixture f;
  f.call("no_such");
  CHECK(f.reply() == error("Unknown method: no_such"));
  CHECK(f.lines().empty());
}

TEST_CASE("a payload that is no JSON object is answered with an error") {
  Fixture f;
  f.add<&Service::echo>();
  Inbound message = Fixture::message("s.rpc.echo", json::array());
  std::string text = "payload is not a JSON object";
  SECTION("another type") {}
  SECTION("malformed") {
    message.payload = nullptr;
    message.payload_error = text = "malformed JSON at byte 3";
  }
  SECTION("without anybody who waits for an answer") {
    message.reply.clear();
    f.on_strand([&] { f.dispatcher.on_request(std::move(message)); });
    CHECK(f.replies.empty());
    CHECK(f.lines() ==
          Lines{"warning: service s: message on s.rpc.echo refused: " + text + " (correlation id c)"});
    return;
  }
  f.on_strand([&] { f.dispatcher.on_request(std::move(message)); });
  CHECK(f.reply() == error(text));
  CHECK(f.lines().empty());
}

TEST_CASE("arguments that do not fit are answered, and not logged as the method's failure") {
  Fixture f;
  f.add<&Service::limited>();
  f.call("limited", {{"limit", "five"}});
  f.run_all();
  const std::string text = f.reply().at("error");
  CHECK(text.find("bad argument: [json.exception.type_error.302]") == 0);
  CHECK(f.log.count("error: ") == 0);
  CHECK(f.log.count("warning: service s: rpc limited: bad argument: ") == 1);
}

TEST_CASE("what a handler throws is answered and logged, and stays inside") {
  Fixture f;
  SECTION("an exception") {
    f.add<&Service::fails>();
    f.call("fails");
    f.run_all();
    CHECK(f.reply() == error("first\nsecond"));
    CHECK(f.lines() == Lines{"error: service s: rpc fails failed: first\\nsecond (correlation id c)"});
  }
  SECTION("anything") {
    f.add<&Service::throws_number>();
    f.call("throws_number");
    f.run_all();
    CHECK(f.reply() == error("unknown exception"));
    CHECK(f.lines() ==
          Lines{"error: service s: rpc throws_number failed: unknown exception (correlation id c)"});
  }
  SECTION("on the event loop") {
    f.add(cliffracer::rpc<&Service::throws_number>{.run_on = RunOn::event_loop});
    f.call("throws_number");
    CHECK(f.reply() == error("unknown exception"));
  }
  SECTION("in a coroutine") {
    f.add<&Service::fails_later>();
    f.call("fails_later");
    CHECK(f.reply() == error("unknown exception"));
  }
  SECTION("as if it were cancelled, while nobody stops the service") {
    f.add<&Service::aborted>();
    f.call("aborted");
    CHECK(f.reply().at("error") != "service is stopping");
    CHECK(f.log.count("rpc aborted failed") == 1);
  }
  f.run_all();
  CHECK(f.escaped_tasks.empty());
  CHECK(f.tasks.empty());
}

TEST_CASE("a result that is no UTF-8 is replaced") {
  Fixture f;
  f.add<&Service::binary>();
  f.call("binary");
  f.run_all();
  CHECK(f.reply() == result("\xef\xbf\xbd"));
}

TEST_CASE("a reply that cannot be sent is logged") {
  Fixture f;
  f.reply_fails = true;
  f.call("no_such");
  CHECK(f.lines() ==
        Lines{"error: service s: reply to s.rpc.no_such lost: outbox is full (correlation id c)"});
}

TEST_CASE("fire and forget runs the same methods and answers nothing") {
  Fixture f;
  f.add<&Service::fails>();
  SECTION("a failure is logged") {
    f.on_strand([&] { f.dispatcher.on_async(Fixture::message("s.async.fails")); });
    f.run_all();
    CHECK(f.log.count("error: service s: rpc fails failed") == 1);
  }
  SECTION("an unknown method is a warning") {
    f.on_strand([&] { f.dispatcher.on_async(Fixture::message("s.async.no\nsuch")); });
    CHECK(f.lines() == Lines{"warning: service s: message on s.async.no\\nsuch refused: Unknown method: "
                             "no\\nsuch (correlation id c)"});
  }
  CHECK(f.replies.empty());
}

TEST_CASE("a name given twice is refused, and so is an invalid one") {
  Fixture f;
  f.add<&Service::echo>();
  CHECK_THROWS_WITH(
      f.add(cliffracer::rpc<&Service::id>{.name = "echo"}),
      "service s: rpc echo: name must be unique among the rpc methods: give one of them another .name");
  CHECK_THROWS_WITH(
      f.add(cliffracer::rpc<&Service::id>{.name = "a.b"}),
      "service s: rpc a.b: name must be one NATS subject token (no '.', '*', '>', white space or control "
      "character)");
  CHECK_THROWS_WITH(f.add(cliffracer::rpc<&Service::waits>{.run_on = RunOn::worker_pool}),
                    "service s: rpc waits: run_on must be RunOn::event_loop for a coroutine");
  CHECK(f.dispatcher.handlers().size() == 1);
}

TEST_CASE("messages of one listener are handled one at a time and in order") {
  Fixture f;
  const auto& slow = f.add(cliffracer::listener<&Service::on_slow>{.subject = "a.*"});
  const auto& plain = f.add(cliffracer::listener<&Service::on_plain>{.subject = "b.*"});
  f.hear(slow, "a.1", {{"n", 1}, {"correlation_id", "one"}});
  f.hear(slow, "a.2", {{"n", 2}, {"correlation_id", "two"}});
  CHECK(f.service.heard == Lines{"begin a.1 one"});
  CHECK(f.tasks.names() == Lines{"listener on_slow"});

  // Another listener does not wait for it.
  f.hear(plain, "b.1");
  f.run_all();
  CHECK(f.service.heard == Lines{"begin a.1 one", "b.1 {} c"});

  f.on_strand([&] { f.service.gate.open(); });
  f.on_strand([&] { f.service.gate.open(); });
  CHECK(f.service.heard == Lines{"begin a.1 one", "b.1 {} c", "end a.1 {\"n\":1} one", "begin a.2 two",
                                 "end a.2 {\"n\":2} two"});
  f.run_all();
  CHECK(f.tasks.empty());

  // After a rest it goes on.
  f.hear(slow, "a.3");
  CHECK(f.service.heard.back() == "begin a.3 c");
  f.on_strand([&] { f.service.gate.open(); });
  CHECK(f.lines().empty());
}

TEST_CASE("a listener that throws hears the next message") {
  Fixture f;
  const auto& handler = f.add(cliffracer::listener<&Service::on_plain>{.subject = "a"});
  f.hear(handler, "a", {{"fail", true}});
  f.hear(handler, "a");
  f.run_all();
  CHECK(f.service.heard == Lines{"a {\"fail\":true} c", "a {} c"});
  CHECK(f.lines() ==
        Lines{"error: service s: listener on_plain failed: unknown exception (correlation id c)"});
  CHECK(f.escaped_tasks.empty());
}

TEST_CASE("a message that a listener cannot read is one warning") {
  Fixture f;
  const auto& handler = f.add(cliffracer::listener<&Service::on_limit>{.subject = "a"});
  f.hear(handler, "a", json::array());
  CHECK(f.lines() ==
        Lines{"warning: service s: message on a refused: payload is not a JSON object (correlation id c)"});
  f.hear(handler, "a", {{"no_limit", 1}});
  f.run_all();
  CHECK(f.lines().size() == 2);
  CHECK(f.log.count("warning: service s: listener on_limit: bad argument: ") == 1);
  f.hear(handler, "a", {{"limit", 5}});
  f.run_all();
  CHECK(f.service.heard == Lines{"5"});
}

TEST_CASE("a long queue is drained without a deep stack") {
  Fixture f;
  const auto& handler =
      f.add(cliffracer::listener<&Service::on_limit>{.subject = "a", .run_on = RunOn::event_loop});
  f.on_strand([&] {
    for (int i = 0; i < 50'000; ++i) f.dispatcher.on_event(handler, Fixture::message("a", {{"limit", i}}));
  });
  f.run_all();
  REQUIRE(f.service.heard.size() == 50'000);
  CHECK(f.service.heard.back() == "49999");
}

TEST_CASE("a stopping service answers new requests with an error and finishes what it has") {
  Fixture f;
  f.add<&Service::waits>();
  const auto& slow = f.add(cliffracer::listener<&Service::on_slow>{.subject = "a.*"});
  f.call("waits", {{"correlation_id", "a"}});
  f.hear(slow, "a.1");
  f.hear(slow, "a.2");
  f.dispatcher.stop_accepting();

  f.call("waits", {{"correlation_id", "b"}});
  CHECK(f.reply() == error("service is stopping", "b"));
  f.hear(slow, "a.3");
  CHECK(f.lines() ==
        Lines{"warning: service s: message on a.3 refused: service is stopping (correlation id c)"});

  f.on_strand([&] { f.service.gate.open(); });
  f.on_strand([&] { f.service.gate.open(); });
  REQUIRE(f.replies.size() == 2);
  CHECK(json::parse(f.replies[1]).at("result") == "a a");
  CHECK(f.service.heard == Lines{"begin a.1 c", "end a.1 {} c", "begin a.2 c", "end a.2 {} c"});
  f.run_all();
  CHECK(f.tasks.empty());

  // It can start again.
  f.dispatcher.start_accepting(f.workers.get_executor());
  f.hear(slow, "a.4");
  CHECK(f.service.heard.back() == "begin a.4 c");
  f.on_strand([&] { f.service.gate.open(); });
}

TEST_CASE("a cancelled request is answered, a cancelled listener names what it leaves undone") {
  Fixture f;
  f.add<&Service::waits>();
  const auto& slow = f.add(cliffracer::listener<&Service::on_slow>{.subject = "a.*"});
  f.call("waits");
  f.hear(slow, "a.1");
  f.hear(slow, "a.2");
  f.hear(slow, "a.3");
  f.dispatcher.stop_accepting();
  f.on_strand([&] { f.tasks.cancel(); });
  CHECK(f.reply() == error("service is stopping"));
  CHECK(f.service.heard == Lines{"begin a.1 c"});
  CHECK(f.lines() ==
        Lines{"warning: service s: rpc waits cancelled: service is stopping (correlation id c)",
              "warning: service s: listener on_slow cancelled: service is stopping (correlation id c)",
              "warning: service s: listener on_slow: 2 waiting messages dropped: service is stopping"});
  f.run_all();
  CHECK(f.tasks.empty());
  CHECK(f.escaped_tasks.empty());
}

TEST_CASE("a plain method that works when its request is cancelled is waited for") {
  Fixture f;
  f.add<&Service::stops_service>();
  f.service.stop = [&] {
    f.dispatcher.stop_accepting();
    f.on_strand([&] { f.tasks.cancel(); });
    CHECK(f.tasks.names() == Lines{"rpc stops_service"});
  };
  f.call("stops_service");
  f.run_all();
  CHECK(f.reply() == result("done"));
  CHECK(f.tasks.empty());
}

TEST_CASE("a plain method that still waits for a worker when its request is cancelled does not begin") {
  Fixture f;
  f.add<&Service::id>();
  f.call("id");
  f.dispatcher.stop_accepting();
  f.on_strand([&] { f.tasks.cancel(); });
  f.run_all();
  CHECK(f.reply() == error("service is stopping"));
  CHECK(f.tasks.empty());
}

TEST_CASE("requests on real worker threads answer each with its own correlation id") {
  Fixture f;
  asio::thread_pool pool{3};
  f.add<&Service::id>();
  f.dispatcher.start_accepting(pool.get_executor());
  for (int i = 0; i < 200; ++i) {
    asio::post(f.strand, [&f, i] {
      f.dispatcher.on_request(Fixture::message("s.rpc.id", {{"correlation_id", std::to_string(i)}}));
    });
  }
  f.io.restart();
  std::thread second{[&] { f.io.run(); }};
  f.io.run();
  second.join();
  pool.join();
  REQUIRE(f.replies.size() == 200);
  for (const auto& text : f.replies) {
    const json reply = json::parse(text);
    CHECK(reply.at("result") == reply.at("correlation_id"));
  }
  CHECK(f.tasks.empty());
}

TEST_CASE("too many messages at a time are refused with an error and two lines of the log") {
  Fixture f{300};
  f.add<&Service::waits>();
  for (int i = 0; i < 305; ++i) f.call("waits", {{"correlation_id", "c"}});
  REQUIRE(f.replies.size() == 5);
  CHECK(json::parse(f.replies[4]).at("error") == "service is overloaded");
  CHECK(f.lines() == Lines{"warning: service s: 300 messages wait or are handled: more are refused"});
  CHECK(f.dispatcher.refused() == 5);
  f.on_strand([&] { f.service.gate.open(); });
  f.run_all();
  CHECK(f.replies.size() == 305);
  CHECK(f.log.count("refused messages since there were too many: 5") == 1);
  f.call("waits");
  CHECK(f.tasks.names() == Lines{"rpc waits"});
  f.on_strand([&] { f.service.gate.open(); });
  f.run_all();
  CHECK(f.replies.size() == 306);
}

TEST_CASE("a handler's work is a span of its own in the trace of its message") {
  Fixture f;
  SECTION("on a worker") { f.add<&Service::trace>(); }
  SECTION("on the event loop") { f.add(cliffracer::rpc<&Service::trace>{.run_on = RunOn::event_loop}); }
  SECTION("in a coroutine, before and after it waits") {
    f.add(cliffracer::rpc<&Service::trace_later>{.name = "trace"});
  }
  const Trace sender = make_trace();
  Inbound message = Fixture::message("s.rpc.trace");
  message.headers.trace = sender;
  f.on_strand([&] { f.dispatcher.on_request(std::move(message)); });
  f.run_all();
  const auto seen = parse_traceparent(f.reply().at("result").get<std::string>());
  REQUIRE(seen.has_value());
  CHECK(trace_id_text(*seen) == trace_id_text(sender));
  CHECK(seen->span != sender.span);
  CHECK(f.headers_of_replies.at(0).trace == *seen);

  // Without one it begins a trace, another one each time.
  f.call("trace");
  f.run_all();
  f.call("trace");
  f.run_all();
  REQUIRE(f.headers_of_replies.size() == 3);
  CHECK(f.headers_of_replies[1].trace.is_valid());
  CHECK(json::parse(f.replies[1]).at("result") == traceparent_of(f.headers_of_replies[1].trace));
  CHECK(trace_id_text(f.headers_of_replies[1].trace) != trace_id_text(f.headers_of_replies[2].trace));
}

TEST_CASE("a listener continues the trace of its message, and the log has it") {
  Fixture f;
  const auto& handler = f.add(cliffracer::listener<&Service::on_plain>{.subject = "a"});
  Inbound message = Fixture::message("a", {{"fail", true}}, "");
  const Trace sender = message.headers.trace = make_trace();
  f.on_strand([&] { f.dispatcher.on_event(handler, std::move(message)); });
  f.run_all();
  CHECK(f.log.lines() ==
        Lines{"error: service s: listener on_plain failed: unknown exception (correlation id c, trace " +
              trace_id_text(sender) + ")"});
}

TEST_CASE("an error reply has headers that say what and whose fault it is") {
  Fixture f{2};
  f.add<&Service::waits>();
  f.add<&Service::fails>();
  f.add<&Service::limited>();
  f.add<&Service::echo>();
  std::string text;
  int code = 0;
  SECTION("no such method") {
    f.call("no_such");
    text = "Unknown method: no_such";
    code = 404;
  }
  SECTION("no JSON") {
    Inbound message = Fixture::message("s.rpc.echo", nullptr);
    message.payload_error = text = "malformed JSON at byte 3";
    f.on_strand([&] { f.dispatcher.on_request(std::move(message)); });
    code = 400;
  }
  SECTION("bad argument") {
    f.call("limited", {{"limit", "five"}});
    code = 400;
  }
  SECTION("the method's failure, in one line") {
    f.call("fails");
    text = "first second";
    code = 500;
  }
  SECTION("too many") {
    for (int i = 0; i < 3; ++i) f.call("waits");
    text = "service is overloaded";
    code = 429;
  }
  SECTION("stopping") {
    f.dispatcher.stop_accepting();
    f.call("echo");
    text = "service is stopping";
    code = 503;
  }
  SECTION("stopping, and no such method") {
    f.dispatcher.stop_accepting();
    f.call("no_such");
    text = "service is stopping";
    code = 503;
  }
  SECTION("none at all with a result") { f.call("echo"); }
  f.run_all();
  REQUIRE(f.headers_of_replies.size() == 1);
  const MessageHeaders& headers = f.headers_of_replies.front();
  CHECK(headers.service_error_code == code);
  CHECK(headers.service_error.empty() == (code == 0));
  if (!text.empty()) CHECK(headers.service_error == text);
  CHECK(json::parse(f.replies.front()).contains("error") == (code != 0));
  f.on_strand([&] { f.service.gate.open(); });
}

TEST_CASE("each method counts its requests, its errors and the time it takes") {
  using namespace std::chrono_literals;
  Fixture f{1};
  f.add<&Service::waits>();
  f.add<&Service::fails>();
  CHECK(f.stats().requests == 0);
  CHECK(f.stats().last_error.empty());

  f.call("waits");
  CHECK(f.stats().requests == 0);  // it is not answered yet
  f.call("waits");                 // one too many
  CHECK(f.stats().requests == 1);
  CHECK(f.stats().errors == 1);
  CHECK(f.stats().last_error == "service is overloaded");
  f.time.pass(3s);
  f.on_strand([&] { f.service.gate.open(); });
  CHECK(f.stats().requests == 2);
  CHECK(f.stats().errors == 1);
  CHECK(f.stats().processing_time == 3s);

  f.call("waits", json::array());
  CHECK(f.stats().last_error == "payload is not a JSON object");
  f.dispatcher.stop_accepting();
  f.call("waits");
  CHECK(f.stats().last_error == "service is stopping");
  CHECK(f.stats().requests == 4);
  CHECK(f.stats().errors == 3);

  // What is fired and forgotten counts as well.
  f.dispatcher.start_accepting(f.workers.get_executor());
  f.on_strand([&] { f.dispatcher.on_async(Fixture::message("s.async.fails")); });
  f.run_all();
  CHECK(f.stats(1).requests == 1);
  CHECK(f.stats(1).last_error == "first\nsecond");
}

namespace {

json pause_all(void* object, Request& request) {
  static_cast<Service*>(object)->heard.push_back(request.subject + " " + request.payload.dump());
  return "paused";
}

}  // namespace

TEST_CASE("a built-in method has a name of several tokens, which no method of a service can have") {
  Fixture f;
  f.add<&Service::echo>();
  f.dispatcher.add_builtin({.kind = MessageKind::rpc,
                            .name = "timers.pause",
                            .run_on = RunOn::event_loop,
                            .object = &f.service,
                            .call = &pause_all});
  f.call("timers.pause", {{"name", "a"}});
  CHECK(f.reply() == result("paused"));
  CHECK(f.service.heard == Lines{"s.rpc.timers.pause {\"name\":\"a\"}"});
  CHECK(f.stats(1).requests == 1);
  CHECK(f.dispatcher.handlers().at(1).is_builtin);
  // Neither by its last token, nor by more of them.
  for (const char* other : {"pause", "timers", "timers.echo", "x.timers.pause"}) {
    f.replies.clear();
    f.call(other);
    CHECK(f.reply() == error(std::string{"Unknown method: "} + other));
  }
  f.on_strand([&] { f.dispatcher.on_async(Fixture::message("s.async.timers.pause")); });
  CHECK(f.service.heard.size() == 2);
}

TEST_CASE("a handler that holds the event loop is named, in more lines only when it gets much worse") {
  using namespace std::chrono_literals;
  Fixture f;
  Lines told;
  f.dispatcher.set_blocking_threshold(100ms);
  f.dispatcher.on_blocked([&](const std::string& label, TimePoint began, TimePoint ended) {
    told.push_back(label + " " + std::to_string((ended - began) / 1ms));
  });
  f.service.time = &f.time;
  SECTION("a coroutine: each time between two waits for itself") {
    f.add<&Service::holds>();
    f.call("holds", {{"first", 99}, {"second", 99}});
    CHECK(told.empty());
    f.call("holds", {{"first", 10}, {"second", 100}});
    CHECK(told == Lines{"rpc holds 100"});
    CHECK(f.lines() ==
          Lines{"warning: service s: rpc holds held the event loop for 0.100 s: nothing else ran "
                "meanwhile (correlation id c)"});
    f.call("holds", {{"first", 150}, {"second", 199}});
    CHECK(told.size() == 3);
    CHECK(f.lines().size() == 1);
    f.call("holds", {{"first", 200}, {"second", 0}});
    CHECK(told.back() == "rpc holds 200");
    CHECK(f.lines().size() == 2);
  }
  SECTION("a plain method on the event loop") {
    f.add(cliffracer::rpc<&Service::holds_plain>{.run_on = RunOn::event_loop});
    f.call("holds_plain");
    CHECK(told == Lines{"rpc holds_plain 5000"});
  }
  SECTION("a listener") {
    const auto& handler =
        f.add(cliffracer::listener<&Service::on_holding>{.subject = "a", .run_on = RunOn::event_loop});
    f.hear(handler, "a");
    CHECK(told == Lines{"listener on_holding 5000"});
    CHECK(f.lines().size() == 1);
  }
  SECTION("not what a handler leaves behind") {
    f.add<&Service::leaves_behind>();
    f.call("leaves_behind");
    CHECK(told == Lines{"rpc leaves_behind 200"});
  }
  SECTION("not a plain method on a worker") {
    f.add<&Service::holds_plain>();
    f.call("holds_plain");
    f.run_all();
    CHECK(told.empty());
  }
  SECTION("not with a threshold of 0") {
    f.dispatcher.set_blocking_threshold(0ms);
    f.add(cliffracer::rpc<&Service::holds_plain>{.run_on = RunOn::event_loop});
    f.call("holds_plain");
    CHECK(told.empty());
    CHECK(f.log.lines().empty());
  }
  SECTION("what the one who is told throws stays inside") {
    f.dispatcher.on_blocked([](const std::string&, TimePoint, TimePoint) { throw 42; });
    f.add(cliffracer::rpc<&Service::holds_plain>{.run_on = RunOn::event_loop});
    f.call("holds_plain");
    CHECK(f.reply() == result(nullptr));
  }
}
