#include "support/catch.hpp"

#include <cliffracer/detail/cluster/claim_value.hpp>

#include <chrono>
#include <memory>
#include <set>
#include <string>

using namespace std::chrono_literals;
using cliffracer::Scope;
using cliffracer::detail::Calendar;
using cliffracer::detail::ClaimValue;
using cliffracer::detail::schedule_hash;
using cliffracer::detail::TimerEntry;
using cliffracer::detail::TimerMethod;
using cliffracer::detail::TimerOptions;
using cliffracer::detail::token_in;

namespace {

const TimerMethod method{};

std::string hash_of(const TimerOptions& options) {
  return schedule_hash({"job", method, nullptr, options, 0});
}

std::string hash_of(const char* at) {
  const auto calendar = std::make_shared<const Calendar>(Calendar{cliffracer::CronExpression::parse(at), {}});
  const TimerOptions options{.calendar = calendar.get(), .interval = 1h, .scope = Scope::cluster};
  return schedule_hash({"job", method, nullptr, options, 0, calendar});
}

TimerOptions every(std::chrono::nanoseconds interval, std::chrono::nanoseconds offset = 0s) {
  return {.interval = interval, .align_to_epoch = true, .offset = offset, .scope = Scope::cluster};
}

}  // namespace

TEST_CASE("a claim holds its owner and its schedule, or the owner alone") {
  CHECK(ClaimValue{"me 0123"}.owner == "me");
  CHECK(ClaimValue{"me 0123"}.schedule == "0123");
  CHECK(ClaimValue{"me"}.owner == "me");
  CHECK(ClaimValue{"me"}.schedule.empty());
  CHECK(ClaimValue{"me "}.schedule.empty());
  CHECK(ClaimValue{""}.owner.empty());
}

TEST_CASE("a schedule's hash tells what decides when the timer is due, and nothing else") {
  const std::set<std::string> hashes{hash_of(every(1h)), hash_of(every(2h)), hash_of(every(1h, 5min)),
                                     hash_of("30 2 * * *"), hash_of("31 2 * * *")};
  CHECK(hashes.size() == 5);
  for (const auto& hash : hashes) CHECK(hash.size() == 16);
  TimerOptions slow = every(1h);
  slow.max_drift = 1min;
  CHECK(hash_of(slow) == hash_of(every(1h)));
}

TEST_CASE("a token is the number at the end of a key") {
  CHECK(token_in("$KV.bucket.service.job.1767226128584") == 1767226128584);
  CHECK(token_in("17") == 17);
  for (const char* other :
       {"", "$KV.bucket.service.job.owner", "job.17x", "job.-17", "job.", "99999999999999999999"})
    CHECK(token_in(other) == 0);
}
