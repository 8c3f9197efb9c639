#pragma once

#include <cliffracer/build_mode.hpp>
#include <cliffracer/detail/service/discovery.hpp>
#include <cliffracer/detail/service/service.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/text/exception_text.hpp>

#include <asio/any_io_executor.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

// What the service subscribes to, and what it answers by itself.

namespace cliffracer::detail {

/// Whether a request is for the service with this id: that is so unless it names another one as `instance`.
[[nodiscard]] inline bool is_for_instance(const nlohmann::json& payload, std::string_view id) {
  if (!payload.is_object()) return true;
  const auto named = payload.find("instance");
  return named == payload.end() || *named == id;
}

CLIFFRACER_DECL std::string Service::rpc_group() const {
  // NATS's services protocol has it for endpoints without a group of their own.
  return config_.queue_group.empty() ? "q" : config_.queue_group;
}

CLIFFRACER_DECL void Service::open_for_messages() {
  asio::any_io_executor worker;
  if (dispatcher_.needs_worker()) {
    worker = environment_.workers_inline() ? asio::any_io_executor{context_.get_executor()}
                                           : message_workers_.emplace(config_.message_threads).get_executor();
  }
  dispatcher_.start_accepting(std::move(worker));
  const auto opened = link();
  bool has_rpc = false;
  for (const auto& handler : dispatcher_.handlers()) {
    if (handler.is_builtin) continue;
    if (handler.kind == MessageKind::rpc) {
      has_rpc = true;
      continue;
    }
    opened->subscribe(handler.subject, handler.queue_group, [this, &handler](Inbound message) {
      dispatcher_.on_event(handler, std::move(message));
    });
  }
  if (has_rpc) {
    opened->subscribe(config_.name + ".rpc.*", rpc_group(),
                      [this](Inbound message) { dispatcher_.on_request(std::move(message)); });
    opened->subscribe(config_.name + ".async.*", rpc_group(),
                      [this](Inbound message) { dispatcher_.on_async(std::move(message)); });
  }
  if (config_.remote_control) {
    // Every replica obeys, or the one that is named.
    opened->subscribe(config_.name + ".rpc.timers.*", {}, [this](Inbound message) {
      if (is_for_instance(message.payload, id_)) dispatcher_.on_request(std::move(message));
    });
  }
  if (config_.discovery) open_for_inquiries(*opened);
}

CLIFFRACER_DECL void Service::open_for_inquiries(Link& link) {
  for (const Inquiry inquiry : inquiries) {
    const std::string all{subject_of(inquiry)};
    const std::string same_name = all + "." + config_.name;
    for (const std::string& subject : {all, same_name, same_name + "." + id_}) {
      link.subscribe(subject, {}, [this, inquiry](const Inbound& asked) { answer(inquiry, asked.reply); });
    }
  }
}

/// Answers an inquiry of NATS's services protocol.
CLIFFRACER_DECL void Service::answer(Inquiry inquiry, const std::string& reply) {
  // More would keep the event loop for long, whatever the broker takes.
  constexpr std::size_t longest = 1024 * 1024;
  if (reply.empty() || state_ == State::stopping || state_ == State::idle) return;
  try {
    const auto opened = started_link("answer");
    const auto limit = opened->status().max_payload;
    const std::size_t max_bytes = limit > 0 ? std::min(longest, static_cast<std::size_t>(limit)) : longest;
    std::string text;
    switch (inquiry) {
      case Inquiry::ping:
        text = ping_text(describe());
        break;
      case Inquiry::info:
        text = info_text(describe());
        break;
      case Inquiry::stats:
        text = stats_text(
            describe(), timers_.size(), [this] { return get_timer_stats(); }, max_bytes);
        break;
    }
    opened->publish(reply, std::move(text));
  } catch (const std::exception& error) {
    log_.warn("{} is not answered: {}", subject_of(inquiry), escaped(text_of(error)));
  }
}

}  // namespace cliffracer::detail
