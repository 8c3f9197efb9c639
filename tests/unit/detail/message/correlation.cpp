#include <cliffracer/detail/message/correlation.hpp>

#include "support/catch.hpp"

#include <cliffracer/detail/message/worker_call.hpp>

#include <asio.hpp>

using namespace cliffracer::detail;

namespace {

using Ids = std::vector<std::string>;

std::string current() {
  const std::string* id = current_correlation_id();
  return id == nullptr ? "none" : *id;
}

asio::any_io_executor with_id(asio::any_io_executor inner, const std::string& id) {
  return CorrelationExecutor{std::move(inner), std::make_shared<const std::string>(id)};
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

TEST_CASE("there is no correlation id outside a scope, and scopes nest") {
  const std::string outer = "outer";
  const std::string inner = "inner";
  CHECK(current_correlation_id() == nullptr);
  {
    const CorrelationScope scope{&outer};
    {
      const CorrelationScope nested{&inner};
      CHECK(current() == "inner");
      const CorrelationScope none{nullptr};
      CHECK(current() == "none");
    }
    CHECK(current() == "outer");
  }
  CHECK(current_correlation_id() == nullptr);
}

TEST_CASE("interleaving coroutines keep their own ids") {
  asio::io_context io;
  const asio::any_io_executor strand = asio::make_strand(io);
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
  const asio::any_io_executor strand = asio::make_strand(io);
  Ids ids;
  const auto visit = [&](std::string id) -> asio::awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      std::string there;
      auto work = [&]() noexcept {
        there = current();
        const CorrelationScope scope{&id};
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
  asio::co_spawn(with_id(io.get_executor(), "a"), failing(),
                 [&](std::exception_ptr thrown) { in_handler = thrown ? current() : "nothing thrown"; });
  io.run();
  CHECK(in_handler == "a");
  CHECK(current() == "none");

  asio::post(with_id(io.get_executor(), "a"), [] { throw std::runtime_error{"out of the loop"}; });
  io.restart();
  CHECK_THROWS_AS(io.run(), std::runtime_error);
  CHECK(current() == "none");
}

TEST_CASE("dispatch on the same strand runs at once, post does not") {
  asio::io_context io;
  const asio::any_io_executor strand = asio::make_strand(io);
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

TEST_CASE("an executor without id shields from the id of its caller") {
  asio::io_context io;
  const asio::any_io_executor strand = asio::make_strand(io);
  const asio::any_io_executor shielded = CorrelationExecutor{strand, nullptr};
  Ids ids;
  asio::post(with_id(strand, "a"), [&] {
    asio::dispatch(strand, [&] { ids.push_back(current()); });
    asio::dispatch(shielded, [&] { ids.push_back(current()); });
    ids.push_back(current());
  });
  io.run();
  CHECK(ids == Ids{"a", "none", "a"});
}

TEST_CASE("correlation executors are equal when executor and id are the same") {
  asio::io_context io;
  const asio::any_io_executor strand = asio::make_strand(io);
  const auto id = std::make_shared<const std::string>("a");
  const CorrelationExecutor one{strand, id};
  const CorrelationExecutor same{strand, id};
  const CorrelationExecutor other_id{strand, std::make_shared<const std::string>("a")};
  const CorrelationExecutor other_executor{io.get_executor(), id};
  CHECK(one == same);
  CHECK(one != other_id);
  CHECK(one != other_executor);
  CHECK(asio::any_io_executor{one} == asio::any_io_executor{same});
  CHECK(asio::any_io_executor{one} != asio::any_io_executor{other_id});
  CHECK(asio::any_io_executor{one} != strand);
}

TEST_CASE("a correlation executor passes properties on") {
  asio::io_context io;
  const auto id = std::make_shared<const std::string>("a");
  const asio::any_io_executor one = CorrelationExecutor{io.get_executor(), id};
  CHECK(&asio::query(one, asio::execution::context) == &io);
  const auto never = asio::require(one, asio::execution::blocking.never);
  CHECK(never ==
        asio::any_io_executor{CorrelationExecutor{
            asio::require(asio::any_io_executor{io.get_executor()}, asio::execution::blocking.never), id}});
  // Tracked work keeps run() waiting.
  {
    const auto tracked = asio::prefer(one, asio::execution::outstanding_work.tracked);
    io.poll();
    CHECK_FALSE(io.stopped());
  }
  io.poll();
  CHECK(io.stopped());
}
