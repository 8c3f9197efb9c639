#pragma once

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/link_driver.hpp>
#include <cliffracer/detail/link/link_log.hpp>
#include <cliffracer/detail/link/received_text.hpp>
#include <cliffracer/detail/link/retry.hpp>
#include <cliffracer/detail/nats/connect_options.hpp>
#include <cliffracer/detail/text/broker_url.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/testing/detail/broker_hub.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cliffracer::detail {

/// One service's way to an in-process broker: does with virtual time what NatsDriver and Session do with a
/// thread and nats.c. Only on the event loop, but for the core's changes.
class BrokerLink final : public BrokerClient, public std::enable_shared_from_this<BrokerLink> {
 public:
  /// `schedule` is on `context`, which is that of `site`.
  BrokerLink(asio::io_context& context, std::shared_ptr<BrokerSchedule> schedule, std::size_t site,
             std::shared_ptr<BrokerHub> hub, std::shared_ptr<LinkCore> core, ServiceLog log)
      : context_{context},
        schedule_{std::move(schedule)},
        client_{.service = core->config.name, .site = site},
        hub_{std::move(hub)},
        core_{std::move(core)},
        log_{std::move(log)},
        retry_{core_->config.reconnect_time_wait, core_->config.max_reconnect_attempts},
        wake_{schedule_},
        detection_{schedule_} {
    hub_->add(*this);
  }
  BrokerLink(const BrokerLink&) = delete;
  BrokerLink& operator=(const BrokerLink&) = delete;
  ~BrokerLink() override { hub_->remove(*this); }

  /// What the core says on any thread becomes one turn of the event loop.
  void listen() {
    const auto is_posted = std::make_shared<std::atomic<bool>>(false);
    core_->on_change([&context = context_, is_posted, weak = weak_from_this()] {
      if (is_posted->exchange(true)) return;
      asio::post(context, [is_posted, weak] {
        is_posted->store(false);
        if (const auto self = weak.lock()) self->step();
      });
    });
  }

  void start() {
    is_started_ = true;
    post_step();
  }

  // BrokerClient

  [[nodiscard]] const BrokerClientName& client() const override { return client_; }

  void hang(bool is_hung) override {
    if (!connection_ || connection_->is_hung() == is_hung) return;
    if (is_hung) {
      constexpr std::chrono::milliseconds patience{(max_pings_out + 1) * ping_interval_ms};
      connection_->hang();
      detection_.at(later(now(), patience), [this] { disconnect("stale connection"); });
      return;
    }
    detection_.cancel();
    connection_->resume();
    is_flush_due_ = false;
    unconfirmed_ = 0;
    post_step();
  }

  void disconnect(std::string_view why) override {
    if (!connection_) return;
    lost_because_ = why;
    detection_.cancel();
    connection_.reset();
    core_->connection_closed(generation_);
  }

 private:
  [[nodiscard]] TimePoint now() const noexcept { return schedule_->now(); }

  [[nodiscard]] LinkState waiting_state() const noexcept {
    return was_connected_ ? LinkState::reconnecting : LinkState::connecting;
  }

