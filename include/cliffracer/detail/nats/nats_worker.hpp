#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <cliffracer/detail/link/link_core.hpp>
#include <cliffracer/detail/link/link_log.hpp>
#include <cliffracer/detail/link/retry.hpp>
#include <cliffracer/detail/nats/secrets.hpp>
#include <cliffracer/detail/nats/session.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/service_log.hpp>

namespace cliffracer::detail {

/// The link's own thread: makes connections one after the other, and sends the outbox over the present one.
/// All that nats.c may block on happens here.
class NatsWorker {
 public:
  NatsWorker(std::shared_ptr<LinkCore> core, ServiceLog log)
      : core_{std::move(core)},
        log_{std::move(log)},
        retry_{core_->config.reconnect_time_wait, core_->config.max_reconnect_attempts} {}

  /// Returns after close(), or when the attempts are used up.
  void run() noexcept {
    try {
      warn_about_tls();
      while (connect_when_due()) serve();
    } catch (const std::exception& error) {
      log_.error("the connection to NATS ends: {}", escaped(text_of(error)));
    }
    session_.reset();
    if (const std::uint64_t lost = core_->finish(true, Clock::now()); lost > 0)
      log_.warn("lost {} for NATS: the connection is closed", message_count(lost));
    log_.info("closed the connection to NATS");
  }

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds flush_slice{100};

  void warn_about_tls() const {
    constexpr std::uint32_t safe_version = 0x030b00;
    if (wants_tls(core_->config) && nats_GetVersionNumber() < safe_version)
      log_.warn("TLS needs nats.c 3.11 or newer to be safe, this is {}", nats_GetVersion());
  }

  [[nodiscard]] LinkState waiting_state() const noexcept {
    return ever_connected_ ? LinkState::reconnecting : LinkState::connecting;
  }

  /// True with a new session_; false when no connection shall be made any more.
  [[nodiscard]] bool connect_when_due() {
    for (;;) {
      const auto due = retry_.next_attempt();
      if (!due) {
        const int attempts = core_->config.max_reconnect_attempts + (ever_connected_ ? 0 : 1);
        log_.error("gives up on NATS after {} in a row",
                   count_of(static_cast<std::uint64_t>(attempts), "failed attempt"));
        return false;
      }
      if (!core_->wait_until(*due)) return false;
      if (connect()) return true;
    }
  }

  [[nodiscard]] bool connect() {
    const std::uint64_t generation = core_->begin_connection(waiting_state());
    retry_.attempt_started(Clock::now());
    std::vector<std::string> servers = core_->config.nats_url.list();
    servers.insert(servers.end(), discovered_.begin(), discovered_.end());
    try {
      session_.emplace(core_, generation, servers);
    } catch (const std::exception& error) {
      session_.reset();
      if (!core_->stop_is_overdue(Clock::now())) failed(clean(text_of(error)));
      return false;
    }
    if (core_->stop_is_overdue(Clock::now())) {
      // close() has long returned; its caller has been told.
      session_.reset();
      return false;
    }
    const std::string server = session_->server();
    core_->connected(server, session_->max_payload());
    log_.info("{} NATS at {}", ever_connected_ ? "reconnected to" : "connected to", escaped(server));
    ever_connected_ = true;
    retry_.connected();
    failures_.recovered();
    return true;
  }

  void failed(const std::string& why) {
    core_->disconnected(waiting_state(), why);
    if (failures_.worth_a_line(why, Clock::now()))
      log_.warn("cannot connect to NATS at {}: {}", escaped(core_->config.nats_url.redacted()), why);
  }

