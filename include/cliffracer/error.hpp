#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer {

/// A call to another service that got an answer, and the answer is a failure. A call without any answer
/// throws `std::system_error` with `asio::error::timed_out` instead.
class RpcError : public std::runtime_error {
 public:
  enum class Reason {
    remote,         ///< The method failed over there; detail() is the text that it sent.
    no_responders,  ///< Nobody serves the method at the moment.
    bad_reply,      ///< The answer is no JSON object that says result or error, or it exceeds a limit.
  };

  /// `service` and `method` name what was called, `detail` says what happened.
  RpcError(Reason reason, std::string service, std::string method, std::string detail)
      : std::runtime_error{text_of(reason, service, method, detail)},
        reason_{reason},
        service_{std::move(service)},
        method_{std::move(method)},
        detail_{std::move(detail)} {}

  [[nodiscard]] Reason reason() const noexcept { return reason_; }
  [[nodiscard]] const std::string& service() const noexcept { return service_; }
  [[nodiscard]] const std::string& method() const noexcept { return method_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

 private:
  static std::string text_of(Reason reason, std::string_view service, std::string_view method,
                             std::string_view detail) {
    std::string text{service};
    if (!method.empty()) text.append(".").append(method);
    switch (reason) {
      case Reason::remote:
        text += " failed";
        break;
      case Reason::no_responders:
        text += ": nobody serves it";
        break;
      case Reason::bad_reply:
        text += ": unusable reply";
        break;
    }
    if (!detail.empty()) text.append(": ").append(detail);
    return text;
  }

  Reason reason_;
  std::string service_;
  std::string method_;
  std::string detail_;
};

}  // namespace cliffracer
