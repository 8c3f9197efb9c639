#pragma once

#include <cliffracer/testing/detail/broker_hub.hpp>
#include <cliffracer/testing/detail/broker_link.hpp>
#include <cliffracer/testing/detail/broker_schedule.hpp>
#include <cliffracer/testing/detail/broker_test_client.hpp>
#include <cliffracer/testing/detail/virtual_time_core.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace cliffracer::testing {

class Broker;

}  // namespace cliffracer::testing

namespace cliffracer::detail {

/// What a testing::Broker is: the hub, the test's own client of it, and the times whose services find it.
class BrokerCore {
 public:
  /// Throws std::logic_error when `time` has a broker already.
  BrokerCore(VirtualTimeCore& time, std::shared_ptr<BrokerHub> hub)
      : hub_{std::move(hub)},
        client_{std::make_shared<BrokerTestClient>(time.context(), time.queue(), hub_)} {
    serve(time, hub_->schedule, 0);
  }
  BrokerCore(const BrokerCore&) = delete;
  BrokerCore& operator=(const BrokerCore&) = delete;
  ~BrokerCore() {
    for (VirtualTimeCore* const time : served_) time->remove_broker();
    hub_->stop();
  }

  [[nodiscard]] static BrokerCore& of(testing::Broker& broker) noexcept;

  [[nodiscard]] BrokerHub& hub() const noexcept { return *hub_; }
  [[nodiscard]] const std::shared_ptr<BrokerTestClient>& client() const noexcept { return client_; }

  /// Services of `time`, on the machine `site`, find the broker, and get what it sends on `schedule`.
  void serve(VirtualTimeCore& time, std::shared_ptr<BrokerSchedule> schedule, std::size_t site) {
    time.add_broker([&context = time.context(), schedule = std::move(schedule), site,
                     hub = std::weak_ptr{hub_}](auto core, auto log) {
      auto link =
          std::make_shared<BrokerLink>(context, schedule, site, hub.lock(), std::move(core), std::move(log));
      return std::make_unique<BrokerLinkDriver>(std::move(link));
    });
    served_.push_back(&time);
  }

 private:
  const std::shared_ptr<BrokerHub> hub_;
  std::vector<VirtualTimeCore*> served_;
  const std::shared_ptr<BrokerTestClient> client_;
};

}  // namespace cliffracer::detail
