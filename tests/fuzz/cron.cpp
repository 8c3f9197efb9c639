// Cron expressions from a configuration: they are taken, or refused with std::invalid_argument on one line;
// the points of those that are taken are in order, and agree with each other.
//
// Input: four bytes for an instant, and the expression.

#include <cliffracer/cron_expression.hpp>

#include "fuzz.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using cliffracer::CronExpression;
using fuzz::require;
using std::chrono::seconds;
using std::chrono::sys_seconds;

std::optional<CronExpression> parse(std::string_view text) {
  try {
    return CronExpression::parse(text);
  } catch (const std::invalid_argument& error) {
    const std::string_view said = error.what();
    require(!fuzz::shows_control(said), "a refusal is one line of text");
    require(said.size() < 1024, "a refusal is short");
    require(said.find(", column ") != std::string_view::npos, "a refusal says where");
    return std::nullopt;
  }
}

void check_points(const CronExpression& cron, sys_seconds time) {
  const auto next = cron.next_after(time);
  const auto previous = cron.previous_before(time);
  require(next || previous, "a taken expression comes");
  require(!next || *next > time, "the next point is later");
  require(!previous || *previous < time, "the point before is earlier");
  if (next && previous) {
    require(cron.next_after(*previous) == next || cron.next_after(*previous) == time, "nothing lies between");
    require(cron.previous_before(*next) == previous || cron.previous_before(*next) == time,
            "nor on the way back");
  }
}

void check(const CronExpression& cron, sys_seconds time) {
  require(CronExpression::parse(cron.text()) == cron, "an expression's text is the expression");
  require(!cron.describe().empty() && !fuzz::has_control(cron.describe()), "it is one line of words");
  if (cron.needs_spread()) {
    require(!cron.next_after(time) && !cron.previous_before(time), "an open H has no points");
    const auto seed = static_cast<std::uint64_t>(time.time_since_epoch().count());
    require(!cron.spread(seed).needs_spread(), "a seed decides each H");
    require(cron.spread(seed) == cron.spread(seed), "the same seed decides alike");
  }
  check_points(cron.spread(1), time);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::uint32_t time = std::uint32_t{data[0]} << 24U | std::uint32_t{data[1]} << 16U |
                             std::uint32_t{data[2]} << 8U | std::uint32_t{data[3]};
  const std::string_view text{reinterpret_cast<const char*>(data) + 4, size - 4};
  if (const auto cron = parse(text)) check(*cron, sys_seconds{seconds{time}});
  return 0;
}
