#pragma once

#include <cliffracer/detail/coroutine/suspended.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/detail/time/time_source.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution/relationship.hpp>
#include <asio/io_context.hpp>
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
  class HoldMeter {
   public:
    virtual void held(WorkContext& context, TimePoint began, TimePoint ended) noexcept = 0;

   protected:
    ~HoldMeter() = default;
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
  void measure(HoldMeter& observer, const TimeSource& time) noexcept {
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
  HoldMeter* observer_ = nullptr;
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
  HoldMeter* const observer = work_context_of_thread == this ? nullptr : observer_;
  const WorkContextScope scope{this};
  const TimePoint began = observer ? time_->now() : TimePoint{};
  std::forward<Piece>(piece)();
  if (observer) observer->held(*this, began, time_->now());
}

/// Where and in what the executors of one piece of work run.
struct WorkContextPlace {
  Strand strand;
  std::shared_ptr<WorkContext> context;
};

/// Runs what it is given on a strand, inside a WorkContextScope. A coroutine spawned on it finds its context
/// after each resumption, because each of them is executed here; others that run in between do not pass
/// through it. With a null context it shields what it runs from the one of a caller further up the stack.
///
/// `Inner` is one of the io_context's executors: it knows the properties.
template <class Inner>
class BasicWorkContextExecutor {
  template <class OtherInner>
  using With = BasicWorkContextExecutor<std::decay_t<OtherInner>>;

 public:
  /// Allocates; what is made from this executor does not.
  BasicWorkContextExecutor(const Strand& strand, std::shared_ptr<WorkContext> context)
      : BasicWorkContextExecutor{
            strand.get_inner_executor(),
            std::make_shared<const WorkContextPlace>(WorkContextPlace{strand, std::move(context)})} {}

  template <class Property>
  requires(asio::can_query<const asio::any_io_executor&, const Property&>::value) auto query(
      const Property& property) const -> typename asio::query_result<const Inner&, const Property&>::type {
    return asio::query(inner_, property);
  }

  template <class Property>
  requires(asio::can_require<const asio::any_io_executor&, const Property&>::value) auto require(
      const Property& property) const
      -> With<typename asio::require_result<const Inner&, const Property&>::type> {
    return {asio::require(inner_, property), place_};
  }

  template <class Property>
  requires(asio::can_prefer<const asio::any_io_executor&, const Property&>::value) auto prefer(
      const Property& property) const
      -> With<typename asio::prefer_result<const Inner&, const Property&>::type> {
    return {asio::prefer(inner_, property), place_};
  }

  template <class Function>
  void execute(Function&& function) const {
    strand().execute(InContext<std::decay_t<Function>>{place_->context, std::forward<Function>(function)});
  }

  friend bool operator==(const BasicWorkContextExecutor& left,
                         const BasicWorkContextExecutor& right) noexcept {
    return left.place_->context == right.place_->context && left.place_->strand == right.place_->strand;
  }
  friend bool operator!=(const BasicWorkContextExecutor& left,
                         const BasicWorkContextExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  template <class>
  friend class BasicWorkContextExecutor;

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

  BasicWorkContextExecutor(Inner inner, std::shared_ptr<const WorkContextPlace> place) noexcept
      : inner_{std::move(inner)}, place_{std::move(place)} {}

  /// With the properties of this executor.
  [[nodiscard]] Strand strand() const {
    using Blocking = asio::execution::blocking_t;
    using Relationship = asio::execution::relationship_t;
    const bool never_blocks = asio::query(inner_, asio::execution::blocking) == Blocking::never;
    const bool continues = asio::query(inner_, asio::execution::relationship) == Relationship::continuation;
    const Strand as_blocking = never_blocks ? asio::require(place_->strand, Blocking::never)
                                            : asio::require(place_->strand, Blocking::possibly);
    return continues ? asio::require(as_blocking, Relationship::continuation)
                     : asio::require(as_blocking, Relationship::fork);
  }

  Inner inner_;
  std::shared_ptr<const WorkContextPlace> place_;
};

using WorkContextExecutor = BasicWorkContextExecutor<asio::io_context::executor_type>;

/// Of what is larger an any_io_executor allocates each one again, and a coroutine makes some at each wait on
/// an object of Asio's.
template <class Executor>
inline constexpr bool lies_in_any_io_executor =
    sizeof(Executor) <= sizeof(std::shared_ptr<void>) + sizeof(void*) &&
    alignof(Executor) <= alignof(std::shared_ptr<void>) && std::is_nothrow_move_constructible_v<Executor>;
static_assert(lies_in_any_io_executor<WorkContextExecutor>);
static_assert(lies_in_any_io_executor<decltype(asio::prefer(std::declval<const WorkContextExecutor&>(),
                                                            asio::execution::outstanding_work_t::tracked))>);

}  // namespace cliffracer::detail
