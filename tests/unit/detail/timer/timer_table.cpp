#include <cliffracer/detail/timer/timer_table.hpp>
#include <cliffracer/timer.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"

using cliffracer::detail::TimerTable;

namespace {

struct Service {
  void tick() {}
};

TimerTable::Entry entry_of(const std::string& name) {
  using Method = decltype(&Service::tick);
  return std::make_shared<cliffracer::detail::TimerEntry>(
      name, cliffracer::detail::timer_method<Method, &Service::tick>, nullptr,
      cliffracer::detail::TimerOptions{.interval = std::chrono::seconds{1}}, 0);
}

}  // namespace

TEST_CASE("timers are found by name and listed in the order in which they came") {
  TimerTable table;
  const auto first = entry_of("z");
  const auto second = entry_of("a");
  CHECK(table.add(first));
  CHECK(table.add(second));
  CHECK_FALSE(table.add(entry_of("z")));
  CHECK(table.size() == 2);
  CHECK(table.all() == std::vector{first, second});
  CHECK(table.find("a") == second);
  CHECK(table.find("b") == nullptr);
}

TEST_CASE("a timer that is removed is listed no more, and its name is free") {
  TimerTable table;
  CHECK(table.add(entry_of("a")));
  CHECK(table.add(entry_of("b")));
  const auto list = table.all();
  CHECK(table.remove("a") == list[0]);
  CHECK(table.remove("a") == nullptr);
  CHECK(table.find("a") == nullptr);
  CHECK(table.all() == std::vector{list[1]});
  CHECK(table.add(entry_of("a")));
  CHECK(table.size() == 2);
}
