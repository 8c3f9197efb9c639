#pragma once

#include <cliffracer/detail/link/link.hpp>
#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/service/environment.hpp>
#include <cliffracer/detail/time/timer_queue.hpp>
#include <cliffracer/service_config.hpp>

#include <spdlog/logger.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace support {

/// A connection to whatever broker the services of an io_context have, for requests that no service sends as
/// such. Await close() on it before it dies.
class RawLink {
 public:
  RawLink(asio::io_context& context, const cliffracer::ServiceConfig& config)
      : strand_{asio::make_strand(context)},
        link_{cliffracer::detail::Link::create(strand_, environment(context).queue(), config,
                                               {std::make_shared<spdlog::logger>("raw"), config.name},
                                               environment(context).make_driver())} {
    link_->open();
  }

  /// What is answered to `payload`. `expected`: JetStream stores it only after that sequence number. Throws
  /// as Link::request().
  [[nodiscard]] asio::awaitable<nlohmann::json> request(std::string subject, std::string payload,
                                                        std::optional<std::uint64_t> expected = {}) {
    cliffracer::detail::MessageHeaders headers;
    headers.expected_sequence = expected;
    auto request = link_->request(std::move(subject), std::move(payload), std::move(headers), patience);
    nlohmann::json reply = co_await asio::co_spawn(strand_, std::move(request), asio::use_awaitable);
    co_return reply;
  }

  /// Without an answer.
  void publish(std::string subject, std::string payload, std::optional<std::uint64_t> expected = {}) {
    cliffracer::detail::MessageHeaders headers;
    headers.expected_sequence = expected;
    link_->publish(std::move(subject), std::move(payload), {}, std::move(headers));
  }

  [[nodiscard]] asio::awaitable<void> close() {
    return asio::co_spawn(strand_, link_->close(std::chrono::seconds{1}), asio::use_awaitable);
  }

  [[nodiscard]] cliffracer::detail::LinkStatus status() const { return link_->status(); }

  std::chrono::nanoseconds patience = std::chrono::seconds{2};

 private:
  [[nodiscard]] static cliffracer::detail::Environment& environment(asio::io_context& context) {
    return asio::use_service<cliffracer::detail::Environment>(context);
  }

  cliffracer::detail::Strand strand_;
  std::shared_ptr<cliffracer::detail::Link> link_;
};

}  // namespace support
