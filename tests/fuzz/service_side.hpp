#pragma once

// What the targets use of the library's inside that is more than a function: where its constructors change,
// this header changes.

#include <cliffracer/detail/link/inbox.hpp>
#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/message/dispatcher.hpp>
#include <cliffracer/detail/nats/c_api.hpp>
#include <cliffracer/detail/nats/nats_callbacks.hpp>
#include <cliffracer/detail/registration/handler_registration.hpp>
#include <cliffracer/detail/text/json_text.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/steady_time.hpp>
#include <cliffracer/detail/work/task_group.hpp>
#include <cliffracer/service_config.hpp>

#include "fuzz.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

inline constexpr std::size_t max_payload_bytes = 64 * 1024;
inline constexpr std::size_t max_json_depth = 64;

/// What replies come to: this, a dot, and the request's number.
inline constexpr std::string_view inbox_prefix = "_INBOX.0123456789ABCDEFGHIJKL";

/// What the callbacks of nats.c have of the connection.
[[nodiscard]] inline const std::shared_ptr<cliffracer::detail::LinkCore>& link_core() {
  static const auto core = [] {
    require(nats_Open(-1) == NATS_OK, "nats.c opens");
    cliffracer::ServiceConfig config;
    config.name = "service";
    config.max_payload_bytes = max_payload_bytes;
    config.max_json_depth = max_json_depth;
    return std::make_shared<cliffracer::detail::LinkCore>(std::move(config), std::string{inbox_prefix});
  }();
  return core;
}

[[nodiscard]] inline cliffracer::detail::NatsHandle<natsMsg> make_message(const std::string& subject,
                                                                          std::string_view payload) {
  natsMsg* raw = nullptr;
  require(natsMsg_Create(&raw, subject.c_str(), "_INBOX.reply", payload.data(),
                         static_cast<int>(payload.size())) == NATS_OK,
          "nats.c makes a message");
  return cliffracer::detail::NatsHandle<natsMsg>{raw};
}

/// A reply as nats.c hands it over, on its way to the event loop. `subject` ends at its first NUL.
[[nodiscard]] inline cliffracer::detail::InboxMessage received_reply(const std::string& subject,
                                                                     std::string_view payload) {
  const auto& core = link_core();
  const auto message = make_message(subject, payload);
  return cliffracer::detail::nats_callbacks::to_inbox_message({core, 0}, message.get());
}

/// An event with this header, which ends at its first NUL, and an empty object.
[[nodiscard]] inline cliffracer::detail::Inbound received_with_header(const std::string& correlation_id) {
  // One for all: what nats.c does with a message that is not needed any more takes long.
  static const auto message = (static_cast<void>(link_core()), make_message("events.hostile", "{}"));
  require(natsMsgHeader_Set(message.get(), "correlation_id", correlation_id.c_str()) == NATS_OK,
          "nats.c takes a header");
  return cliffracer::detail::nats_callbacks::to_inbox_message({link_core(), 1}, message.get()).inbound;
}

/// A message as it comes to the event loop, with anything in any part of it.
[[nodiscard]] inline cliffracer::detail::Inbound inbound(std::string_view subject, std::string_view header,
                                                         std::string_view text) {
  cliffracer::detail::Inbound message;
  message.subject = subject;
  message.reply = "_INBOX.reply";
  message.headers.correlation_id = header;
  try {
    message.payload = text.empty()
                          ? nlohmann::json::object()
                          : cliffracer::detail::parse_bounded(text, max_payload_bytes, max_json_depth);
  } catch (const std::invalid_argument& refused) {
    message.payload_error = refused.what();
  }
  return message;
}

/// A log that nobody may forge lines in.
class WatchedLog {
 public:
  WatchedLog() { logger_->set_level(spdlog::level::trace); }

  [[nodiscard]] cliffracer::detail::ServiceLog of_service(std::string name) const {
    return {logger_, std::move(name)};
  }

  /// How many warnings and errors there were since the last call.
  [[nodiscard]] std::size_t take_problems() { return std::exchange(sink_->problems, 0); }

 private:
  struct Sink : spdlog::sinks::base_sink<spdlog::details::null_mutex> {
    std::size_t problems = 0;

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const std::string_view text{message.payload.data(), message.payload.size()};
      require(!shows_control(text), "a log line is one line");
      require(text.size() < 8192, "a log line is short");
      if (message.level >= spdlog::level::warn) ++problems;
    }
    void flush_() override {}
  };

  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::shared_ptr<spdlog::logger> logger_ = std::make_shared<spdlog::logger>("watched", sink_);
};

struct SentReply {
  std::string subject;
  std::string payload;
  cliffracer::detail::MessageHeaders headers;
};

/// The messages' side of a service, between a broker that is the target and worker threads that run by hand.
/// `Service` has the methods.
template <class Service>
class ServiceSide {
 public:
  ServiceSide() { dispatcher_.start_accepting(workers_.get_executor()); }

  template <class Registration>
  const cliffracer::detail::MessageHandler& add(Registration registration) {
    dispatcher_.add(cliffracer::detail::registration_of(std::move(registration), &service));
    return dispatcher_.handlers().back();
  }

  // Each message ends here before the next one comes.

  void request(cliffracer::detail::Inbound message) {
    on_strand([&] { dispatcher_.on_request(std::move(message)); });
  }
  void async(cliffracer::detail::Inbound message) {
    on_strand([&] { dispatcher_.on_async(std::move(message)); });
  }
  /// All at once.
  void events(const cliffracer::detail::MessageHandler& handler,
              std::vector<cliffracer::detail::Inbound> messages) {
    on_strand([&] {
      for (auto& message : messages) dispatcher_.on_event(handler, std::move(message));
    });
  }

  [[nodiscard]] std::vector<SentReply> take_replies() { return std::exchange(replies_, {}); }

  Service service;
  WatchedLog log;

 private:
  template <class Function>
  void on_strand(Function function) {
    asio::post(strand_, std::move(function));
    std::size_t ran = 0;
    do {
      loop_.restart();
      ran = loop_.poll();
      workers_.restart();
      ran += workers_.poll();
    } while (ran > 0);
    require(tasks_.empty(), "every message comes to an end");
    require(dispatcher_.refused() == 0, "no message that has ended counts as waiting");
  }

  static constexpr std::size_t max_messages = 16;

  asio::io_context loop_{1};
  asio::io_context workers_{1};
  cliffracer::detail::SteadyTime time_{loop_};
  cliffracer::detail::Strand strand_{loop_.get_executor()};
  cliffracer::detail::TaskGroup tasks_{
      strand_, time_.queue(),
      [](const std::string&, const std::exception_ptr&) { require(false, "nothing escapes"); }};
  std::vector<SentReply> replies_;
  cliffracer::detail::Dispatcher dispatcher_{
      log.of_service("service"),
      max_messages,
      tasks_,
      time_.queue().source(),
      strand_,
      [this](std::string subject, std::string payload, cliffracer::detail::MessageHeaders headers) {
        replies_.push_back({std::move(subject), std::move(payload), std::move(headers)});
      }};
};

}  // namespace fuzz
