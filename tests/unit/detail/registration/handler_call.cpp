#include <cliffracer/detail/registration/handler_call.hpp>

#include <stdexcept>
#include <string>

#include "support/catch.hpp"

using namespace cliffracer::detail;

namespace {

struct Mute : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

/// Its from_json throws what the arguments say.
struct Picky {};
void from_json(const nlohmann::json& json, Picky&) {
  if (json.at("throw") == "number") throw 42;
  if (json.at("throw") == "error") throw std::runtime_error{"too many"};
  if (json.at("throw") == "mute") throw Mute{};
}

class Service {
 public:
  bool take(Picky) { return true; }
};

/// What the caller is told; "taken" when the method ran.
std::string answer_to(const char* thrown) {
  using Method = bool (Service::*)(Picky);
  Service service;
  Request request;
  request.payload = {{"throw", thrown}};
  try {
    HandlerCall<Method, &Service::take>::call(&service, request);
    return "taken";
  } catch (const BadArgument& refused) {
    return refused.what();
  }
}

}  // namespace

TEST_CASE("whatever from_json throws makes the argument a bad one") {
  CHECK(answer_to("nothing") == "taken");
  CHECK(answer_to("error") == "too many");
  CHECK(answer_to("mute").empty());
  CHECK(answer_to("number") == "unknown exception");
}
