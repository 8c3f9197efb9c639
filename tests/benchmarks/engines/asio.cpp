// One asio::steady_timer per coroutine, as one writes it by hand: due points on a grid, no statistics.
#include "support/arguments.hpp"
#include "support/drive.hpp"
#include "support/meter.hpp"
#include "support/next_due.hpp"

#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error_code.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace {

using benchmarks::Arguments;
using benchmarks::Clock;
using benchmarks::Meter;
using benchmarks::TimePoint;

class AsioTimers {
 public:
  AsioTimers(const Arguments& arguments, Meter& meter)
      : arguments_{arguments}, meter_{meter}, passes_over_{arguments.passes_over()} {}

  void start() {
    const bool is_hand_over = arguments_.mode == "handover";
    if (is_hand_over) pool_.emplace(2);
    timers_.reserve(arguments_.timers);
    for (std::size_t n = 0; n < arguments_.timers; ++n) {
      asio::steady_timer& timer = timers_.emplace_back(context_);
      const auto interval = arguments_.interval(n);
      asio::co_spawn(context_, is_hand_over ? hand_over(timer, interval) : tick(timer, interval),
                     asio::detached);
    }
    while (started_ < arguments_.timers) context_.run_one();
  }

  void run() { context_.run(); }

  void stop() {
    for (asio::steady_timer& timer : timers_) timer.cancel();
    context_.run();
    timers_.clear();
  }

 private:
  asio::awaitable<void> tick(asio::steady_timer& timer, std::chrono::nanoseconds interval) {
    asio::error_code error;
    TimePoint due = Clock::now() + interval;
    ++started_;
    for (;;) {
      timer.expires_at(due);
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      meter_.tick(due);
      due = passes_over_ ? benchmarks::next_due(due, interval, Clock::now()) : due + interval;
    }
  }

  /// To a thread of the pool, and back.
  asio::awaitable<void> hand_over(asio::steady_timer& timer, std::chrono::nanoseconds interval) {
    TimePoint due = Clock::now() + interval;
    ++started_;
    for (;;) {
      timer.expires_at(due);
      co_await timer.async_wait(asio::use_awaitable);
      const TimePoint left = Clock::now();
      co_await asio::post(asio::bind_executor(pool_->get_executor(), asio::use_awaitable));
      meter_.tick(left);
      co_await asio::post(asio::bind_executor(context_.get_executor(), asio::use_awaitable));
      due += interval;
    }
  }

  const Arguments& arguments_;
  Meter& meter_;
  const bool passes_over_;
  asio::io_context context_{1};
  std::optional<asio::thread_pool> pool_;  // a process without threads is faster
  std::vector<asio::steady_timer> timers_;
  std::size_t started_ = 0;
};

}  // namespace

int main(int count, char** values) { return benchmarks::drive<AsioTimers>(count, values); }
