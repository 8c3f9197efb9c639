#include <cliffracer/timer.hpp>

#include <chrono>
#include <string>

using cliffracer::timer;
using namespace std::chrono_literals;

struct MyService {
  void right() const noexcept;
  asio::awaitable<void> right_coroutine(const cliffracer::TickContext&);

  void one_number(int);
  void changes(cliffracer::TickContext&);
  int counts();
  asio::awaitable<int> counts_later();
  static void no_member();
  int data;
};

// The control.
timer<&MyService::right> plain{.interval = 30s};
timer<&MyService::right_coroutine> coroutine{
    .interval = 1.5s, .eager = true, .max_drift = 1s, .error_backoff = 0s};

#ifdef CASE_no_interval
// error: deleted
// error: a timer needs .interval: timer<&Service::method>{.interval = 30s}
timer<&MyService::right> no_interval{.eager = true};
#endif

#ifdef CASE_no_options
// error: a timer needs .interval: timer<&Service::method>{.interval = 30s}
timer<&MyService::right> no_options{};
#endif

#ifdef CASE_interval_without_unit
// error: RequiredInterval
timer<&MyService::right> without_unit{.interval = 30};
#endif

#ifdef CASE_one_number
// error: a timer method takes no argument, or one cliffracer::TickContext
timer<&MyService::one_number> number{.interval = 1s};
#endif

#ifdef CASE_changes
// error: a timer method takes no argument, or one cliffracer::TickContext
timer<&MyService::changes> changes{.interval = 1s};
#endif

#ifdef CASE_counts
// error: a timer method returns void (plain, runs on a worker thread) or asio::awaitable<void> (coroutine)
timer<&MyService::counts> counts{.interval = 1s};
#endif

#ifdef CASE_counts_later
// error: a timer method returns void (plain, runs on a worker thread) or asio::awaitable<void> (coroutine)
timer<&MyService::counts_later> later{.interval = 1s};
#endif

#ifdef CASE_static
// error: timer<...> takes a pointer to a member function: timer<&Service::method>
timer<&MyService::no_member> no_member{.interval = 1s};
#endif

#ifdef CASE_data
// error: timer<...> takes a pointer to a member function: timer<&Service::method>
timer<&MyService::data> data{.interval = 1s};
#endif
