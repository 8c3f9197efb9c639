#include <cliffracer/cliffracer.hpp>

using cliffracer::timer;
using namespace std::chrono_literals;

class MyService : public cliffracer::NatsService {
 public:
  MyService() : NatsService{{.name = "my_service"}} {
    // The control.
    add(timer<&MyService::tick>{.interval = 1s});
#ifdef CASE_no_registration
    // error: add() takes timer<&Service::method>{...}, cron<&Service::method>{...}, rpc<&Service::method>{...} and listener<&Service::method>{...}
    add(30s);
#endif
#ifdef CASE_method
    // error: add() takes timer<&Service::method>{...}, cron<&Service::method>{...}, rpc<&Service::method>{...} and listener<&Service::method>{...}
    add(&MyService::tick);
#endif
  }

 private:
  void tick() {}
};
