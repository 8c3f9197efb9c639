// Events: a listener gets the messages that are objects which fit, in their order, each of the others makes
// one warning, and nobody is answered.
//
// Input: a line with a digit for the listener, a line with the subject, a line with the correlation id's
// header, and then payloads, each up to a byte 0xff.

#include "arguments.hpp"
#include "fuzz.hpp"
#include "service_side.hpp"

#include <cliffracer/listener.hpp>

#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using cliffracer::listener;
using cliffracer::detail::Inbound;
using fuzz::require;
using nlohmann::json;

struct Heard {
  std::string subject;
  json event;
  std::string correlation_id;
};

class Service {
 public:
  asio::awaitable<void> on_event(std::string_view subject, json event) {
    hear(subject, event);
    // Somebody else's turn: the frame must keep all it has, and the next message must wait.
    co_await asio::post(asio::use_awaitable);
    require(heard.back().subject == subject && heard.back().event == event, "one message at a time");
    require(heard.back().correlation_id == current(), "a message keeps its correlation id");
    if (event.contains("fail")) throw std::runtime_error{event.value("fail", "")};
  }
  void on_worker(std::string_view subject, const json& event) {
    hear(subject, event);
    if (event.contains("fail")) throw 42;
  }
  asio::awaitable<void> on_arguments(std::string_view subject, fuzz::Arguments arguments) {
    hear(subject, json(arguments));
    co_return;
  }
  void on_place(std::string_view subject, const fuzz::Place& place) { hear(subject, json(place)); }

  std::vector<Heard> heard;

 private:
  static std::string current() {
    const auto* context = cliffracer::detail::current_work_context();
    require(context != nullptr, "a listener has a context");
    return context->correlation_id();
  }
  void hear(std::string_view subject, const json& event) {
    heard.push_back({std::string{subject}, event, current()});
  }
};

class Desk : public fuzz::ServiceSide<Service> {
 public:
  Desk()
      : listeners{&add(listener<&Service::on_event>{.subject = "events.>"}),
                  &add(listener<&Service::on_worker>{.subject = "events.>"}),
                  &add(listener<&Service::on_arguments>{.subject = "events.>"}),
                  &add(listener<&Service::on_place>{.subject = "events.>"})} {}

  const std::array<const cliffracer::detail::MessageHandler*, 4> listeners;
};

/// Whether `event` becomes a Class, and what it is then.
template <class Class>
bool fits(json& event) {
  try {
    event = json(event.get<Class>());
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool is_heard(std::size_t which, json& event) {
  if (!event.is_object()) return false;
  event.erase("correlation_id");
  if (which == 2) return fits<fuzz::Arguments>(event);
  if (which == 3) return fits<fuzz::Place>(event);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t most = 4;
  static Desk desk;
  fuzz::Parts lines{data, size, '\n'};
  const std::string_view digit = lines.next();
  const std::size_t which = digit.empty() ? 0 : static_cast<unsigned char>(digit[0]) % 4U;
  const std::string subject{lines.next()};
  const std::string header{lines.next()};
  fuzz::Parts payloads{reinterpret_cast<const std::uint8_t*>(lines.rest().data()), lines.rest().size(),
                       '\xff'};

  std::vector<Inbound> messages;
  std::vector<json> expected;
  std::size_t problems = 0;
  do {
    messages.push_back(fuzz::inbound(subject, header, payloads.next()));
    json event = messages.back().payload;
    const bool heard = is_heard(which, event);
    if (!heard || (which < 2 && event.contains("fail"))) ++problems;
    if (heard) expected.push_back(std::move(event));
  } while (!payloads.rest().empty() && messages.size() < most);

  desk.service.heard.clear();
  desk.events(*desk.listeners.at(which), std::move(messages));

  require(desk.take_replies().empty(), "nobody is answered for an event");
  require(desk.log.take_problems() == problems, "each message that is refused or fails makes one line");
  const std::vector<Heard>& heard = desk.service.heard;
  require(heard.size() == expected.size(), "a listener hears what fits, and nothing else");
  for (std::size_t n = 0; n < heard.size(); ++n) {
    require(heard[n].subject == subject, "a listener gets the subject as it is");
    require(heard[n].event == expected[n], "events come unchanged and in their order");
    require(cliffracer::detail::is_usable_correlation_id(heard[n].correlation_id),
            "every event has a usable correlation id");
  }
  return 0;
}
