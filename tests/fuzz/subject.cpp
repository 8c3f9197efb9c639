// Subjects and names: the rules agree with a model written apart from them, and what passes them is one word
// of NATS's protocol, with as many tokens as it shall have.
//
// Input: a letter that says which refusal is tried (exceptions are slow), and then three lines, of which the
// last may have anything in it: service, method, subject.

#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/text/subject.hpp>

#include "fuzz.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace cliffracer::detail;
using fuzz::require;

struct Model {
  bool token = true;
  bool publish = true;
  bool subscription = true;
};

/// One pass over the bytes that remembers of a token how long it is and what it is made of.
Model model_of(std::string_view text) {
  Model is;
  std::size_t length = 0;
  bool star = false;
  bool tail = false;
  const auto end_token = [&](bool last) {
    if (length == 0) is = {false, false, false};
    if (star || tail) is.token = is.publish = false;
    if ((star || tail) && length != 1) is.subscription = false;
    if (tail && !last) is.subscription = false;
    length = 0;
    star = tail = false;
  };
  for (const char c : text) {
    if (c == '.') {
      is.token = false;
      end_token(false);
      continue;
    }
    ++length;
    if (c == '*') star = true;
    if (c == '>') tail = true;
    if (c == ' ' || fuzz::is_control(c)) is = {false, false, false};
  }
  end_token(true);
  if (text.size() > 1024) is = {false, false, false};
  return is;
}

/// What throws must name what it refuses on one line.
template <class Function>
bool is_refused(const Function& function) {
  try {
    function();
    return false;
  } catch (const std::invalid_argument& error) {
    require(!fuzz::shows_control(error.what()), "a refusal is one line of text");
    require(std::string_view{error.what()}.size() < 1024, "a refusal is short");
    return true;
  }
}

void check_rules(std::string_view text) {
  const Model model = model_of(text);
  require(is_subject_token(text) == model.token, "token: as the model");
  require(is_publish_subject(text) == model.publish, "publish subject: as the model");
  require(is_subscription_subject(text) == model.subscription, "subscription subject: as the model");
  require(!model.token || model.publish, "a token is a subject");
  require(!model.publish || model.subscription, "what is published to can be subscribed to");
}

void check_publish_subject(std::string_view text) {
  require(is_refused([&] { require_publish_subject(text); }) != model_of(text).publish,
          "require_publish_subject refuses what breaks the rule, and nothing else");
}

void check_subscription_subject(std::string_view text) {
  require(is_refused([&] { require_subscription_subject(text); }) != model_of(text).subscription,
          "require_subscription_subject refuses what breaks the rule, and nothing else");
}

void check_method_subject(std::string_view service, std::string_view method) {
  std::string subject;
  const bool refused = is_refused([&] { subject = method_subject("call_rpc", service, "rpc", method); });
  const bool valid = model_of(service).token && model_of(method).token;
  require(refused != valid, "method_subject takes names and nothing else");
  if (refused) return;
  require(model_of(subject).publish || subject.size() > 1024, "method_subject makes a subject");
  std::size_t dots = 0;
  for (const char c : subject) dots += c == '.' ? 1 : 0;
  require(dots == 2, "a method's subject has three tokens, whatever the names are");
  require(subject.starts_with(service) && subject.ends_with(method), "the names are in it as they are");
}

void check_handler(std::string_view name, std::string_view subject, std::string_view queue_group) {
  HandlerRegistration handler{.kind = MessageKind::listener,
                              .name = std::string{name},
                              .subject = std::string{subject},
                              .queue_group = std::string{queue_group},
                              .run_on = cliffracer::RunOn::event_loop,
                              .object = nullptr};
  const bool valid = model_of(name).token && model_of(subject).subscription &&
                     (queue_group.empty() || model_of(queue_group).token);
  require(is_refused([&] { check_validity("service", handler); }) != valid,
          "a listener is refused for its name, subject or group, and for nothing else");
  require(!fuzz::shows_control(label(handler)), "a handler's label is safe for a log");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  fuzz::Parts parts{data + 1, size - 1, '\n'};
  const std::string_view service = parts.next();
  const std::string_view method = parts.next();
  const std::string_view subject = parts.rest();
  check_rules(service);
  check_rules(method);
  check_rules(subject);
  switch (data[0]) {
    case 'm':
      check_method_subject(service, method);
      break;
    case 'h':
      check_handler(method, subject, service);
      break;
    case 's':
      check_subscription_subject(subject);
      break;
    default:
      check_publish_subject(subject);
  }
  return 0;
}
