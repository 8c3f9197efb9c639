#include "support/catch.hpp"

#include <cliffracer/detail/cluster/bucket_answers.hpp>

#include <string>

using cliffracer::detail::Announcement;
using cliffracer::detail::announcement_in;
using cliffracer::detail::BucketError;
using cliffracer::detail::ClaimAttempt;
using cliffracer::detail::created_by;
using cliffracer::detail::error_in;
using cliffracer::detail::value_in;
using Json = nlohmann::json;
using Created = ClaimAttempt::Created;

namespace {

Created created(const std::string& text) {
  const Json answer = Json::parse(text);
  return created_by(answer, error_in(answer));
}

}  // namespace

TEST_CASE("the answer to a create says what became of it") {
  CHECK(created(R"({"stream":"KV_b","seq":12})") == Created::stored);
  CHECK(created(R"({"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 5"},
                    "stream":"KV_b","seq":0})") == Created::taken);
  CHECK(created(R"({"error":{"code":503,"err_code":10077,"description":"full"},"stream":"KV_b","seq":0})") ==
        Created::refused);
}

TEST_CASE("what is no answer of JetStream's proves nothing") {
  CHECK(created("{}") == Created::no_answer);
  CHECK(created(R"({"seq":12})") == Created::no_answer);
  CHECK(created(R"({"stream":"KV_b","seq":0})") == Created::no_answer);
  CHECK(created(R"({"stream":"KV_b","seq":"12"})") == Created::no_answer);
  CHECK(created(R"({"error":{"err_code":"10071"}})") == Created::refused);
  CHECK(error_in(Json::array())->text == "the answer is no object");
}

TEST_CASE("a value is read from the answer to a get") {
  CHECK(value_in(Json::parse(R"({"message":{"subject":"a","seq":1,"data":"aGFsbG8="}})")) == "hallo");
  CHECK_FALSE(value_in(Json::parse(R"({"error":{"code":404,"err_code":10037}})")));
  CHECK_FALSE(value_in(Json::parse(R"({"message":{"seq":1}})")));
  CHECK_FALSE(value_in(Json::parse(R"({"message":{"data":"%"}})")));
  CHECK_FALSE(value_in(Json::parse(R"({"message":7})")));
  CHECK_FALSE(value_in(Json::array()));
}

TEST_CASE("an announcement is read as it was written") {
  const Announcement running{.owner = "a", .token = 12, .beat = 3};
  CHECK(announcement_in(text_of(running)) == running);
  const Announcement ended{.owner = "a", .token = 12, .has_ended = true};
  CHECK(announcement_in(text_of(ended)) == ended);
}

TEST_CASE("an announcement of a version that counted ticks is none, nor is this one's to that version") {
  CHECK_FALSE(announcement_in(std::string{R"({"owner":"a","tick":29539320,"beat":3})"}));
  CHECK_FALSE(Json::parse(text_of(Announcement{.owner = "a", .token = 1'772'359'200'000})).contains("tick"));
}

TEST_CASE("what is no announcement is none") {
  for (const char* const text :
       {"", "7", "[]", "{", R"({"owner":"a"})", R"({"token":1})", R"({"owner":"","token":1})",
        R"({"owner":"a","token":-1})", R"({"owner":"a","token":1.5})", R"({"owner":7,"token":1})"}) {
    CHECK_FALSE(announcement_in(std::string{text}));
  }
}
