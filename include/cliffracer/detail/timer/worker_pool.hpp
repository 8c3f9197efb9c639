#pragma once

#include <cliffracer/detail/time/handler_memory.hpp>
#include <cliffracer/detail/timer/timer_entry.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

#include <cstddef>
#include <exception>
#include <optional>

namespace cliffracer::detail {

/// The threads on which a service's plain timer methods run.
class WorkerPool {
 public:
  /// 0 threads: the event loop does their work. They end with the pool; no run may be in progress then.
  WorkerPool(std::size_t threads, asio::io_context& event_loop) : event_loop_{event_loop} {
    if (threads > 0) threads_.emplace(threads);
  }

  /// Runs the entry's method on a worker while the calling coroutine waits. Afterwards `entry.worker_run`
  /// says when it began and ended, and what it threw. A run that still waits for a worker when a stop is
  /// asked for is withdrawn.
  asio::awaitable<void> run(const Strand& strand, TimerEntry& entry, const TimerQueue& queue,
                            const TickContext& tick) {
    entry.worker_run.queue = &queue;
    entry.worker_run.tick = &tick;
    return entry.worker_run.loop.suspend(strand, [this, &entry] {
      entry.worker_run.queue->source().worker_called();
      if (threads_) {
        asio::post(*threads_, Job{{entry}, event_loop_});
      } else {
        asio::post(event_loop_, Job{{entry}, event_loop_});
      }
    });
  }

 private:
  // Both hops use the entry's memory, one after the other.
  struct Handler {
    using allocator_type = HandlerAllocator<std::byte>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type{entry.worker_run.loop.memory()};
    }
    TimerEntry& entry;
  };

  struct Return : Handler {
    void operator()() const {
      this->entry.worker_run.queue->source().worker_returned();
      this->entry.worker_run.loop.dispatch();
    }
  };

  struct Job : Handler {
    void operator()() const noexcept {
      auto& run = this->entry.worker_run;
      run.thrown = nullptr;
      run.started = run.queue->now();
      run.withdrawn = run.tick->stop_token.stop_requested();
      try {
        if (!run.withdrawn) this->entry.method.call(this->entry.method.object, *run.tick);
      } catch (...) {
        run.thrown = std::current_exception();
      }
      run.ended = run.queue->now();
      // Not to the strand: its own bookkeeping would allocate on this thread and free on the other.
      asio::post(event_loop, Return{{this->entry}});
    }

    asio::io_context& event_loop;
  };

  std::optional<asio::thread_pool> threads_;
  asio::io_context& event_loop_;
};

}  // namespace cliffracer::detail