  void post_step() {
    asio::post(context_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->step();
    });
  }

  /// Does all that can be done now.
  void step() {
    if (!is_started_ || has_ended_) return;
    if (!lost_because_.empty()) report_loss();
    if (connection_ || connect_when_due()) serve();
  }

  [[nodiscard]] bool connect_when_due() {
    if (core_->take_work(true, now()).stopping) {
      end();
      return false;
    }
    for (;;) {
      const auto due = retry_.next_attempt();
      if (!due) {
        const int attempts = core_->config.max_reconnect_attempts + (was_connected_ ? 0 : 1);
        log_.error("gives up on NATS after {} in a row",
                   count_of(static_cast<std::uint64_t>(attempts), "failed attempt"));
        end();
        return false;
      }
      if (*due > now()) {
        wake_.at(*due, [this] { step(); });
        return false;
      }
      if (connect()) return true;
    }
  }

  [[nodiscard]] bool connect() {
    generation_ = core_->begin_connection(waiting_state());
    retry_.attempt_started(now());
    if (const std::string why{hub_->refusal(client_)}; !why.empty()) {
      core_->disconnected(waiting_state(), why);
      if (failures_.worth_a_line(why, now()))
        log_.warn("cannot connect to NATS at {}: {}", escaped(core_->config.nats_url.redacted()), why);
      return false;
    }
    connection_ = hub_->connect(
        client_, schedule_,
        [this](const BrokerMessage& message, std::uint64_t subscription) { receive(message, subscription); });
    connection_->subscribe({.id = 0, .subject = core_->inbox_prefix + ".*", .queue_group = {}});
    const std::string server = redacted_url(core_->config.nats_url.list().front());
    core_->connected(server, static_cast<std::int64_t>(hub_->max_payload));
    log_.info("{} NATS at {}", was_connected_ ? "reconnected to" : "connected to", escaped(server));
    was_connected_ = true;
    wake_.cancel();
    retry_.connected();
    failures_.recovered();
    return true;
  }

  void serve() {
    for (;;) {
      LinkWork work = core_->take_work(is_flush_due_, now());
      const bool has_batch = !work.batch.empty();
      const bool awaits_confirmation = has_batch || !work.subscriptions.empty();
      if (work.unsubscribe)
        connection_->send([to = connection_.get()] { to->unsubscribe_all_but_replies(); });
      for (WantedSubscription& wanted : work.subscriptions)
        connection_->send([to = connection_.get(), wanted] { to->subscribe(wanted); });
      publish(std::move(work.batch));
      // As with a broker that confirms nothing: no more until it does.
      if (connection_->is_hung() && awaits_confirmation) is_flush_due_ = true;
      if (has_batch && !is_flush_due_) continue;
      if (!work.stopping) return;
      if (core_->stop_is_overdue(now()) || (!is_flush_due_ && core_->status().outbox_messages == 0)) {
        if (unconfirmed_ > 0)
          log_.warn("may have lost {}: NATS did not confirm in time", message_count(unconfirmed_));
        return end();
      }
      wake_.at(work.deadline, [this] { step(); });
      return;
    }
  }

  void publish(std::vector<OutboxMessage> batch) {
    if (batch.empty()) return;
    std::uint64_t sent = 0;
    std::uint64_t refused = 0;
    std::string first_refused;
    for (OutboxMessage& out : batch) {
      const auto message =
          std::make_shared<const BrokerMessage>(BrokerMessage{.subject = std::move(out.subject),
                                                              .payload = std::move(out.payload),
                                                              .reply_to = std::move(out.reply_to),
                                                              .headers = std::move(out.headers)});
      if (message->size() > hub_->max_payload) {
        if (refused++ == 0) first_refused = message->subject;
        continue;
      }
      ++sent;
      connection_->send(
          [hub = hub_.get(), from = connection_.get(), message] { hub->publish(message, *from); });
    }
    if (refused > 0) log_.warn("{}", lost_messages(refused, first_refused, "Maximum Payload"));
    if (connection_->is_hung()) unconfirmed_ += sent;
    core_->settle(sent, refused, {});
  }

  void receive(const BrokerMessage& message, std::uint64_t subscription) {
    core_->received(to_inbox_message(text_of(message), subscription, core_->inbox_prefix, core_->config));
  }

  void report_loss() {
    const std::string why = std::exchange(lost_because_, {});
    const std::uint64_t unconfirmed = std::exchange(unconfirmed_, 0);
    is_flush_due_ = false;
    core_->add_unconfirmed(unconfirmed);
    core_->disconnected(LinkState::reconnecting, why);
    log_.warn("lost the connection to NATS: {}{}", why,
              unconfirmed == 0 ? "" : ", may have lost " + message_count(unconfirmed));
  }

  void end() {
    has_ended_ = true;
    wake_.cancel();
    detection_.cancel();
    core_->add_unconfirmed(std::exchange(unconfirmed_, 0));
    connection_.reset();
    if (const std::uint64_t lost = core_->finish(true, now()); lost > 0)
      log_.warn("lost {} for NATS: the connection is closed", message_count(lost));
    log_.info("closed the connection to NATS");
  }

  asio::io_context& context_;
  const std::shared_ptr<BrokerSchedule> schedule_;
  const BrokerClientName client_;
  const std::shared_ptr<BrokerHub> hub_;
  const std::shared_ptr<LinkCore> core_;
  const ServiceLog log_;
  RetryPolicy retry_;
  FailureLog failures_;
  BrokerWake wake_;       // the next attempt, or the end of the time to stop
  BrokerWake detection_;  // a connection that hangs is given up
  std::shared_ptr<BrokerConnection> connection_;
  std::string lost_because_;  // not empty: a connection has ended, and was not reported yet
  std::uint64_t generation_ = 0;
  std::uint64_t unconfirmed_ = 0;
  bool is_started_ = false;
  bool was_connected_ = false;
  bool is_flush_due_ = false;  // sent on a connection that hangs, and not confirmed
  bool has_ended_ = false;
};

/// Owns the way to the broker for a Link.
class BrokerLinkDriver final : public LinkDriver {
 public:
  explicit BrokerLinkDriver(std::shared_ptr<BrokerLink> link) : link_{std::move(link)} { link_->listen(); }

  void start() override { link_->start(); }

 private:
  std::shared_ptr<BrokerLink> link_;
};

}  // namespace cliffracer::detail
