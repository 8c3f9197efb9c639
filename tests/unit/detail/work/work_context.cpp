#include <cliffracer/detail/work/work_context.hpp>

#include "support/catch.hpp"

#include <cliffracer/detail/work/worker_call.hpp>

#include <asio.hpp>

using namespace cliffracer::detail;

namespace {

using Ids = std::vector<std::string>;

std::string current() {
  const WorkContext* context = current_work_context();
  return context == nullptr ? "none" : context->correlation_id();
}

std::shared_ptr<WorkContext> context_of(std::string id) {
  return std::make_shared<WorkContext>(std::move(id), Trace{});
}

asio::any_io_executor with_id(const Strand& strand, const std::string& id) {
  return WorkContextExecutor{strand, context_of(id)};
}

asio::awaitable<void> note_thrice(Ids& ids) {
  ids.push_back(current());
  co_await asio::post(asio::use_awaitable);
  ids.push_back(current());
  // A timer on the coroutine's own executor, and one on the plain one.
  asio::steady_timer own{co_await asio::this_coro::executor};
  own.expires_at(std::chrono::steady_clock::time_point::min());
  co_await own.async_wait(asio::use_awaitable);
  ids.push_back(current());
}

}  // namespace

TEST_CASE("there is no work context outside a scope, and scopes nest") {
  WorkContext outer{"outer", {}};
  WorkContext inner{"inner", {}};
  CHECK(current_work_context() == nullptr);
  {
    const WorkContextScope scope{&outer};
    {
      const WorkContextScope nested{&inner};
      CHECK(current() == "inner");
      const WorkContextScope none{nullptr};
      CHECK(current() == "none");
    }
    CHECK(current() == "outer");
  }
  CHECK(current_work_context() == nullptr);
}

TEST_CASE("interleaving coroutines keep their own ids") {
  asio::io_context io;
  const Strand strand{io.get_executor()};
  Ids a;
  Ids b;
  Ids plain;
  asio::co_spawn(with_id(strand, "a"), note_thrice(a), asio::detached);
  asio::co_spawn(with_id(strand, "b"), note_thrice(b), asio::detached);
  asio::co_spawn(strand, note_thrice(plain), asio::detached);
  io.run();
  CHECK(a == Ids{"a", "a", "a"});
  CHECK(b == Ids{"b", "b", "b"});
  CHECK(plain == Ids{"none", "none", "none"});
  CHECK(current() == "none");
}

TEST_CASE("a coroutine finds its id after a timer of another executor and after a nested coroutine") {
  asio::io_context io;
  asio::steady_timer timer{io, std::chrono::steady_clock::time_point::max()};
  Ids ids;
  const auto nested = [](Ids& noted) -> asio::awaitable<void> {
    noted.push_back(current());
    co_await asio::post(asio::use_awaitable);
    noted.push_back(current());
  };
  const auto outer = [&]() -> asio::awaitable<void> {
    asio::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    ids.push_back(current());
    co_await nested(ids);
    const auto executor = co_await asio::this_coro::executor;
    auto spawned = asio::co_spawn(executor, nested(ids), asio::use_awaitable);
    co_await std::move(spawned);
    ids.push_back(current());
  };
  asio::co_spawn(with_id(asio::make_strand(io), "a"), outer(), asio::detached);
  io.poll();
  timer.cancel();
  io.run();
  CHECK(ids == Ids(6, "a"));
}

TEST_CASE("an id survives a visit to a worker thread, and does not stay there") {
  asio::io_context io;
  asio::thread_pool workers{2};
  const Strand strand{io.get_executor()};
  Ids ids;
  const auto visit = [&](std::string id) -> asio::awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      std::string there;
      auto work = [&]() noexcept {
        there = current();
        WorkContext context{id, {}};
        const WorkContextScope scope{&context};
        there += " " + current();
      };
      co_await call_on_worker(workers.get_executor(), work);
      CHECK(there == "none " + id);
      CHECK(current() == id);
    }
    ids.push_back(current());
  };
  asio::co_spawn(with_id(strand, "a"), visit("a"), asio::detached);
  asio::co_spawn(with_id(strand, "b"), visit("b"), asio::detached);
  std::thread second{[&] { io.run(); }};
  io.run();
  second.join();
  workers.join();
  std::sort(ids.begin(), ids.end());
  CHECK(ids == Ids{"a", "b"});
}

