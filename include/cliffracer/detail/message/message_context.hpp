#pragma once

#include <cliffracer/detail/link/message_headers.hpp>
#include <cliffracer/detail/text/escaped.hpp>
#include <cliffracer/detail/text/trace.hpp>
#include <cliffracer/detail/work/work_context.hpp>

#include <string>

namespace cliffracer::detail {

struct MessageHandler;

/// What the code works for that handles one message.
class MessageContext final : public WorkContext {
 public:
  using WorkContext::WorkContext;

  const MessageHandler* handler = nullptr;  ///< Null until it has been found.
};

/// The end of a log line about that work.
[[nodiscard]] inline std::string ids_text(WorkContext& context) {
  return "(correlation id " + escaped(context.correlation_id()) + ", trace " +
         trace_id_text(context.trace()) + ")";
}

/// What the calling code's messages carry: the correlation id of the message that it handles, and the trace
/// of its work; outside of any work a trace that begins there.
[[nodiscard]] inline MessageHeaders outgoing_headers() {
  MessageHeaders headers;
  WorkContext* const context = current_work_context();
  if (context) headers.correlation_id = context->correlation_id();
  headers.trace = context ? context->trace() : make_trace();
  return headers;
}

}  // namespace cliffracer::detail
