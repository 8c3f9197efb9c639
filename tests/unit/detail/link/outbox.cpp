#include <cliffracer/detail/link/outbox.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/catch.hpp"

using namespace cliffracer::detail;
using namespace std::chrono_literals;

namespace {

const TimePoint now{1h};
constexpr std::size_t plenty = 1'000'000;

OutboxMessage message(std::string subject, std::string payload = {}) {
  OutboxMessage out;
  out.subject = std::move(subject);
  out.payload = std::move(payload);
  return out;
}

std::string subjects(const std::vector<OutboxMessage>& batch) {
  std::string out;
  for (const OutboxMessage& one : batch) out += one.subject;
  return out;
}

bool is_refused(Outbox& outbox, OutboxMessage one) {
  try {
    outbox.push(std::move(one));
  } catch (const std::system_error& refused) {
    return refused.code() == std::errc::no_buffer_space;
  }
  return false;
}

}  // namespace

TEST_CASE("an outbox gives back what was pushed, in order") {
  Outbox outbox{10, plenty};
  for (const char* subject : {"a", "b", "c"}) outbox.push(message(subject));
  CHECK(subjects(outbox.take(2, plenty, now)) == "ab");
  outbox.settle();
  CHECK(subjects(outbox.take(2, plenty, now)) == "c");
  outbox.settle();
  CHECK(outbox.empty());
  CHECK(outbox.messages() == 0);
  CHECK(outbox.bytes() == 0);
}

TEST_CASE("an outbox refuses one message more than its bound") {
  Outbox outbox{2, plenty};
  outbox.push(message("a"));
  outbox.push(message("b"));
  CHECK(is_refused(outbox, message("c")));
  CHECK(outbox.messages() == 2);
}

TEST_CASE("an outbox refuses bytes beyond its bound, and bytes include everything that a message holds") {
  const std::size_t one = message("a", "1234").bytes();
  CHECK(one >= sizeof(OutboxMessage) + 5);
  Outbox outbox{10, 2 * one};
  outbox.push(message("a", "1234"));
  outbox.push(message("b", "1234"));
  CHECK(outbox.bytes() == 2 * one);
  CHECK(is_refused(outbox, message("c")));
  Outbox small{10, 10};
  CHECK(is_refused(small, message("a")));
}

TEST_CASE("messages that were taken count until they are settled") {
  Outbox outbox{2, plenty};
  outbox.push(message("a"));
  outbox.push(message("b"));
  const auto batch = outbox.take(2, plenty, now);
  CHECK(batch.size() == 2);
  CHECK(outbox.messages() == 2);
  CHECK(outbox.bytes() > 0);
  CHECK(is_refused(outbox, message("c")));
  outbox.settle();
  CHECK(outbox.messages() == 0);
  CHECK_FALSE(is_refused(outbox, message("c")));
}

TEST_CASE("what is put back comes first again, in its order") {
  Outbox outbox{10, plenty};
  for (const char* subject : {"a", "b", "c", "d"}) outbox.push(message(subject));
  const std::size_t bytes = outbox.bytes();
  auto batch = outbox.take(3, plenty, now);
  outbox.push(message("e"));
  batch.erase(batch.begin());
  outbox.put_back(std::move(batch));
  CHECK(outbox.messages() == 4);
  CHECK(outbox.bytes() == bytes);
  CHECK(subjects(outbox.take(10, plenty, now)) == "bcde");
}

TEST_CASE("a batch ends when it has enough bytes but holds at least one message") {
  Outbox outbox{10, plenty};
  for (const char* subject : {"a", "b", "c"}) outbox.push(message(subject, std::string(1000, 'x')));
  CHECK(subjects(outbox.take(10, 1, now)) == "a");
  outbox.settle();
  CHECK(subjects(outbox.take(10, 2000, now)) == "bc");
}

TEST_CASE("a request whose deadline has passed is dropped when it is taken, and counted") {
  Outbox outbox{10, plenty};
  auto late = message("late");
  late.deadline = now;
  auto timely = message("timely");
  timely.deadline = now + 1ns;
  outbox.push(std::move(late));
  outbox.push(std::move(timely));
  CHECK(subjects(outbox.take(10, plenty, now)) == "timely");
  CHECK(outbox.expired() == 1);
  CHECK(outbox.messages() == 1);
}

TEST_CASE("a request whose caller has given up is dropped when it is taken") {
  Outbox outbox{10, plenty};
  auto abandoned = message("a");
  abandoned.abandoned = std::make_shared<std::atomic<bool>>(false);
  const auto flag = abandoned.abandoned;
  outbox.push(std::move(abandoned));
  flag->store(true);
  CHECK(outbox.take(10, plenty, now).empty());
  CHECK(outbox.expired() == 1);
  CHECK(outbox.empty());
  CHECK(outbox.bytes() == 0);
}

TEST_CASE("discarding counts what is lost apart from what nobody waits for") {
  Outbox outbox{10, plenty};
  outbox.push(message("a"));
  outbox.push(message("b"));
  auto late = message("late");
  late.deadline = now - 1s;
  outbox.push(std::move(late));
  CHECK(outbox.discard(now) == 2);
  CHECK(outbox.expired() == 1);
  CHECK(outbox.empty());
  CHECK(outbox.bytes() == 0);
}

TEST_CASE("an outbox refuses what is above the broker's limit, a header counts too") {
  Outbox outbox{10, plenty};
  CHECK_FALSE(is_refused(outbox, message("a", std::string(101, 'x'))));
  outbox.set_max_payload(100);
  CHECK_FALSE(is_refused(outbox, message("a", std::string(100, 'x'))));
  auto with_header = message("a", std::string(90, 'x'));
  with_header.headers.correlation_id = "id";
  for (OutboxMessage one : {message("a", std::string(101, 'x')), with_header}) {
    try {
      outbox.push(std::move(one));
      FAIL("accepted");
    } catch (const std::system_error& refused) {
      CHECK(refused.code() == std::errc::message_size);
    }
  }
  CHECK(outbox.messages() == 2);
}

TEST_CASE("a trace is left out where the broker's limit leaves no room for it") {
  Outbox outbox{10, plenty};
  // "NATS/1.0", a line and an empty one.
  constexpr std::size_t header = 10 + 13 + 55 + 2 + 2;
  const auto with_trace = [](std::size_t size) {
    auto one = message("a", std::string(size, 'x'));
    one.headers.trace = make_trace();
    return one;
  };
  CHECK(wire_bytes(with_trace(1).headers) == header);
  outbox.push(with_trace(100));  // before the limit is known
  outbox.set_max_payload(100);
  outbox.push(with_trace(100 - header));
  outbox.push(with_trace(100 - header + 1));
  CHECK_THROWS_AS(outbox.push(with_trace(101)), std::system_error);
  const auto taken = outbox.take(10, plenty, TimePoint{});
  REQUIRE(taken.size() == 3);
  CHECK_FALSE(taken[0].headers.trace.is_valid());
  CHECK(taken[1].headers.trace.is_valid());
  CHECK_FALSE(taken[2].headers.trace.is_valid());
}
