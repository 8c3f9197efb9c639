#include "support/catch.hpp"

#include <cliffracer/testing/detail/watchdog.hpp>

#include <chrono>
#include <future>

using namespace std::chrono_literals;
using cliffracer::detail::Watchdog;

TEST_CASE("a watchdog barks at work that does not end, and at no other") {
  std::promise<void> barked;
  bool is_told = false;
  Watchdog dog{1ms, [&] {
                 if (!is_told) barked.set_value();
                 is_told = true;
               }};
  { const Watchdog::Work work{dog}; }
  const Watchdog::Work work{dog};
  barked.get_future().wait();
  SUCCEED("it barked");
}
