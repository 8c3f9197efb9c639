#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>

namespace cliffracer::detail {

class TimerLoop;  // NOLINT: it is final
struct TimerEntry;

/// The coroutine of one timer, whose frame lies in the timer's entry. It goes on inside resume(), and never
/// by symmetric transfer: g++ makes calls of it that fill the stack.
class TimerCoroutine {
 public:
  struct promise_type {
    [[nodiscard]] TimerCoroutine get_return_object() noexcept {
      return TimerCoroutine{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // What a method throws is an outcome, and the loop has no other way to fail.
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

    // Defined after the entry: g++ warns of templates here without reason.
    [[nodiscard]] static void* operator new(std::size_t bytes, TimerLoop& loop, TimerEntry& timer);
    static void operator delete(void* frame, std::size_t bytes) noexcept;
  };

  /// Memory for one frame. A larger one comes from the heap: of a compiler that does not optimize.
  struct Frame {
    static constexpr std::size_t capacity = 64;
    alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) std::byte memory[capacity];
  };

  TimerCoroutine() = default;
  TimerCoroutine(TimerCoroutine&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  TimerCoroutine& operator=(TimerCoroutine&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~TimerCoroutine() {
    if (handle_) handle_.destroy();
  }

  /// Until it waits again, or ends. It must wait.
  void resume() { handle_.resume(); }

  /// Where its frame lies.
  [[nodiscard]] const void* address() const noexcept { return handle_.address(); }

 private:
  explicit TimerCoroutine(std::coroutine_handle<promise_type> handle) noexcept : handle_{handle} {}

  std::coroutine_handle<promise_type> handle_;
};

}  // namespace cliffracer::detail
