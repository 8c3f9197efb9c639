// RPC requests: whatever comes in, one answer goes out, JSON with a result or an error, and the method gets
// what was sent or is not called.
//
// Input: a line with the method (with a '!' before it nobody waits for an answer), a line with the
// correlation id's header, and then the payload.

#include "arguments.hpp"
#include "fuzz.hpp"
#include "service_side.hpp"

#include <cliffracer/rpc.hpp>

#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using cliffracer::rpc;
using fuzz::require;
using nlohmann::json;

class Service {
 public:
  asio::awaitable<json> echo(json arguments) {
    note_call();
    co_return arguments;
  }
  json echo_on_worker(const json& arguments) {
    note_call();
    return arguments;
  }
  asio::awaitable<fuzz::Arguments> typed(fuzz::Arguments arguments) {
    note_call();
    // Somebody else's turn: the frame must keep all it has.
    co_await asio::post(asio::use_awaitable);
    note_call();
    co_return arguments;
  }
  fuzz::Arguments typed_on_worker(const fuzz::Arguments& arguments) {
    note_call();
    return arguments;
  }
  fuzz::Place place(const fuzz::Place& arguments) { return arguments; }
  void nothing() {}
  void fails(const json& arguments) { throw std::runtime_error{arguments.value("text", "no text")}; }
  asio::awaitable<void> throws_number() {
    co_await asio::post(asio::use_awaitable);
    throw 42;
  }

  std::string correlation_id;

 private:
  void note_call() {
    const auto* current = cliffracer::detail::current_work_context();
    require(current != nullptr, "a method has a context");
    correlation_id = current->correlation_id();
  }
};

class Desk : public fuzz::ServiceSide<Service> {
 public:
  Desk() {
    using cliffracer::RunOn;
    add(rpc<&Service::echo>{});
    add(rpc<&Service::echo_on_worker>{});
    add(rpc<&Service::typed>{});
    add(rpc<&Service::typed_on_worker>{});
    add(rpc<&Service::place>{.run_on = RunOn::event_loop});
    add(rpc<&Service::nothing>{.run_on = RunOn::event_loop});
    add(rpc<&Service::fails>{.run_on = RunOn::event_loop});
    add(rpc<&Service::throws_number>{});
  }
};

/// As a text is in JSON that was made of it: bytes that are no UTF-8 are replaced.
std::string in_json(const std::string& text) {
  return json::parse(cliffracer::detail::to_text(text)).get<std::string>();
}

/// The correlation id that belongs to the message; empty: one is made.
std::string expected_id(const std::string& header, const json& payload) {
  using cliffracer::detail::is_usable_correlation_id;
  if (payload.is_object() && payload.contains("correlation_id")) {
    const json& id = payload.at("correlation_id");
    if (id.is_string() && is_usable_correlation_id(id.get_ref<const std::string&>())) return id;
  }
  return is_usable_correlation_id(header) ? header : "";
}

bool is_timestamp(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  if (text.size() != form.size()) return false;
  for (std::size_t n = 0; n < form.size(); ++n) {
    const bool digit = text[n] >= '0' && text[n] <= '9';
    if (form[n] == 'd' ? !digit : text[n] != form[n]) return false;
  }
  return true;
}

/// Each argument that was sent is what the method got, and the others are its defaults.
void check_arguments(const json& sent, const json& got) {
  static const json defaults = fuzz::Arguments{};
  for (const auto& [name, value] : defaults.items())
    require(got.at(name) == sent.value(name, value), "an argument is what was sent, or its default");
}

void check_result(std::string_view method, const json& sent, const json& result) {
  if (method.starts_with("echo"))
    require(result == sent, "arguments come and go unchanged");
  else if (method.starts_with("typed"))
    check_arguments(sent, result);
  else if (method == "place")
    for (const auto& [name, value] : result.items())
      require(value == sent.at(name) || name == "width" || name == "measurements",
              "members are what was sent");
  else if (method == "nothing")
    require(result.is_null(), "a method without a result gives null");
  else
    require(false, "a method that throws, or is not there, has no result");
}

/// What Service::fails() throws; the text of an exception ends at a NUL.
std::string what_fails_says(const json& sent) {
  try {
    return sent.value("text", "no text").c_str();
  } catch (const json::exception& error) {
    return error.what();
  }
}

void check_error(std::string_view method, const json& sent, const json& error) {
  require(error.is_string(), "an error is a text");
  const auto& text = error.get_ref<const std::string&>();
  if (text.starts_with("bad argument: ") || text.starts_with("Unknown method: ")) return;
  if (method == "fails")
    require(!sent.is_object() || text == what_fails_says(sent), "an exception's text is the error");
  else if (method == "throws_number")
    require(text == "unknown exception" || !sent.is_object(), "what is no exception has a text of its own");
  else
    require(!sent.is_object(), "only a payload that is no object is refused");
}

void check_reply(const fuzz::SentReply& reply, std::string_view method, const json& sent,
                 const std::string& expected) {
  require(reply.subject == "_INBOX.reply", "the answer goes where the request says");
  require(cliffracer::detail::is_usable_correlation_id(reply.headers.correlation_id), "the header is usable");
  require(
      expected.empty() ? reply.headers.correlation_id.size() == 36 : reply.headers.correlation_id == expected,
      "the correlation id is the request's, or a new one");
  const json answer = json::parse(reply.payload, nullptr, false);
  require(answer.is_object() && answer.size() == 3, "an answer is a JSON object of three members");
  require(answer.contains("result") != answer.contains("error"), "it has a result or an error");
  require(is_timestamp(answer.at("timestamp").get_ref<const std::string&>()), "it has the time");
  require(answer.at("correlation_id") == in_json(reply.headers.correlation_id), "it has the correlation id");
  require(reply.headers.trace.is_valid(), "it has a trace");
  require(answer.contains("error") == (reply.headers.service_error_code != 0),
          "an error has a code, and only that");
  require(reply.headers.service_error.empty() == (reply.headers.service_error_code == 0), "and a text");
  if (answer.contains("result"))
    check_result(method, sent, answer.at("result"));
  else
    check_error(method, sent, answer.at("error"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Desk desk;
  fuzz::Parts parts{data, size, '\n'};
  std::string_view method = parts.next();
  const std::string header{parts.next()};
  const bool awaited = !method.starts_with('!');
  if (!awaited) method.remove_prefix(1);

  auto message = fuzz::inbound("service.rpc." + std::string{method}, header, parts.rest());
  json sent = message.payload;
  const std::string expected = expected_id(header, sent);
  if (sent.is_object()) sent.erase("correlation_id");
  desk.service.correlation_id.clear();
  if (awaited)
    desk.request(std::move(message));
  else
    desk.async(std::move(message));

  const std::vector<fuzz::SentReply> replies = desk.take_replies();
  require(replies.size() == (awaited ? 1 : 0), "one who waits gets one answer");
  if (awaited) check_reply(replies.front(), method, sent, expected);
  if (const std::string& id = desk.service.correlation_id; !id.empty())
    require(expected.empty() ? id.size() == 36 : id == expected,
            "the method has the request's correlation id");
  require(desk.log.take_problems() <= 1, "a message makes one line of the log at most");
  return 0;
}