  /// Sends and subscribes until the connection ends or close() was served.
  void serve() {
    unconfirmed_ = 0;
    flush_due_ = true;
    bool alive = true;
    while (alive) {
      if (!flush_due_) core_->wait_for_work();
      LinkWork work = core_->take_work(flush_due_, Clock::now());
      report_problems();
      if (work.lost) {
        // The batch is empty then.
        alive = false;
        break;
      }
      if (work.unsubscribe) session_->unsubscribe_all();
      for (const WantedSubscription& wanted : work.subscriptions) alive = subscribe(wanted) && alive;
      alive = publish(std::move(work.batch)) && alive;
      if (alive && flush_due_) alive = flush();
      if (!alive || !work.stopping) continue;
      if (core_->stop_is_overdue(Clock::now()) || (!flush_due_ && core_->status().outbox_messages == 0))
        break;
    }
    // Published, but the broker has not said so before the end.
    core_->add_unconfirmed(unconfirmed_);
    if (!alive) {
      const std::string why = clean(lost_reason());
      core_->disconnected(LinkState::reconnecting, why);
      log_.warn("lost the connection to NATS: {}{}", why,
                unconfirmed_ == 0 ? "" : ", may have lost " + message_count(unconfirmed_));
      remember_cluster();
    } else if (unconfirmed_ > 0) {
      log_.warn("may have lost {}: NATS did not confirm in time", message_count(unconfirmed_));
    }
    session_.reset();
  }

  /// False when the connection is not usable any more.
  [[nodiscard]] bool subscribe(const WantedSubscription& wanted) {
    flush_due_ = true;
    try {
      session_->subscribe(wanted);
      return true;
    } catch (const std::system_error& error) {
      log_.warn("cannot subscribe to {}: {}", escaped(wanted.subject), clean(error.code().message()));
      return false;
    }
  }

  /// False when the connection is not usable any more; what was not sent is back in the outbox then.
  [[nodiscard]] bool publish(std::vector<OutboxMessage> batch) {
    if (batch.empty()) return true;
    std::uint64_t sent = 0;
    std::uint64_t refused = 0;
    std::size_t first_refused = 0;
    natsStatus why = NATS_OK;
    std::size_t next = 0;
    bool alive = true;
    for (; next < batch.size(); ++next) {
      const natsStatus status = session_->publish(batch[next]);
      if (status == NATS_OK) {
        ++sent;
      } else if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT || status == NATS_INVALID_ARG ||
                 status == NATS_NO_SERVER_SUPPORT) {
        // The message is at fault and would be again.
        if (refused++ == 0) {
          first_refused = next;
          why = status;
        }
      } else {
        // Part of it may be on the wire: only a new connection can send it whole.
        alive = false;
        break;
      }
    }
    if (refused > 0)
      log_.warn("{}", lost_messages(refused, batch[first_refused].subject,
                                    nats_category().message(static_cast<int>(why))));
    unconfirmed_ += sent;
    flush_due_ = flush_due_ || sent > 0;
    core_->settle(sent, refused,
                  {std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(next)),
                   std::make_move_iterator(batch.end())});
    return alive;
  }

  /// False when the connection is not usable any more. Until the broker has confirmed what was sent nothing
  /// more is, so that a broker that hangs costs one batch and not all.
  [[nodiscard]] bool flush() {
    const natsStatus status = session_->flush(flush_slice);
    if (status == NATS_OK) {
      flush_due_ = false;
      unconfirmed_ = 0;
      return true;
    }
    return status == NATS_TIMEOUT;
  }

  void report_problems() {
    std::string problem = core_->take_problem();
    if (problem.empty()) return;
    problem = clean(with_detail(std::move(problem), session_->last_error()));
    core_->add_inbox_dropped(session_->newly_dropped());
    if (problems_.worth_a_line(problem, Clock::now())) log_.warn("NATS reports: {}", problem);
  }

  /// Addresses in the config that carry a user do not fit other servers.
  void remember_cluster() {
    for (const std::string& url : core_->config.nats_url.list())
      if (!parse_broker_url(url).user_info.empty()) return;
    discovered_ = session_->discovered();
  }

  [[nodiscard]] std::string lost_reason() const {
    std::string why = session_->last_error();
    return why.empty() ? "the broker hung up" : why;
  }

  [[nodiscard]] std::string clean(std::string_view text) const {
    return escaped(without_secrets(text, core_->config));
  }

  std::shared_ptr<LinkCore> core_;
  const ServiceLog log_;
  RetryPolicy retry_;
  FailureLog failures_;
  FailureLog problems_;
  std::optional<Session> session_;
  std::vector<std::string> discovered_;
  std::uint64_t unconfirmed_ = 0;
  bool flush_due_ = false;
  bool ever_connected_ = false;
};

}  // namespace cliffracer::detail
