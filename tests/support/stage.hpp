#pragma once

#include <cliffracer/listener.hpp>
#include <cliffracer/nats_service.hpp>
#include <cliffracer/testing/broker.hpp>
#include <cliffracer/testing/virtual_time.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/nats_client.hpp"
#include "support/nats_server.hpp"

// Where services play together, with one script for all stages. Everything happens on the test's thread, but
// for plain methods on workers. A stage has
//   context()              for the services
//   config(name)           with the address of its broker
//   run(task)              the task's result
//   eventually(condition)  lets time pass until it holds; false: it never did
//   pass(duration)         lets time pass
//   publish_text()         as another program, at the latest when it returns
//   stop_broker(), start_broker()
//   hang(service)          its connection stays, and nothing gets through; go_on(service) ends that
namespace support {

/// Virtual time and the in-process broker.
class VirtualStage {
 public:
  [[nodiscard]] asio::io_context& context() { return time_.context(); }

  [[nodiscard]] static cliffracer::ServiceConfig config(const std::string& name) {
    return {.name = name, .reconnect_time_wait = std::chrono::milliseconds{50}};
  }

  template <class Result>
  Result run(asio::awaitable<Result> task) {
    return time_.run(std::move(task));
  }

  [[nodiscard]] bool eventually(const std::function<bool()>& condition) {
    const auto end = time_.elapsed() + std::chrono::seconds{30};
    while (!condition()) {
      if (time_.elapsed() > end) return false;
      time_.advance(std::chrono::milliseconds{1});
    }
    return true;
  }

  void pass(std::chrono::nanoseconds duration) { time_.advance(duration); }

  void publish_text(const std::string& subject, const std::string& text) {
    broker_.publish_text(subject, text);
  }

  void stop_broker() { broker_.stop(); }
  void start_broker() { broker_.start(); }
  void hang(const std::string& service) { broker_.partition(service); }
  void go_on(const std::string& service) { broker_.heal(service); }

 private:
  cliffracer::testing::VirtualTime time_;
  cliffracer::testing::Broker broker_{time_};
};

/// Real time and a nats-server, which has JetStream.
class RealStage {
 public:
  [[nodiscard]] asio::io_context& context() { return context_; }

  [[nodiscard]] cliffracer::ServiceConfig config(const std::string& name) const {
    return {.name = name, .nats_url = server_.url(), .reconnect_time_wait = std::chrono::milliseconds{50}};
  }

  template <std::same_as<void> Result>
  Result run(asio::awaitable<Result> task) {
    std::exception_ptr thrown;
    bool has_ended = false;
    const auto note = [&](std::exception_ptr failure) {
      thrown = std::move(failure);
      has_ended = true;
    };
    asio::co_spawn(context_, std::move(task), note);
    wait_for_end(has_ended);
    if (thrown) std::rethrow_exception(thrown);
  }

  template <class Result>
  Result run(asio::awaitable<Result> task) {
    std::exception_ptr thrown;
    bool has_ended = false;
    Result result;
    const auto note = [&](std::exception_ptr failure, Result value) {
      thrown = std::move(failure);
      result = std::move(value);
      has_ended = true;
    };
    asio::co_spawn(context_, std::move(task), note);
    wait_for_end(has_ended);
    if (thrown) std::rethrow_exception(thrown);
    return result;
  }

  [[nodiscard]] bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context_.run_one_for(std::chrono::milliseconds{1});
    }
    return true;
  }

  void pass(std::chrono::nanoseconds duration) { context_.run_for(duration); }

  void publish_text(const std::string& subject, const std::string& text) {
    NatsClient client{server_.port()};
    client.publish(subject, text);
    client.flush();
  }

  void stop_broker() { server_.kill(); }
  void start_broker() { server_.restart(); }
  void hang(const std::string& /*service*/) { server_.stop(); }
  void go_on(const std::string& /*service*/) { server_.cont(); }

 private:
  void wait_for_end(const bool& has_ended) {
    // Whoever calls has locals that the task uses.
    if (!eventually([&] { return has_ended; })) std::terminate();
  }

  NatsServer server_{{}, {}, NatsServer::JetStream::on};
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
};

/// A service on a stage, started; stopped, if it still runs, when this object dies.
template <class Stage, class Service>
class Actor {
 public:
  template <class... Arguments>
  explicit Actor(Stage& stage, Arguments&&... arguments)
      : stage_{stage}, service_{stage.context(), std::forward<Arguments>(arguments)...} {}
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;
  ~Actor() { stop(); }

  Service* operator->() noexcept { return &service_; }
  Service& operator*() noexcept { return service_; }

  void start() { stage_.run(service_.start()); }
  void stop() { stage_.run(service_.stop()); }

 private:
  Stage& stage_;
  Service service_;
};

/// Hears that services are there.
class DoorListener : public cliffracer::NatsService {
 public:
  DoorListener(asio::io_context& context, cliffracer::ServiceConfig config)
      : NatsService{context, std::move(config)} {
    add(cliffracer::listener<&DoorListener::hear>{.subject = "door"});
  }
  asio::awaitable<void> hear(nlohmann::json data) {
    last = data.at("number").get<int>();
    co_return;
  }
  int last = 0;
};

/// Knows when services are there: what they publish reaches the broker after what they have subscribed to.
template <class Stage>
class Doorkeeper {
 public:
  explicit Doorkeeper(Stage& stage) : stage_{stage}, listener_{stage, stage.config("doorkeeper")} {
    listener_.start();
    await(*listener_);
  }

  /// Returns when the broker knows of all that `service` has subscribed to.
  void await(cliffracer::NatsService& service) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::seconds{20};
    // What is published while the listener itself has no connection does not arrive.
    const int first = number_ + 1;
    while (Clock::now() < deadline) {
      service.publish_event("door", {{"number", ++number_}});
      for (int n = 0; n < 20; ++n) {
        if (listener_->last >= first) return;
        stage_.pass(std::chrono::milliseconds{n});
      }
    }
    throw std::runtime_error{"service " + service.config().name + " does not come"};
  }

  /// The same after an outage.
  void await_again(cliffracer::NatsService& service) {
    await(*listener_);
    await(service);
  }

 private:
  Stage& stage_;
  Actor<Stage, DoorListener> listener_;
  int number_ = 0;
};

}  // namespace support
