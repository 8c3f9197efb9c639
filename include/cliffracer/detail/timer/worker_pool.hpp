#pragma once

#include <cliffracer/detail/coroutine/operation_memory.hpp>
#include <cliffracer/detail/time/time_source.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>
#include <cliffracer/detail/work/work_context.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// The threads on which a service's plain timer methods run.
class WorkerPool {
 public:
  /// Told on the event loop, on any of its threads, when a run has ended.
  using Ended = std::function<void(TimerEntry&)>;

  WorkerPool(asio::io_context& event_loop, TimeSource& time, Ended ended)
      : event_loop_{event_loop}, time_{time}, ended_{std::move(ended)} {}
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// No run may be in progress.
  ~WorkerPool() {
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
  }

  /// Has so many threads at least; without any the event loop does their work. Throws std::system_error and
  /// std::bad_alloc.
  void reserve(std::size_t threads) {
    while (threads_.size() < threads) threads_.emplace_back([this] { jobs_.run(); });
  }

  /// Runs the entry's method on a worker, with the context in its `worker_run`, which says afterwards when it
  /// began and ended, and what it threw. A run that still waits for a worker when its stop_token asks to end
  /// is withdrawn. Throws std::bad_alloc: the run was not begun.
  void post(TimerEntry& entry) {
    time_.worker_called();
    try {
      asio::post(threads_.empty() ? event_loop_ : jobs_, Job{{entry}, *this});
    } catch (...) {
      time_.worker_returned();
      throw;
    }
  }

 private:
  // Both hops use the entry's memory, one after the other.
  struct Operation {
    using allocator_type = OperationAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type{entry.worker_run->memory};
    }
    TimerEntry& entry;
  };

  struct Return : Operation {
    void operator()() const {
      pool.time_.worker_returned();
      pool.ended_(this->entry);
    }

    const WorkerPool& pool;
  };

  struct Job : Operation {
    void operator()() const noexcept {
      WorkerRun& run = *this->entry.worker_run;
      run.thrown = nullptr;
      run.started = pool.time_.now();
      run.withdrawn = run.tick.stop_token.stop_requested();
      const WorkContextScope scope{&run.context};
      try {
        if (!run.withdrawn) this->entry.method->call(this->entry.object, &run.tick);
      } catch (...) {
        run.thrown = std::current_exception();
      }
      run.ended = pool.time_.now();
      // Not to the strand: its own bookkeeping would allocate on this thread and free on the other.
      asio::post(pool.event_loop_, Return{{this->entry}, pool});
    }

    const WorkerPool& pool;
  };

  asio::io_context jobs_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{jobs_.get_executor()};
  std::vector<std::thread> threads_;
  asio::io_context& event_loop_;
  TimeSource& time_;
  Ended ended_;
};

}  // namespace cliffracer::detail
