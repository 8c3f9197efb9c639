#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/link_log.hpp>
#include <cliffracer/detail/nats/c_api.hpp>
#include <cliffracer/detail/nats/connect_options.hpp>
#include <cliffracer/detail/nats/nats_callbacks.hpp>
#include <cliffracer/detail/text/broker_url.hpp>

namespace cliffracer::detail {

/// One connection to the broker, from its first to its last byte. Only on the link's thread: everything may
/// block.
class Session {
 public:
  /// Connects to the first of `servers` that answers, and subscribes to the replies.
  /// Throws std::system_error for an unusable option, std::runtime_error when no server takes the connection.
  Session(std::shared_ptr<LinkCore> core, std::uint64_t generation, const std::vector<std::string>& servers)
      : core_{std::move(core)} {
    const auto options = make_connect_options(core_->config, servers);
    auto closure = std::make_unique<nats_callbacks::Connection>(core_, generation);
    require_ok(natsOptions_SetClosedCB(options.get(), &nats_callbacks::on_closed, closure.get()),
               "callbacks");
    require_ok(natsOptions_SetErrorHandler(options.get(), &nats_callbacks::on_error, closure.get()),
               "callbacks");
    natsConnection* raw = nullptr;
    if (const natsStatus status = natsConnection_Connect(&raw, options.get()); status != NATS_OK)
      throw std::runtime_error{last_error_text(status)};
    // No callback comes for a connection that was never made; for this one on_closed will.
    static_cast<void>(closure.release());
    connection_.reset(raw);
    headers_ = natsConnection_HasHeaderSupport(raw) == NATS_OK;
    subscribe({.id = 0, .subject = core_->inbox_prefix + ".*", .queue_group = {}});
  }

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  ~Session() {
    natsConnection_Close(connection_.get());
    // Destroying a subscription under traffic is not safe in every nats.c; now there is none.
    subscriptions_.clear();
    replies_.reset();
  }

  [[nodiscard]] std::int64_t max_payload() const { return natsConnection_GetMaxPayload(connection_.get()); }

  /// The server's address without secrets.
  [[nodiscard]] std::string server() const {
    char url[512] = {};
    if (natsConnection_GetConnectedUrl(connection_.get(), url, sizeof url) != NATS_OK) return "***";
    return redacted_url(url);
  }

  /// Servers of the cluster that the broker has told about.
  [[nodiscard]] std::vector<std::string> discovered() const {
    char** list = nullptr;
    int count = 0;
    std::vector<std::string> out;
    if (natsConnection_GetDiscoveredServers(connection_.get(), &list, &count) != NATS_OK) return out;
    for (int n = 0; n < count; ++n) {
      out.emplace_back(list[n]);
      std::free(list[n]);
    }
    std::free(list);
    return out;
  }

  /// What the broker or the network said last; empty: nothing.
  [[nodiscard]] std::string last_error() const {
    const char* text = nullptr;
    const natsStatus status = natsConnection_GetLastError(connection_.get(), &text);
    if (text != nullptr && *text != '\0') return without_source_places(text);
    return status == NATS_OK ? "" : nats_category().message(static_cast<int>(status));
  }

  void subscribe(const WantedSubscription& wanted) {
    nats_callbacks::WantedMessages messages{{core_, wanted.id}};
    natsSubscription* raw = nullptr;
    const natsStatus status =
        wanted.queue_group.empty()
            ? natsConnection_Subscribe(&raw, connection_.get(), wanted.subject.c_str(),
                                       &nats_callbacks::on_message, messages.closure())
            : natsConnection_QueueSubscribe(&raw, connection_.get(), wanted.subject.c_str(),
                                            wanted.queue_group.c_str(), &nats_callbacks::on_message,
                                            messages.closure());
    require_ok(status, "subscribe");
    NatsHandle<natsSubscription> subscription{raw};
    messages_.push_back(std::move(messages));
    if (wanted.id != 0)
      subscriptions_.push_back(std::move(subscription));
    else
      replies_ = std::move(subscription);
  }

  /// Messages that nats.c still held are counted as dropped.
  void unsubscribe_all() {
    for (const auto& subscription : subscriptions_) {
      int messages = 0;
      int bytes = 0;
      static_cast<void>(natsSubscription_GetPending(subscription.get(), &messages, &bytes));
      if (natsSubscription_Unsubscribe(subscription.get()) == NATS_OK && messages > 0)
        core_->add_inbox_dropped(static_cast<std::uint64_t>(messages));
    }
  }

  /// Messages that nats.c has dropped since the last call, because they came faster than they were taken.
  [[nodiscard]] std::uint64_t newly_dropped() {
    std::int64_t sum = 0;
    for (const auto& subscription : subscriptions_) {
      std::int64_t dropped = 0;
      if (natsSubscription_GetDropped(subscription.get(), &dropped) == NATS_OK) sum += dropped;
    }
    if (sum <= dropped_) return 0;
    return static_cast<std::uint64_t>(sum - std::exchange(dropped_, sum));
  }

  [[nodiscard]] natsStatus publish(const OutboxMessage& message) {
    const char* reply = message.reply_to.empty() ? nullptr : message.reply_to.c_str();
    const auto size = static_cast<int>(message.payload.size());
    // Without its header it would be stored whatever is there.
    if (message.headers.expected_sequence && !headers_) return NATS_NO_SERVER_SUPPORT;
    if (message.headers.empty() || !headers_) {
      if (reply == nullptr)
        return natsConnection_Publish(connection_.get(), message.subject.c_str(), message.payload.data(),
                                      size);
      return natsConnection_PublishRequest(connection_.get(), message.subject.c_str(), reply,
                                           message.payload.data(), size);
    }
    natsMsg* raw = nullptr;
    natsStatus status = natsMsg_Create(&raw, message.subject.c_str(), reply, message.payload.data(), size);
    const NatsHandle<natsMsg> owner{raw};
    for_each_header(message.headers, [&](const char* name, const std::string& value) {
      if (status == NATS_OK) status = natsMsgHeader_Set(raw, name, value.c_str());
    });
    if (status == NATS_OK) status = natsConnection_PublishMsg(connection_.get(), raw);
    return status;
  }

  /// NATS_OK: the broker has had all that was published; NATS_TIMEOUT: it has not said so yet.
  [[nodiscard]] natsStatus flush(std::chrono::milliseconds patience) {
    // nats.c returns NATS_OK, too, when it could not write its PING. Only the thread's last error tells,
    // which no success clears: a refused argument puts a known one in its place.
    static_cast<void>(natsConnection_FlushTimeout(connection_.get(), 0));
    const natsStatus status = natsConnection_FlushTimeout(connection_.get(), patience.count());
    natsStatus recorded = NATS_OK;
    static_cast<void>(nats_GetLastError(&recorded));
    return status == NATS_OK && recorded != NATS_INVALID_TIMEOUT ? recorded : status;
  }

 private:
  std::shared_ptr<LinkCore> core_;
  std::vector<nats_callbacks::WantedMessages> messages_;
  NatsHandle<natsConnection> connection_;
  NatsHandle<natsSubscription> replies_;
  std::vector<NatsHandle<natsSubscription>> subscriptions_;
  std::int64_t dropped_ = 0;
  bool headers_ = false;
};

}  // namespace cliffracer::detail
