#pragma once

#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/message/message_context.hpp>
#include <cliffracer/detail/message/message_handler.hpp>
#include <cliffracer/detail/message/prepared_message.hpp>
#include <cliffracer/detail/message/reply.hpp>
#include <cliffracer/detail/registration/handler_call.hpp>
#include <cliffracer/detail/text/exception_text.hpp>
#include <cliffracer/detail/text/service_log.hpp>
#include <cliffracer/detail/time/time_source.hpp>

#include <nlohmann/json.hpp>

#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace cliffracer::detail {

/// Why a request got no result. The codes are HTTP's: 400 and 404 are the caller's mistake, and the same
/// request will fail again; 429 and 503 pass: another replica, or this one later, will take it; 500 is the
/// method's own failure.
struct Refusal {
  int code = 0;
  std::string text{};
};

[[nodiscard]] inline Refusal bad_payload(std::string why) { return {.code = 400, .text = std::move(why)}; }
[[nodiscard]] inline Refusal unknown_method(std::string_view method) {
  return {.code = 404, .text = "Unknown method: " + std::string{method}};
}
[[nodiscard]] inline Refusal overloaded() { return {.code = 429, .text = "service is overloaded"}; }
[[nodiscard]] inline Refusal method_failed(std::string why) { return {.code = 500, .text = std::move(why)}; }
[[nodiscard]] inline Refusal stopping() { return {.code = 503, .text = "service is stopping"}; }

/// By which clients of NATS's services protocol know an error.
[[nodiscard]] inline MessageHeaders error_headers(const Refusal& refusal) {
  MessageHeaders headers;
  headers.service_error = error_header_text(refusal.text);
  headers.service_error_code = refusal.code;
  return headers;
}

/// How messages end: in an answer, or in a line of the log. Only on the service's strand.
class Answers {
 public:
  /// Sends an answer. May throw: the loss is then logged.
  using ReplyFunction =
      std::function<void(std::string reply_subject, std::string payload, MessageHeaders headers)>;

  Answers(ServiceLog log, const TimeSource& time, ReplyFunction reply)
      : log_{std::move(log)}, time_{time}, reply_{std::move(reply)} {}

  /// What waits for an answer gets one; nothing else happens.
  void error(const PreparedMessage& job, const Refusal& refusal) {
    if (job.reply.empty()) return;
    send(job, error_reply(refusal.text, job.context->correlation_id(), time_.wall_clock()),
         error_headers(refusal));
  }

  /// No handler gets it. Where nobody waits for an answer, the log says so.
  void refuse(const PreparedMessage& job, const Refusal& refusal) {
    if (!job.reply.empty()) return error(job, refusal);
    log_.warn("message on {} refused: {} {}", escaped(job.request.subject), escaped(refusal.text),
              ids_text(*job.context));
  }

  /// The text of a result, for send(). Throws what a value throws that is no JSON.
  [[nodiscard]] std::string result_text(const PreparedMessage& job, nlohmann::json result) const {
    return result_reply(std::move(result), job.context->correlation_id(), time_.wall_clock());
  }

  void send(const PreparedMessage& job, std::string payload, MessageHeaders headers = {}) noexcept {
    try {
      headers.correlation_id = job.context->correlation_id();
      headers.trace = job.context->trace();
      reply_(job.reply, std::move(payload), std::move(headers));
    } catch (...) {
      log_.error("reply to {} lost: {} {}", escaped(job.request.subject),
                 escaped(text_of(std::current_exception())), ids_text(*job.context));
    }
  }

  /// Logs what a handler threw, and gives the caller's share of it.
  [[nodiscard]] Refusal failure_of(const MessageHandler& handler, MessageContext& context,
                                   const std::exception_ptr& thrown, bool is_stopping) {
    std::string text = text_of(thrown);
    if (is_bad_argument(thrown)) {
      Refusal refusal = bad_payload("bad argument: " + text);
      log_.warn("{}: {} {}", label(handler), escaped(refusal.text), ids_text(context));
      return refusal;
    }
    if (is_stopping && is_abort(thrown)) {
      log_.warn("{} cancelled: {} {}", label(handler), stopping().text, ids_text(context));
      return stopping();
    }
    log_.error("{} failed: {} {}", label(handler), escaped(text), ids_text(context));
    return method_failed(std::move(text));
  }

 private:
  static bool is_bad_argument(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const BadArgument&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  const ServiceLog log_;
  const TimeSource& time_;
  ReplyFunction reply_;
};

}  // namespace cliffracer::detail
