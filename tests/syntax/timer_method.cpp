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
timer<&MyService::right> no_interval{.eager = true};  // error: deleted
// error: a timer needs .interval: timer<&Service::method>{.interval = 30s}
#endif

#ifdef CASE_no_options
timer<&MyService::right>
    no_options{};  // error: a timer needs .interval: timer<&Service::method>{.interval = 30s}
#endif

#ifdef CASE_interval_without_unit
timer<&MyService::right> without_unit{.interval = 30};  // error: RequiredInterval
#endif

#ifdef CASE_one_number
timer<&MyService::one_number> number{
    .interval = 1s};  // error: a timer method takes no argument, or one cliffracer::TickContext
#endif

#ifdef CASE_changes
timer<&MyService::changes> changes{
    .interval = 1s};  // error: a timer method takes no argument, or one cliffracer::TickContext
#endif

#ifdef CASE_counts
timer<&MyService::counts> counts{.interval = 1s};  // error: a timer method returns void (plain, runs on a
                                                   // worker thread) or asio::awaitable<void> (coroutine)
#endif

#ifdef CASE_counts_later
timer<&MyService::counts_later> later{.interval =
                                          1s};  // error: a timer method returns void (plain, runs on a worker
                                                // thread) or asio::awaitable<void> (coroutine)
#endif

#ifdef CASE_static
timer<&MyService::no_member> no_member{
    .interval = 1s};  // error: timer<...> takes a pointer to a member function: timer<&Service::method>
#endif

#ifdef CASE_data
timer<&MyService::data> data{
    .interval = 1s};  // error: timer<...> takes a pointer to a member function: timer<&Service::method>
#endif