TEST_CASE("an exception does not leave its id behind") {
  asio::io_context io;
  std::string in_handler;
  const auto failing = []() -> asio::awaitable<void> {
    co_await asio::post(asio::use_awaitable);
    throw std::runtime_error{"on purpose"};
  };
  asio::co_spawn(with_id(asio::make_strand(io), "a"), failing(),
                 [&](std::exception_ptr thrown) { in_handler = thrown ? current() : "nothing thrown"; });
  io.run();
  CHECK(in_handler == "a");
  CHECK(current() == "none");

  asio::post(with_id(asio::make_strand(io), "a"), [] { throw std::runtime_error{"out of the loop"}; });
  io.restart();
  CHECK_THROWS_AS(io.run(), std::runtime_error);
  CHECK(current() == "none");
}

TEST_CASE("dispatch on the same strand runs at once, post does not") {
  asio::io_context io;
  const Strand strand{io.get_executor()};
  const auto a = with_id(strand, "a");
  Ids order;
  asio::post(strand, [&] {
    asio::dispatch(a, [&] { order.push_back("dispatched " + current()); });
    asio::post(a, [&] { order.push_back("posted " + current()); });
    order.push_back("caller " + current());
  });
  io.run();
  CHECK(order == Ids{"dispatched a", "caller none", "posted a"});
}

TEST_CASE("an executor without context shields from the one of its caller") {
  asio::io_context io;
  const Strand strand{io.get_executor()};
  const asio::any_io_executor shielded = WorkContextExecutor{strand, nullptr};
  Ids ids;
  asio::post(with_id(strand, "a"), [&] {
    asio::dispatch(strand, [&] { ids.push_back(current()); });
    asio::dispatch(shielded, [&] { ids.push_back(current()); });
    ids.push_back(current());
  });
  io.run();
  CHECK(ids == Ids{"a", "none", "a"});
}

TEST_CASE("work context executors are equal when executor and context are the same") {
  asio::io_context io;
  const Strand strand{io.get_executor()};
  const auto id = context_of("a");
  const WorkContextExecutor one{strand, id};
  const WorkContextExecutor same{strand, id};
  const WorkContextExecutor other_context{strand, context_of("a")};
  const WorkContextExecutor other_strand{asio::make_strand(io), id};
  CHECK(one == same);
  CHECK(one != other_context);
  CHECK(one != other_strand);
  CHECK(asio::any_io_executor{one} == asio::any_io_executor{same});
  CHECK(asio::any_io_executor{one} != asio::any_io_executor{other_context});
  CHECK(asio::any_io_executor{one} != asio::any_io_executor{strand});
}

TEST_CASE("a work context executor passes properties on") {
  asio::io_context io;
  const Strand strand{io.get_executor()};
  const auto id = context_of("a");
  const asio::any_io_executor one = WorkContextExecutor{strand, id};
  CHECK(&asio::query(one, asio::execution::context) == &io);
  const auto without_blocking = asio::require(one, asio::execution::blocking.never);
  CHECK(without_blocking == asio::any_io_executor{WorkContextExecutor{
                                asio::require(strand, asio::execution::blocking.never), id}});
  // Tracked work keeps run() waiting.
  {
    const auto tracked = asio::prefer(one, asio::execution::outstanding_work.tracked);
    io.poll();
    CHECK_FALSE(io.stopped());
  }
  io.poll();
  CHECK(io.stopped());
}

