#pragma once

#include <chrono>

namespace cliffracer::testing {

/// Takes each time another duration between the two.
struct StoreDelay {
  std::chrono::nanoseconds least{0};
  std::chrono::nanoseconds most{0};  ///< >= least
};

/// How the JetStream of a Broker is. All of its delays and losses are those of the way within the broker, in
/// addition to set_latency() and set_loss(). Probabilities are 0 to 1.
struct StoreFaults {
  bool is_off = false;  ///< Requests to it have no responders, and nothing is stored. It keeps what it has.
  StoreDelay request_delay{};   ///< How long a request waits before it is applied.
  StoreDelay answer_delay{};    ///< How long its answer waits after that.
  double lost_requests = 0;     ///< Neither applied nor answered.
  double lost_answers = 0;      ///< Applied, and not answered.
  double forgotten_writes = 0;  ///< Answered as if stored, and not there.
};

}  // namespace cliffracer::testing
