#pragma once

#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

/// A coroutine that waits for somebody to resume it: Asio's completion handler without its type, stored in place.
/// One coroutine at a time; not thread-safe.
class Suspended {
 public:
  Suspended() = default;
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;
  ~Suspended() { destroy(); }

  /// Suspends the calling coroutine; `arm()` is called when it can be resumed, from then on from any thread.
  /// `Arm` must be trivially copyable, see the note on lambdas in awaited calls below.
  template <class Arm>
  asio::awaitable<void> suspend(Arm arm) {
    // g++ 12 mishandles lambdas with non-trivial captures in a full-expression that awaits.
    static_assert(std::is_trivially_copyable_v<Arm>);
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this, arm](auto handler) {
          hold(std::move(handler));
          arm();
        },
        asio::use_awaitable);
  }

  /// Resumes the coroutine on its executor: at once where the caller is already on it, else as soon as it can.
  void dispatch() { (std::exchange(operations_, nullptr)->dispatch)(storage_); }

  /// Resumes the coroutine on its executor, never inside this call.
  void post() { (std::exchange(operations_, nullptr)->post)(storage_); }

  /// Drops the coroutine: its frame is destroyed, it never goes on.
  void destroy() noexcept {
    if (operations_) (std::exchange(operations_, nullptr)->destroy)(storage_);
  }

 private:
  struct Operations {
    void (*dispatch)(void*);
    void (*post)(void*);
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
      .dispatch = [](void* storage) { asio::dispatch(take<Handler>(storage)); },
      .post = [](void* storage) { asio::post(take<Handler>(storage)); },
      .destroy = [](void* storage) noexcept { [[maybe_unused]] auto handler = take<Handler>(storage); },
  };

  template <class Handler>
  void hold(Handler handler) {
    if constexpr (fits<Handler>) {
      ::new (static_cast<void*>(storage_)) Handler{std::move(handler)};
    } else {
      ::new (static_cast<void*>(storage_)) Handler*{new Handler{std::move(handler)}};
    }
    operations_ = &operations_for<Handler>;
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[capacity];
};

}  // namespace cliffracer::detail
