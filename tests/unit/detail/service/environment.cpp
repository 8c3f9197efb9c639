#include "support/catch.hpp"
#include "support/virtual_time.hpp"

#include <cliffracer/detail/service/environment.hpp>
#include <cliffracer/detail/time/alarm.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <memory>

using cliffracer::detail::Environment;
using cliffracer::detail::Replacement;

TEST_CASE("all services on one io_context share one queue, another io_context has its own") {
  asio::io_context first;
  asio::io_context second;
  auto& queue = asio::use_service<Environment>(first).queue();
  CHECK(&queue == &asio::use_service<Environment>(first).queue());
  CHECK(&queue != &asio::use_service<Environment>(second).queue());
  CHECK(asio::use_service<Environment>(first).run_probe() == nullptr);
}

TEST_CASE("time can be replaced before the first service") {
  auto context = std::make_unique<asio::io_context>();
  support::VirtualTime time{*context};
  asio::make_service<Environment>(*context, Replacement{.queue = time.queue(), .workers_inline = true});
  CHECK(&asio::use_service<Environment>(*context).queue() == &time.queue());
  CHECK(asio::use_service<Environment>(*context).workers_inline());
  // What sleeps is destroyed with the io_context: the queue is needed until then.
  context.reset();
}

TEST_CASE("an io_context can end before what sleeps on it") {
  bool is_awake = false;
  {
    asio::io_context context;
    auto& queue = asio::use_service<Environment>(context).queue();
    const cliffracer::detail::Strand strand{context.get_executor()};
    const auto sleep = [&]() -> asio::awaitable<void> {
      co_await cliffracer::detail::sleep_until(queue, strand, queue.now() + std::chrono::hours{1});
      is_awake = true;
    };
    asio::co_spawn(strand, sleep(), asio::detached);
    context.poll();
  }
  CHECK_FALSE(is_awake);
}
