#include "second.hpp"

#include <chrono>

Second::Second() : NatsService{{.name = "second"}} {
  add(cliffracer::timer<&Second::tick>{.interval = std::chrono::seconds{1}},
      cliffracer::timer<&Second::tock>{.interval = std::chrono::seconds{2}});
}
