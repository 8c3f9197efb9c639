#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

inline thread_local const std::string* correlation_id_of_thread = nullptr;

/// The correlation id of the message that the calling code handles: inside a listener or rpc method,
/// coroutine or plain, on any thread; null elsewhere. Valid until the caller suspends or returns. Not
/// inlined: a coroutine may resume on another thread, and must not reuse the address of the first one's
/// variable.
[[nodiscard, gnu::noinline]] inline const std::string* current_correlation_id() noexcept {
  return correlation_id_of_thread;
}

/// Makes `id` the current one of this thread for as long as the scope lasts; null: there is none.
class CorrelationScope {
 public:
  explicit CorrelationScope(const std::string* id) noexcept
      : outer_{std::exchange(correlation_id_of_thread, id)} {}
  ~CorrelationScope() { correlation_id_of_thread = outer_; }
  CorrelationScope(const CorrelationScope&) = delete;
  CorrelationScope& operator=(const CorrelationScope&) = delete;

 private:
  const std::string* outer_;
};

/// Runs what it is given where `inner` does, inside a CorrelationScope. A coroutine spawned on it finds its
/// id after each resumption, because each of them is executed here; others that run in between do not pass
/// through it. With a null id it shields what it runs from the id of a caller further up the stack.
class CorrelationExecutor {
 public:
  CorrelationExecutor(asio::any_io_executor inner, std::shared_ptr<const std::string> id) noexcept
      : inner_{std::move(inner)}, id_{std::move(id)} {}

  template <class Property>
  requires(asio::can_query<const asio::any_io_executor&, const Property&>::value) auto query(
      const Property& property) const ->
      typename asio::query_result<const asio::any_io_executor&, const Property&>::type {
    return asio::query(inner_, property);
  }

  template <class Property>
  requires(asio::can_require<const asio::any_io_executor&, const Property&>::value) CorrelationExecutor
      require(const Property& property)
  const { return {asio::require(inner_, property), id_}; }

  template <class Property>
  requires(asio::can_prefer<const asio::any_io_executor&, const Property&>::value) CorrelationExecutor
      prefer(const Property& property)
  const { return {asio::prefer(inner_, property), id_}; }

  template <class Function>
  void execute(Function&& function) const {
    inner_.execute(InScope<std::decay_t<Function>>{id_, std::forward<Function>(function)});
  }

  friend bool operator==(const CorrelationExecutor& left, const CorrelationExecutor& right) noexcept {
    return left.id_ == right.id_ && left.inner_ == right.inner_;
  }
  friend bool operator!=(const CorrelationExecutor& left, const CorrelationExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  template <class Function>
  struct InScope {
    std::shared_ptr<const std::string> id;
    Function function;

    void operator()() {
      const CorrelationScope scope{id.get()};
      std::move(function)();
    }
  };

  asio::any_io_executor inner_;
  std::shared_ptr<const std::string> id_;
};

}  // namespace cliffracer::detail
