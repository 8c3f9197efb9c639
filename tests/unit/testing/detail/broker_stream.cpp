#include "support/catch.hpp"

#include <cliffracer/testing/detail/broker_stream.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::detail::BrokerMessage;
using cliffracer::detail::BrokerStream;
using cliffracer::detail::StoreError;
using cliffracer::detail::StreamLimits;
using cliffracer::detail::TimePoint;

namespace {

constexpr TimePoint start{1h};

struct Stream : BrokerStream {
  using BrokerStream::BrokerStream;

  /// The sequence number, or JetStream's number of the error.
  int store(const std::string& subject, const std::string& payload = "x",
            std::optional<std::uint64_t> expected = {}) {
    BrokerMessage message{.subject = subject, .payload = payload};
    message.headers.expected_sequence = expected;
    const auto result = BrokerStream::store(std::make_shared<const BrokerMessage>(std::move(message)), now,
                                            std::chrono::system_clock::time_point{now.time_since_epoch()});
    if (const auto* const error = std::get_if<StoreError>(&result)) {
      description = error->description;
      return error->err_code;
    }
    return static_cast<int>(std::get<std::uint64_t>(result));
  }

  std::vector<int> sequences() {
    std::vector<int> all;
    for (const auto& [sequence, stored] : messages(now)) all.push_back(static_cast<int>(sequence));
    return all;
  }

  TimePoint now = start;
  std::string description;
};

using Numbers = std::vector<int>;

}  // namespace

TEST_CASE("a stream numbers what it stores, and gives it back by number and by subject") {
  Stream stream{StreamLimits{}};
  CHECK(stream.last_sequence() == 0);
  CHECK_FALSE(stream.last_time());
  CHECK(stream.store("a", "one") == 1);
  CHECK(stream.store("b", "two") == 2);
  stream.now += 1s;
  CHECK(stream.store("a", "three") == 3);
  CHECK(stream.sequences() == Numbers{1, 2, 3});
  CHECK(stream.find(1, stream.now)->message->payload == "one");
  CHECK(stream.newest("a", stream.now)->sequence == 3);
  CHECK(stream.newest("a", stream.now)->at == start + 1s);
  CHECK(stream.newest("c", stream.now) == nullptr);
  CHECK(stream.find(4, stream.now) == nullptr);
  CHECK(stream.subjects() == 2);
  CHECK(stream.last_time()->time_since_epoch() == 1h + 1s);
}

TEST_CASE("an expected number that is another stores nothing") {
  Stream stream{StreamLimits{}};
  CHECK(stream.store("a", "x", 1) == 10071);
  CHECK(stream.description == "wrong last sequence: 0");
  CHECK(stream.store("a", "x", 0) == 1);
  CHECK(stream.store("a", "y", 0) == 10071);
  CHECK(stream.description == "wrong last sequence: 1");
  CHECK(stream.store("b", "x", 0) == 2);
  CHECK(stream.store("a", "y", 2) == 10071);
  CHECK(stream.store("a", "y", 1) == 3);
  CHECK(stream.newest("a", stream.now)->message->payload == "y");
  CHECK(stream.sequences() == Numbers{1, 2, 3});
}

TEST_CASE("what is too old is gone, and its subject is new again") {
  Stream stream{{.max_age = 10s}};
  CHECK(stream.store("a", "x", 0) == 1);
  stream.now += 4s;
  CHECK(stream.store("b", "x", 0) == 2);
  stream.now = start + 10s - 1ns;
  CHECK(stream.sequences() == Numbers{1, 2});
  stream.now = start + 10s;
  CHECK(stream.newest("a", stream.now) == nullptr);
  CHECK(stream.sequences() == Numbers{2});
  CHECK(stream.store("a", "x", 1) == 10071);
  CHECK(stream.store("a", "x", 0) == 3);
  stream.now = start + 1h;
  CHECK(stream.sequences().empty());
  CHECK(stream.bytes() == 0);
  CHECK(stream.subjects() == 0);
  CHECK(stream.last_sequence() == 3);
}

TEST_CASE("a subject keeps its newest messages") {
  Stream one{{.max_messages_per_subject = 1}};
  CHECK(one.store("a") == 1);
  CHECK(one.store("b") == 2);
  CHECK(one.store("a") == 3);
  CHECK(one.sequences() == Numbers{2, 3});
  CHECK(one.store("a", "x", 3) == 4);

  Stream two{{.max_messages_per_subject = 2}};
  for (int n = 1; n <= 4; ++n) CHECK(two.store("a") == n);
  CHECK(two.sequences() == Numbers{3, 4});
}

TEST_CASE("a stream that is full loses its oldest message, or refuses the new one") {
  Stream old{{.max_messages = 2}};
  for (int n = 1; n <= 3; ++n) CHECK(old.store(std::to_string(n)) == n);
  CHECK(old.sequences() == Numbers{2, 3});

  Stream fresh{{.max_messages = 2, .discards_new = true}};
  CHECK(fresh.store("1") == 1);
  CHECK(fresh.store("2") == 2);
  CHECK(fresh.store("1") == 10077);
  CHECK(fresh.description == "maximum messages exceeded");
  CHECK(fresh.last_sequence() == 2);

  // One that takes another's place is none too many.
  Stream values{{.max_messages = 1, .max_messages_per_subject = 1, .discards_new = true}};
  CHECK(values.store("1") == 1);
  CHECK(values.store("1") == 2);
  CHECK(values.store("2") == 10077);
  CHECK(values.sequences() == Numbers{2});

  Stream bytes{{.max_bytes = 100, .discards_new = true}};
  CHECK(bytes.store("a", std::string(60, 'x')) == 1);
  CHECK(bytes.store("a", std::string(60, 'x')) == 10077);
  CHECK(bytes.description == "maximum bytes exceeded");

  Stream small{{.max_message_size = 5}};
  CHECK(small.store("a", "12345") == 1);
  CHECK(small.store("a", "123456") == 10054);
}

TEST_CASE("a stream that forgets gives the same numbers again") {
  Stream stream{{.max_messages_per_subject = 1}};
  for (const char* subject : {"a", "b", "a", "c"}) CHECK(stream.store(subject) > 0);
  stream.forget(2);
  CHECK(stream.sequences() == Numbers{2});
  CHECK(stream.last_sequence() == 2);
  CHECK(stream.store("a", "x", 0) == 3);
  stream.forget(10);
  CHECK(stream.sequences().empty());
  CHECK(stream.bytes() == 0);
  CHECK(stream.last_sequence() == 1);
  stream.forget(1);
  CHECK(stream.store("b", "x", 0) == 2);
}
