#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace cliffracer::detail {

/// Runs `function()` on `worker`; the awaiting coroutine goes on where it was. Both must live until then, and
/// `function` must not throw. A cancellation that comes before the worker has begun keeps it from beginning;
/// afterwards it is too late, because a thread at work cannot be stopped from outside.
template <class Function>
asio::awaitable<void> call_on_worker(asio::any_io_executor worker, Function& function) {
  const auto initiate = [](auto handler, const asio::any_io_executor& executor, Function* work) {
    auto is_cancelled = std::make_shared<std::atomic<bool>>(false);
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign(
          [is_cancelled](asio::cancellation_type) { is_cancelled->store(true, std::memory_order_relaxed); });
    }
    asio::post(executor,
               [handler = std::move(handler), is_cancelled = std::move(is_cancelled), work]() mutable {
                 if (!is_cancelled->load(std::memory_order_relaxed)) (*work)();
                 asio::post(std::move(handler));
               });
  };
  return asio::async_initiate<decltype(asio::use_awaitable), void()>(initiate, asio::use_awaitable,
                                                                     std::move(worker), &function);
}

}  // namespace cliffracer::detail
