// What it costs to find the next point of a cron expression, and to read one.
//
//     cron_points
#include <cliffracer/cron_expression.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace {

using cliffracer::CronExpression;
using std::chrono::sys_seconds;

/// Nanoseconds for one of `count` calls.
template <class Call>
double measure(int count, const Call& call) {
  const auto began = std::chrono::steady_clock::now();
  for (int n = 0; n < count; ++n) call(n);
  return std::chrono::duration<double, std::nano>{std::chrono::steady_clock::now() - began}.count() / count;
}

}  // namespace

int main() {
  constexpr int count = 100'000;
  const sys_seconds begin = std::chrono::sys_days{std::chrono::year{2025} / 1 / 1};
  std::int64_t sum = 0;
  std::printf("%-22s %10s %10s\n", "expression", "next, ns", "read, ns");
  for (const std::string_view text : {"* * * * *", "*/15 9-17 * * MON-FRI", "30 2 * * *", "0 0 L * *",
                                      "29 2 29 2 *", "0 0 13 * +FRI", "0 0 29 2 +MON"}) {
    const CronExpression cron = CronExpression::parse(text);
    const double next = measure(count, [&](int n) {
      // An hour apart.
      sum += cron.next_after(begin + std::chrono::hours{n})->time_since_epoch().count();
    });
    const double read = measure(
        count, [&](int) { sum += static_cast<std::int64_t>(CronExpression::parse(text).text().size()); });
    std::printf("%-22.*s %10.0f %10.0f\n", static_cast<int>(text.size()), text.data(), next, read);
  }
  return sum == 0 ? 1 : 0;
}
