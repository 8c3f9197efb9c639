#pragma once

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

}  // namespace cliffracer::detail
