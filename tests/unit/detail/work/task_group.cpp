#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/coroutine/suspended.hpp>
#include <cliffracer/detail/time/steady_time.hpp>
#include <cliffracer/detail/work/task_group.hpp>

#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using cliffracer::detail::TaskGroup;
using Lines = std::vector<std::string>;

namespace {

struct Fixture {
  asio::io_context context{1};
  support::VirtualTime time{context};
  Lines escaped;
  TaskGroup tasks{cliffracer::detail::Strand{context.get_executor()}, time.queue(),
                  [this](const std::string& name, const std::exception_ptr&) { escaped.push_back(name); }};
  int ended = 0;
  int waits_ended = 0;
  bool was_empty = false;

  asio::awaitable<void> hang() {
    asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
    co_await never.async_wait(asio::use_awaitable);
  }
  asio::awaitable<void> end() {
    ++ended;
    co_return;
  }
  asio::awaitable<void> fail() {
    throw std::runtime_error{"no luck"};
    co_return;
  }
  void wait_empty(std::chrono::nanoseconds timeout) {
    asio::co_spawn(context, waiting(timeout), asio::detached);
  }
  void poll() { time.settle(); }

 private:
  asio::awaitable<void> waiting(std::chrono::nanoseconds timeout) {
    was_empty = co_await tasks.wait_empty(timeout);
    ++waits_ended;
  }
};

}  // namespace

TEST_CASE("a task is known by its name until it has ended") {
  Fixture f;
  f.tasks.spawn("one", f.hang());
  f.tasks.spawn("two", f.end());
  CHECK(f.tasks.names() == Lines{"one", "two"});
  f.poll();
  CHECK(f.ended == 1);
  CHECK(f.tasks.names() == Lines{"one"});
  f.tasks.cancel();
  f.poll();
  CHECK(f.tasks.empty());
}

TEST_CASE("what a task throws is told with its name") {
  Fixture f;
  f.tasks.spawn("bad", f.fail());
  f.poll();
  CHECK(f.escaped == Lines{"bad"});
  CHECK(f.tasks.empty());
}

TEST_CASE("a wait for no task at all ends at once") {
  Fixture f;
  f.wait_empty(std::chrono::nanoseconds::max());
  f.poll();
  CHECK(f.waits_ended == 1);
  CHECK(f.was_empty);
}

TEST_CASE("a wait ends with the last task") {
  Fixture f;
  f.tasks.spawn("one", f.hang());
  f.tasks.spawn("two", f.hang());
  f.wait_empty(std::chrono::nanoseconds::max());
  f.poll();
  CHECK(f.waits_ended == 0);
  f.tasks.cancel();
  f.poll();
  CHECK(f.waits_ended == 1);
  CHECK(f.was_empty);
}

TEST_CASE("a wait without time says that tasks are left") {
  Fixture f;
  f.tasks.spawn("one", f.hang());
  f.wait_empty(std::chrono::nanoseconds::zero());
  f.poll();
  CHECK(f.waits_ended == 1);
  CHECK_FALSE(f.was_empty);
  f.tasks.cancel();
  f.poll();
}

TEST_CASE("a wait ends when its time is over, whatever runs still") {
  Fixture f;
  f.tasks.spawn("one", f.hang());
  f.wait_empty(std::chrono::seconds{10});
  f.time.advance(std::chrono::seconds{9});
  CHECK(f.waits_ended == 0);
  f.time.advance(std::chrono::seconds{1});
  CHECK(f.waits_ended == 1);
  CHECK_FALSE(f.was_empty);
  f.tasks.cancel();
  f.poll();
}

namespace {

using cliffracer::detail::Strand;
using cliffracer::detail::Suspended;

/// Waits for what never comes.
asio::awaitable<void> wait_at(const Strand& strand, Suspended& place) {
  co_await place.suspend(strand, [&strand, &place] {
    static_cast<void>(strand);
    static_cast<void>(place);
  });
}

}  // namespace

TEST_CASE("child process: what a task waits for is destroyed", "[.]") {
  std::signal(SIGABRT, SIG_DFL);
  asio::io_context context{1};
  support::VirtualTime time{context};
  const Strand strand{context.get_executor()};
  TaskGroup tasks{strand, time.queue(), [](const std::string& name, const std::exception_ptr&) {
                    std::fprintf(stderr, "told of %s\n", name.c_str());
                  }};
  Suspended place;
  tasks.spawn("one", wait_at(strand, place));
  time.settle();
  // As Asio does when it has no memory to resume a coroutine.
  place.destroy();
  time.settle();
  std::fprintf(stderr, "went on\n");
}

TEST_CASE("a task that is destroyed before its end is told of, and ends the process") {
  support::ChildTest child{"child process: what a task waits for is destroyed"};
  const std::string said = child.listen();
  CHECK(said.find("told of one") != std::string::npos);
  CHECK(said.find("went on") == std::string::npos);
  CHECK(child.wait_for_end() == SIGABRT);
}

TEST_CASE("what an io_context destroys when it ends is nobody's loss") {
  struct Service {
    Service(const Strand& on, cliffracer::detail::TimerQueue& queue, Lines& told)
        : strand{on}, tasks{strand, queue, [&told](const std::string& name, const std::exception_ptr&) {
                              told.push_back(name);
                            }} {}
    Strand strand;
    TaskGroup tasks;
    Suspended place;
  };
  Lines told;
  std::optional<asio::io_context> context{std::in_place, 1};
  cliffracer::detail::SteadyTime time{*context};
  {
    auto service = std::make_shared<Service>(Strand{context->get_executor()}, time.queue(), told);
    service->tasks.spawn("one", wait_at(service->strand, service->place));
    context->poll();
    // On its way to be destroyed on the strand, which does not come to it.
    service->place.destroy();
    // Goes with the io_context, after its strands.
    asio::post(*context, [service = std::move(service)] {});
  }
  time.shut_down();
  context.reset();
  CHECK(told.empty());
}
