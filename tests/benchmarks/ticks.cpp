// Ends after so many ticks of timers that are always busy: what tests/benchmarks/compare_with counts
// instructions of. The steady clock moves on when it is looked at, and only then, so that each time the same
// is done.
//
//     ticks coroutine|plain TIMERS TICKS
#include <cliffracer/cliffracer.hpp>

#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

// About what a tick takes.
constexpr std::int64_t nanoseconds_a_look = 100;
std::atomic<std::int64_t> steady_nanoseconds{0};

class Ticker : public cliffracer::NatsService {
 public:
  Ticker(std::string_view kind, std::size_t timers, std::uint64_t ticks)
      // Nobody listens on port 1, and nobody tries again.
      : NatsService{{.name = "ticker", .nats_url = "nats://127.0.0.1:1", .reconnect_time_wait = 1h}},
        left_{ticks} {
    for (std::size_t n = 0; n < timers; ++n) {
      const auto interval = std::chrono::nanoseconds{25 * timers + 50 * n};
      if (kind == "coroutine") {
        add_timer<&Ticker::tick_in_coroutine>(n, interval);
      } else {
        add_timer<&Ticker::tick>(n, interval);
      }
    }
  }

 private:
  /// Shorter than a round of all timers takes: each is due again when its turn comes.
  template <auto Method>
  void add_timer(std::size_t n, std::chrono::nanoseconds interval) {
    add(cliffracer::timer<Method>{.interval = interval,
                                  .max_drift = 24h,
                                  .run_on = cliffracer::RunOn::event_loop,
                                  .name = "t" + std::to_string(n)});
  }

  asio::awaitable<void> tick_in_coroutine() {
    tick();
    co_return;
  }
  void tick() {
    if (--left_ == 0) std::_Exit(0);
  }

  std::uint64_t left_;
};

}  // namespace

/// In the place of the C library's.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (clock != CLOCK_MONOTONIC) return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  const std::int64_t now = steady_nanoseconds += nanoseconds_a_look;
  *time = {.tv_sec = now / 1'000'000'000, .tv_nsec = now % 1'000'000'000};
  return 0;
}

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: ticks coroutine|plain TIMERS TICKS\n");
    return 2;
  }
  timespec begun{};
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &begun);
  steady_nanoseconds = begun.tv_sec * 1'000'000'000 + begun.tv_nsec;
  // That there is no broker is known.
  spdlog::set_level(spdlog::level::err);
  Ticker{arguments[1], std::strtoull(arguments[2], nullptr, 10), std::strtoull(arguments[3], nullptr, 10)}
      .run();
  return 1;
}
