#pragma once

#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/trace.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace cliffracer::detail {

/// What the code that runs at this moment works for: one run of a timer, or one message. Used by one thread
/// at a time.
class WorkContext {
 public:
  /// Told how long a piece of the work held the event loop. On the event loop.
  class HoldObserver {
   public:
    virtual void held(WorkContext& context, TimePoint began, TimePoint ended) noexcept = 0;

   protected:
    ~HoldObserver() = default;
  };

  WorkContext() = default;
  /// For a message: its id, and its own span in the trace that it came with; an invalid one: it begins a
  /// trace.
  WorkContext(std::string correlation_id, const Trace& trace)
      : correlation_id_{std::move(correlation_id)}, trace_{trace} {}
  WorkContext(const WorkContext&) = delete;
  WorkContext& operator=(const WorkContext&) = delete;

  /// Empty: there is none.
  [[nodiscard]] const std::string& correlation_id() const noexcept { return correlation_id_; }

  /// Made when it is asked for first.
  [[nodiscard]] const Trace& trace() {
    if (!trace_.is_valid()) trace_ = make_trace();
    return trace_;
  }

  /// The next piece of work begins, with a trace of its own.
  void begin() noexcept { trace_ = {}; }

  /// Measures from now on how long each piece of this work holds the event loop. Both must be there until
  /// measure_no_more(), and until the end of the piece that calls it.
  void measure(HoldObserver& observer, const TimeSource& time) noexcept {
    observer_ = &observer;
    time_ = &time;
  }

  /// From the next piece on. What the work has left behind, such as a detached coroutine, may run when the
  /// observer is gone.
  void measure_no_more() noexcept { observer_ = nullptr; }

  /// Runs `piece` inside this context, and measures it if that is wanted; as a whole when pieces of this work
  /// run inside each other. One that throws is not told of.
  template <class Piece>
  void run(Piece&& piece);

 private:
  std::string correlation_id_;
  Trace trace_;
  HoldObserver* observer_ = nullptr;
  const TimeSource* time_ = nullptr;
};

inline thread_local WorkContext* work_context_of_thread = nullptr;

/// The context of the calling code: inside a timer, rpc or listener method, coroutine or plain, on any
/// thread; null elsewhere. Valid until the caller suspends or returns. Not inlined: a coroutine may resume on
/// another thread, and must not reuse the address of the first one's variable.
[[nodiscard, gnu::noinline]] inline WorkContext* current_work_context() noexcept {
  return work_context_of_thread;
}

/// Makes `context` the current one of this thread for as long as the scope lasts; null: there is none.
class WorkContextScope {
 public:
  explicit WorkContextScope(WorkContext* context) noexcept
      : outer_{std::exchange(work_context_of_thread, context)} {}
  ~WorkContextScope() { work_context_of_thread = outer_; }
  WorkContextScope(const WorkContextScope&) = delete;
  WorkContextScope& operator=(const WorkContextScope&) = delete;

 private:
  WorkContext* outer_;
};

template <class Piece>
void WorkContext::run(Piece&& piece) {
  HoldObserver* const observer = work_context_of_thread == this ? nullptr : observer_;
  const WorkContextScope scope{this};
  const TimePoint began = observer ? time_->now() : TimePoint{};
  std::forward<Piece>(piece)();
  if (observer) observer->held(*this, began, time_->now());
}

/// Runs what it is given where `inner` does, inside a WorkContextScope. A coroutine spawned on it finds its
/// context after each resumption, because each of them is executed here; others that run in between do not
/// pass through it. With a null context it shields what it runs from the one of a caller further up the
/// stack.
class WorkContextExecutor {
 public:
  WorkContextExecutor(asio::any_io_executor inner, std::shared_ptr<WorkContext> context) noexcept
      : inner_{std::move(inner)}, context_{std::move(context)} {}

  template <class Property>
  requires(asio::can_query<const asio::any_io_executor&, const Property&>::value) auto query(
      const Property& property) const ->
      typename asio::query_result<const asio::any_io_executor&, const Property&>::type {
    return asio::query(inner_, property);
  }

  template <class Property>
  requires(asio::can_require<const asio::any_io_executor&, const Property&>::value) WorkContextExecutor
      require(const Property& property)
  const { return {asio::require(inner_, property), context_}; }

  template <class Property>
  requires(asio::can_prefer<const asio::any_io_executor&, const Property&>::value) WorkContextExecutor
      prefer(const Property& property)
  const { return {asio::prefer(inner_, property), context_}; }

  template <class Function>
  void execute(Function&& function) const {
    inner_.execute(InContext<std::decay_t<Function>>{context_, std::forward<Function>(function)});
  }

  friend bool operator==(const WorkContextExecutor& left, const WorkContextExecutor& right) noexcept {
    return left.context_ == right.context_ && left.inner_ == right.inner_;
  }
  friend bool operator!=(const WorkContextExecutor& left, const WorkContextExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  template <class Function>
  struct InContext {
    std::shared_ptr<WorkContext> context;
    Function function;

    void operator()() {
      if (context) return context->run(std::move(function));
      const WorkContextScope scope{nullptr};
      std::move(function)();
    }
  };

  asio::any_io_executor inner_;
  std::shared_ptr<WorkContext> context_;
};

}  // namespace cliffracer::detail
