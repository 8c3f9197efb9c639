#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <cliffracer/detail/link/link_log.hpp>

namespace cliffracer::detail {

struct NatsDeleter {
  void operator()(natsOptions* options) const noexcept { natsOptions_Destroy(options); }
  void operator()(natsMsg* message) const noexcept { natsMsg_Destroy(message); }
  // Both may block: only where blocking is allowed. A subscription's must run after its connection was
  // closed.
  void operator()(natsConnection* connection) const noexcept { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const noexcept { natsSubscription_Destroy(subscription); }
};

template <class T>
using NatsHandle = std::unique_ptr<T, NatsDeleter>;

/// The codes of nats.c as a std::error_category: std::error_code{status, nats_category()}.
[[nodiscard]] inline const std::error_category& nats_category() noexcept {
  class Category final : public std::error_category {
   public:
    [[nodiscard]] const char* name() const noexcept override { return "nats"; }
    [[nodiscard]] std::string message(int status) const override {
      const char* text = natsStatus_GetText(static_cast<natsStatus>(status));
      return text == nullptr ? "unknown NATS error" : text;
    }
  };
  static const Category category;
  return category;
}

/// Throws std::system_error when `status` is no success; `what` says what was tried.
inline void require_ok(natsStatus status, const char* what) {
  if (status != NATS_OK) throw std::system_error{static_cast<int>(status), nats_category(), what};
}

/// What nats.c says about `status` on the calling thread, with its own detail where it has one.
[[nodiscard]] inline std::string last_error_text(natsStatus status) {
  std::string text = nats_category().message(static_cast<int>(status));
  natsStatus recorded = NATS_OK;
  const char* detail = nats_GetLastError(&recorded);
  if (recorded != status || detail == nullptr) return text;
  return with_detail(std::move(text), without_source_places(detail));
}

}  // namespace cliffracer::detail
