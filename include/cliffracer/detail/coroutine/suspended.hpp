#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>

#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

/// The executor of a service's coroutines.
using Strand = asio::strand<asio::io_context::executor_type>;

/// A coroutine that waits for somebody to resume it: Asio's completion handler without its type, stored in
/// place. One coroutine at a time; not thread-safe. Resuming allocates nothing once warm.
class Suspended {
 public:
  Suspended() = default;
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;
  ~Suspended() { destroy(); }

  /// Suspends the calling coroutine, which runs on `strand`; `arm()` is called when it can be resumed, from
  /// then on from any thread. `strand` must stay where it is until then. When `arm` throws, nobody can resume
  /// it: its frame is destroyed, or the process ends, as Asio does where it cannot wait itself.
  template <class Arm>
  asio::awaitable<void> suspend(const Strand& strand, Arm arm) {
    // g++ 12 mishandles lambdas with non-trivial captures in a full-expression that awaits.
    static_assert(std::is_trivially_copyable_v<Arm>);
    // Asio keeps two freed coroutine frames for the next ones: all of one size, they always fit.
    static_assert(sizeof(Arm) == 2 * sizeof(void*));
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this, &strand, arm](auto handler) {
          strand_ = &strand;
          this->hold(std::move(handler));
          try {
            arm();
          } catch (...) {
            destroy();
            throw;
          }
        },
        asio::use_awaitable);
  }

  /// Resumes the coroutine: at once where the caller is on the strand or can enter it, else as soon as
  /// possible.
  void dispatch() { asio::dispatch(*strand_, Resume{*this}); }

  /// Resumes the coroutine, never inside this call.
  void post() { asio::post(*strand_, Resume{*this}); }

  /// Resumes the coroutine inside this call, which is made on the strand.
  void resume() { (std::exchange(operations_, nullptr)->resume)(storage_); }

  /// Drops the coroutine: its frame is destroyed, it never goes on.
  void destroy() noexcept {
    if (operations_) (std::exchange(operations_, nullptr)->destroy)(storage_);
  }

  /// For an operation that ends before the coroutine is resumed.
  [[nodiscard]] OperationMemory& memory() noexcept { return memory_; }

 private:
  struct Resume {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{suspended.memory_}; }
    void operator()() const { suspended.resume(); }

    Suspended& suspended;
  };

  struct Operations {
    void (*resume)(void*);
    void (*destroy)(void*) noexcept;
  };

  static constexpr std::size_t capacity = 64;

  template <class Handler>
  static constexpr bool fits = sizeof(Handler) <= capacity && alignof(Handler) <= alignof(std::max_align_t);

  /// Moves the handler out, because its place may be needed again before it returns.
  template <class Handler>
  static Handler take(void* storage) noexcept {
    if constexpr (fits<Handler>) {
      auto* stored = std::launder(reinterpret_cast<Handler*>(storage));
      Handler handler{std::move(*stored)};
      std::destroy_at(stored);
      return handler;
    } else {
      const std::unique_ptr<Handler> stored{*static_cast<Handler**>(storage)};
      return std::move(*stored);
    }
  }

  template <class Handler>
  static constexpr Operations operations_for{
      .resume = [](void* storage) { take<Handler>(storage)(); },
      .destroy = [](void* storage) noexcept { [[maybe_unused]] auto handler = take<Handler>(storage); },
  };

  template <class Handler>
  void hold(Handler handler) {
    if constexpr (fits<Handler>) {
      ::new (static_cast<void*>(storage_)) Handler{std::move(handler)};
    } else {
      ::new (static_cast<void*>(storage_)) Handler* {new Handler{std::move(handler)}};
    }
    operations_ = &operations_for<Handler>;
  }

  const Operations* operations_ = nullptr;
  const Strand* strand_ = nullptr;
  OperationMemory memory_;
  alignas(std::max_align_t) std::byte storage_[capacity];
};

}  // namespace cliffracer::detail