TEST_CASE("a work context executor has the properties that were asked for, not those of its strand") {
  using namespace asio::execution;
  asio::io_context io;
  const Strand strand{io.get_executor()};
  const auto id = context_of("a");
  const WorkContextExecutor plain{strand, id};
  const WorkContextExecutor posting{asio::require(strand, blocking.never), id};
  CHECK(asio::query(plain, blocking) == blocking.possibly);
  CHECK(asio::query(posting, blocking) == blocking.never);
  CHECK(asio::query(plain, relationship) == relationship.fork);
  CHECK(asio::query(asio::prefer(plain, relationship.continuation), relationship) ==
        relationship.continuation);
  CHECK(asio::query(plain, outstanding_work) == outstanding_work.untracked);
  const auto tracked = asio::prefer(plain, outstanding_work.tracked);
  CHECK(asio::query(tracked, outstanding_work) == outstanding_work.tracked);
  CHECK(asio::prefer(tracked, outstanding_work.untracked) == plain);

  const asio::any_io_executor any = posting;
  CHECK(asio::query(any, blocking) == blocking.never);
  CHECK(asio::query(asio::prefer(any, blocking.possibly), blocking) == blocking.possibly);
  CHECK(asio::query(asio::prefer(any, relationship.continuation), relationship) == relationship.continuation);

  Ids order;
  asio::post(strand, [&] {
    posting.execute([&] { order.push_back("later " + current()); });
    asio::prefer(posting, blocking.possibly).execute([&] { order.push_back("at once " + current()); });
    tracked.execute([&] { order.push_back("tracked " + current()); });
    asio::require(tracked, blocking.never).execute([&] { order.push_back("tracked, later " + current()); });
    order.push_back("caller " + current());
  });
  io.poll();
  CHECK(order == Ids{"at once a", "tracked a", "caller none", "later a", "tracked, later a"});
}

TEST_CASE("a trace is made when it is asked for, and then stays until the next piece of work begins") {
  WorkContext context;
  const Trace first = context.trace();
  CHECK(first.is_valid());
  CHECK(context.trace() == first);
  context.begin();
  const Trace second = context.trace();
  CHECK(second.is_valid());
  CHECK_FALSE(second == first);

  const Trace own = make_trace();
  WorkContext of_message{"a", own};
  CHECK(of_message.trace() == own);
}

namespace {

/// A clock that is moved by hand, and counts who looks at it.
class Clock final : public TimeSource {
 public:
  [[nodiscard]] TimePoint now() const noexcept override {
    ++looks;
    return at;
  }
  void wake_at(TimePoint /*due*/) override {}

  TimePoint at{std::chrono::hours{1}};
  mutable int looks = 0;
};

class Holds final : public WorkContext::HoldMeter {
 public:
  void held(WorkContext& context, TimePoint began, TimePoint ended) noexcept override {
    told.push_back(context.correlation_id() + " " +
                   std::to_string((ended - began) / std::chrono::seconds{1}));
  }

  Ids told;
};

}  // namespace

TEST_CASE("each piece of a coroutine is measured for itself, and nested pieces of one work as one") {
  using namespace std::chrono_literals;
  asio::io_context io;
  Clock clock;
  Holds holds;
  const auto context = context_of("a");
  const asio::any_io_executor measured = WorkContextExecutor{asio::make_strand(io), context};
  SECTION("measured") {
    context->measure(holds, clock);
    asio::post(measured, [&] {
      clock.at += 3s;
      // At once, since it is on the strand already.
      asio::dispatch(measured, [&] { clock.at += 1s; });
    });
    asio::post(measured, [&] { clock.at += 2s; });
    asio::post(io, [&] { clock.at += 9s; });
    io.run();
    CHECK(holds.told == Ids{"a 4", "a 2"});
  }
  SECTION("not measured: then no clock is read") {
    asio::post(measured, [] {});
    io.run();
    CHECK(holds.told.empty());
    CHECK(clock.looks == 0);
  }
  SECTION("the last piece is measured, none after it") {
    context->measure(holds, clock);
    asio::post(measured, [&] {
      clock.at += 1s;
      context->measure_no_more();
    });
    asio::post(measured, [&] { clock.at += 2s; });
    io.run();
    CHECK(holds.told == Ids{"a 1"});
  }
  SECTION("a piece that throws is not told of") {
    context->measure(holds, clock);
    asio::post(measured, [] { throw std::runtime_error{"on purpose"}; });
    CHECK_THROWS_AS(io.run(), std::runtime_error);
    CHECK(holds.told.empty());
  }
}
