#pragma once

#include <cliffracer/detail/service/discovery.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/nats_service.hpp>

#include <asio/any_io_executor.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

// What NatsService subscribes to, and what it answers by itself.

namespace cliffracer {
namespace detail {

/// Whether a request is for the service with this id: that is so unless it names another one as `instance`.
[[nodiscard]] inline bool is_for_instance(const nlohmann::json& payload, std::string_view id) {
  if (!payload.is_object()) return true;
  const auto named = payload.find("instance");
  return named == payload.end() || *named == id;
}

}  // namespace detail

inline std::string NatsService::rpc_group() const {
  // NATS's services protocol has it for endpoints without a group of their own.
  return config_.queue_group.empty() ? "q" : config_.queue_group;
}

inline void NatsService::open_for_messages() {
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
    if (handler.kind == detail::MessageKind::rpc) {
      has_rpc = true;
      continue;
    }
    opened->subscribe(handler.subject, handler.queue_group, [this, &handler](detail::Inbound message) {
      dispatcher_.on_event(handler, std::move(message));
    });
  }
  if (has_rpc) {
    opened->subscribe(config_.name + ".rpc.*", rpc_group(),
                      [this](detail::Inbound message) { dispatcher_.on_request(std::move(message)); });
    opened->subscribe(config_.name + ".async.*", rpc_group(),
                      [this](detail::Inbound message) { dispatcher_.on_async(std::move(message)); });
  }
  if (config_.remote_control) {
    // Every replica obeys, or the one that is named.
    opened->subscribe(config_.name + ".rpc.timers.*", {}, [this](detail::Inbound message) {
      if (detail::is_for_instance(message.payload, id_)) dispatcher_.on_request(std::move(message));
    });
  }
  if (config_.discovery) open_for_inquiries(*opened);
}

inline void NatsService::open_for_inquiries(detail::Link& link) {
  for (const detail::Inquiry inquiry : detail::inquiries) {
    const std::string all{detail::subject_of(inquiry)};
    const std::string same_name = all + "." + config_.name;
    for (const std::string& subject : {all, same_name, same_name + "." + id_}) {
      link.subscribe(subject, {},
                     [this, inquiry](const detail::Inbound& asked) { answer(inquiry, asked.reply); });
    }
  }
}

/// Answers an inquiry of NATS's services protocol.
inline void NatsService::answer(detail::Inquiry inquiry, const std::string& reply) {
  // More would keep the event loop for long, whatever the broker takes.
  constexpr std::size_t longest = 1024 * 1024;
  if (reply.empty() || state_ == State::stopping || state_ == State::idle) return;
  try {
    const auto opened = started_link("answer");
    const auto limit = opened->status().max_payload;
    const std::size_t max_bytes = limit > 0 ? std::min(longest, static_cast<std::size_t>(limit)) : longest;
    std::string text;
    switch (inquiry) {
      case detail::Inquiry::ping:
        text = detail::ping_text(describe());
        break;
      case detail::Inquiry::info:
        text = detail::info_text(describe());
        break;
      case detail::Inquiry::stats:
        text = detail::stats_text(
            describe(), timers_.size(), [this] { return get_timer_stats(); }, max_bytes);
        break;
    }
    opened->publish(reply, std::move(text));
  } catch (const std::exception& error) {
    log_->warn("service {}: {} is not answered: {}", config_.name, detail::subject_of(inquiry),
               detail::escaped(error.what()));
  }
}

}  // namespace cliffracer
