#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace cliffracer::detail {

/// Watches from a thread of its own, in real time, whether work that began ever ends.
class Watchdog {
 public:
  /// `on_hang` is called on the watchdog's thread when one piece of work takes longer than `patience`.
  Watchdog(std::chrono::nanoseconds patience, std::function<void()> on_hang)
      : patience_{patience}, on_hang_{std::move(on_hang)}, thread_{[this] { watch(); }} {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    {
      const std::lock_guard lock{mutex_};
      ends_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  /// Work is being done as long as one of these lives. One at a time.
  class Work {
   public:
    explicit Work(Watchdog& dog) noexcept : dog_{dog} { dog_.step(); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() { dog_.step(); }

   private:
    Watchdog& dog_;
  };

 private:
  void step() noexcept {
    steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  void watch() {
    std::unique_lock lock{mutex_};
    for (;;) {
      const std::uint64_t seen = steps_.load(std::memory_order_acquire);
      if (wake_.wait_for(lock, patience_, [this] { return ends_; })) return;
      if (seen % 2 == 1 && steps_.load(std::memory_order_acquire) == seen) on_hang_();
    }
  }

  const std::chrono::nanoseconds patience_;
  const std::function<void()> on_hang_;
  std::atomic<std::uint64_t> steps_{0};  // odd while work is being done
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ends_ = false;
  std::thread thread_;  // last: uses the others
};

}  // namespace cliffracer::detail
