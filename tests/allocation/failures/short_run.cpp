#include "support/catch.hpp"
#include "support/replaced_new.hpp"
#include "support/running_service.hpp"
#include "support/stats_invariants.hpp"

#include <cliffracer/cliffracer.hpp>

#include <spdlog/sinks/stdout_sinks.h>

#include <execinfo.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cliffracer::RunOn;
using cliffracer::timer;

// What becomes of a service when an allocation fails: each in its turn, in a process of its own, from the
// constructor to the end of run(). It may refuse to start, count a failed run, go on, or end the process
// where Asio cannot go on. It never hangs, never loses a timer in silence, never counts wrong.

namespace {

enum class Phase : int { registration, start, first_runs, ticking, stop, over };
constexpr std::array<const char*, 6> phase_names{"registration", "start", "first runs",
                                                 "ticking",      "stop",  "over"};
constexpr unsigned patience_s = 10;

/// Which allocation fails.
struct Failure {
  bool on_event_loop = true;  // or on any other thread of the service
  std::uint64_t first = 0;    // counted from one; 0: none
  std::uint64_t count = 1;    // so many in a row
};

Failure failure;
std::atomic<Phase> phase{Phase::over};
std::atomic<bool> armed{false};
std::atomic<std::uint64_t> seen_elsewhere{0};
std::uint64_t seen_on_event_loop = 0;
thread_local bool is_event_loop = false;
thread_local bool is_exempt = false;  // belongs to the test
thread_local int in_method = 0;

/// In one piece, and without memory.
void say(const char* what, const char* more = "") {
  std::array<char, 512> line{};
  const int length = std::snprintf(line.data(), line.size(), "\n%s%s\n", what, more);
  static_cast<void>(
      !::write(STDERR_FILENO, line.data(), std::min(static_cast<std::size_t>(length), line.size())));
}

}  // namespace

void support::before_allocation() {
  if (!armed.load(std::memory_order_relaxed) || is_exempt || is_event_loop != failure.on_event_loop) return;
  const std::uint64_t number = is_event_loop ? ++seen_on_event_loop : ++seen_elsewhere;
  if (number < failure.first || number >= failure.first + failure.count) return;
  if (number == failure.first) {
    if (in_method > 0) {
      say("failed in: a method");
    } else {
      say("failed in: ", phase_names[static_cast<std::size_t>(phase.load())]);
    }
    if (std::getenv("CLIFFRACER_WHERE")) {
      std::array<void*, 64> frames{};
      const int depth = ::backtrace(frames.data(), static_cast<int>(frames.size()));
      ::backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
    }
  }
  throw std::bad_alloc{};
}

namespace {

constexpr std::uint64_t enough_runs = 5;
constexpr const char* name = "short_of_memory";

/// What a method knows of its own runs. One run at a time.
struct Seen {
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> finished{0};
  std::atomic<std::uint64_t> thrown{0};
};

class InMethod {
 public:
  InMethod() { ++in_method; }
  InMethod(const InMethod&) = delete;
  InMethod& operator=(const InMethod&) = delete;
  ~InMethod() { --in_method; }
};

/// Three timers whose methods allocate; every third run of the plain ones throws, with a text that needs
/// memory.
class ShortOfMemory : public cliffracer::NatsService {
 public:
  ShortOfMemory() : NatsService{{.name = name, .nats_url = support::no_broker, .stop_timeout = 300ms}} {
    add(timer<&ShortOfMemory::coroutine>{.interval = 1ms, .error_backoff = 1ms},
        timer<&ShortOfMemory::on_event_loop>{
            .interval = 1ms, .error_backoff = 1ms, .run_on = RunOn::event_loop},
        timer<&ShortOfMemory::on_worker>{.interval = 1ms, .error_backoff = 1ms});
  }

  std::array<Seen, 3> seen;
  std::atomic<bool> enough{false};

 private:
  asio::awaitable<void> coroutine() {
    ++seen[0].begun;
    try {
      work();
    } catch (...) {
      ++seen[0].thrown;
      throw;
    }
    co_await support::wait(10us);
    ++seen[0].finished;
    if (!enough) co_return;
    phase = Phase::stop;
    request_stop();
  }
  void on_event_loop() { plain(seen[1]); }
  void on_worker() { plain(seen[2]); }

  static void plain(Seen& runs) {
    const auto number = ++runs.begun;
    try {
      work();
      if (number % 3 == 0) {
        const InMethod guard;
        throw std::runtime_error{std::string(300, 'x')};
      }
    } catch (...) {
      ++runs.thrown;
      throw;
    }
    ++runs.finished;
  }

  static void work() {
    const InMethod guard;
    const std::string text(100, 'x');
    if (std::make_unique<std::string>(text)->size() != text.size()) throw std::logic_error{"no text"};
  }

  asio::awaitable<void> on_start() override {
    phase = Phase::first_runs;
    co_return;
  }
};

/// What the statistics say against what the methods know.
std::string wrong_ledger(const ShortOfMemory& service) {
  const auto stats = service.get_timer_stats();
  for (std::size_t i = 0; i < stats.timers.size(); ++i) {
    const auto& timer = stats.timers[i];
    const auto& seen = service.seen[i];
    if (auto wrong = support::violated_invariant(timer); !wrong.empty()) return timer.name + ": " + wrong;
    if (timer.is_running || timer.is_executing) return timer.name + " is not over";
    if (timer.success_count != seen.finished) return timer.name + ": a success is missing";
    // A coroutine whose frame found no memory failed before it began.
    if (timer.error_count < seen.thrown || timer.error_count > seen.thrown + failure.count)
      return timer.name + ": a failure is missing";
  }
  return {};
}

Failure failure_from_environment() {
  const char* text = std::getenv("CLIFFRACER_FAIL");
  unsigned long long first = 0;
  unsigned long long count = 1;
  char thread = 'l';
  if (text == nullptr || std::sscanf(text, "%c:%llu:%llu", &thread, &first, &count) != 3) return {};
  return {thread == 'l', first, count};
}

}  // namespace

// CLIFFRACER_FAIL=l:17:1 <program> "child process: a short run": the 17th allocation on the event loop fails;
// e: on another thread. With CLIFFRACER_WHERE=1 it says where that is.
TEST_CASE("child process: a short run", "[.]") {
  std::signal(SIGABRT, SIG_DFL);
  std::signal(SIGALRM, SIG_DFL);
  std::signal(SIGSEGV, SIG_DFL);
  is_exempt = true;
  failure = failure_from_environment();
  ::alarm(patience_s);
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  spdlog::register_logger(logger);
  std::array<void*, 4> warm_up{};
  static_cast<void>(::backtrace(warm_up.data(), static_cast<int>(warm_up.size())));

  std::unique_ptr<ShortOfMemory> service;
  std::atomic<ShortOfMemory*> shared{nullptr};
  std::atomic<bool> over{false};
  // Sees to it that every timer goes on, whatever failed.
  std::thread watcher{[&] {
    is_exempt = true;
    const auto has = [&](std::uint64_t runs) {
      const auto stats = shared.load()->get_timer_stats();
      return std::all_of(stats.timers.begin(), stats.timers.end(),
                         [&](const auto& one) { return one.execution_count >= runs; });
    };
    while (!over && !shared) std::this_thread::sleep_for(1ms);
    while (!over && !has(1)) std::this_thread::sleep_for(100us);
    if (phase == Phase::first_runs) phase = Phase::ticking;
    while (!over && !has(enough_runs)) std::this_thread::sleep_for(100us);
    if (!over) shared.load()->enough = true;
  }};

  std::string ending = "survived";
  bool in_constructor = true;
  try {
    phase = Phase::registration;
    is_event_loop = true;
    is_exempt = false;
    armed = true;
    service = std::make_unique<ShortOfMemory>();
    in_constructor = false;
    shared = service.get();
    phase = Phase::start;
    service->run();
  } catch (const std::bad_alloc&) {
    is_exempt = true;
    ending = in_constructor ? "refused by the constructor" : "run() threw bad_alloc";
  } catch (const std::exception& error) {
    is_exempt = true;
    ending = std::string{"threw "} + error.what();
  }
  is_exempt = true;
  phase = Phase::over;
  over = true;
  watcher.join();
  if (service) {
    if (const auto wrong = wrong_ledger(*service); !wrong.empty()) ending = "wrong: " + wrong;
  }
  service.reset();
  armed = false;
  say("ended: ", ending.c_str());
}

namespace {

struct Ending {
  std::string phase;   // "none": the run has not so many allocations
  std::string ending;  // its own word, or how the process ended
  std::string said;
};

std::string line_after(const std::string& text, const std::string& mark) {
  const auto at = text.find(mark);
  if (at == std::string::npos) return {};
  const auto begin = at + mark.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string as_text(const Failure& wanted) {
  return std::string{wanted.on_event_loop ? "l:" : "e:"} + std::to_string(wanted.first) + ":" +
         std::to_string(wanted.count);
}

/// What a process wrote until its end; its wait status.
std::pair<std::string, int> child_with(const Failure& wanted) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::setenv("CLIFFRACER_FAIL", as_text(wanted).c_str(), 1);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl("/proc/self/exe", "tests", "child process: a short run", nullptr);
    ::_exit(125);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = ::read(ends[0], piece.data(), piece.size())) > 0;)
    said.append(piece.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {said, status};
}

Ending ending_with(const Failure& wanted) {
  const auto [said, status] = child_with(wanted);
  Ending ending{.phase = line_after(said, "failed in: "), .ending = {}, .said = said};
  if (ending.phase.empty()) ending.phase = "none";
  if (!WIFSIGNALED(status)) {
    ending.ending = WEXITSTATUS(status) == 0 ? line_after(said, "ended: ")
                                             : "exit status " + std::to_string(WEXITSTATUS(status));
  } else if (WTERMSIG(status) == SIGABRT) {
    const bool says_why = said.find("terminate called") != std::string::npos &&
                          said.find("is destroyed while it runs") == std::string::npos;
    ending.ending = says_why ? "terminated" : "aborted without a reason";
  } else {
    ending.ending = WTERMSIG(status) == SIGALRM ? "hangs" : "signal " + std::to_string(WTERMSIG(status));
  }
  return ending;
}

/// How a run may end when `failures` allocations in a row fail, the first one in `phase`.
bool is_allowed(const std::string& when, const std::string& ending, std::uint64_t failures) {
  if (when == "none") return ending == "survived";
  if (when == "registration") {
    // Asio's strand reads a member that is not yet set when its own constructor runs out of memory.
    const bool strand_crashes = ending == "signal " + std::to_string(SIGSEGV);
    return ending == "refused by the constructor" || strand_crashes;
  }
  if (when == "a method" && failures == 1) return ending == "survived";
  if (ending == "survived" || ending == "terminated") return true;
  // A service that ticks loses nothing else by one failure.
  return ending == "run() threw bad_alloc" && (when != "ticking" || failures > 1);
}

using Table = std::map<std::pair<std::string, std::string>, int>;

/// One process for each allocation of the run; how many ended how.
Table try_every_allocation(bool on_event_loop, std::uint64_t failures) {
  constexpr int enough_bad_ones = 5;
  Table table;
  int bad = 0;
  // Threads make the number of allocations vary a little.
  int without = 0;
  for (std::uint64_t k = 1; without < 3 && k < 2000 && bad < enough_bad_ones; ++k) {
    const Failure wanted{on_event_loop, k, failures};
    const auto ending = ending_with(wanted);
    without = ending.phase == "none" ? without + 1 : 0;
    ++table[{ending.phase, ending.ending}];
    if (is_allowed(ending.phase, ending.ending, failures)) continue;
    ++bad;
    UNSCOPED_INFO("CLIFFRACER_FAIL=" << as_text(wanted) << ": " << ending.ending << ", said:\n"
                                     << ending.said);
    CHECK(ending.phase + ": allowed" == ending.phase + ": " + ending.ending);
  }
  CHECK(without == 3);
  return table;
}

void print(const char* what, const Table& table) {
  std::string text = std::string{"allocation failures, "} + what + ":";
  for (const auto& [how, count] : table) {
    text += "\n  " + how.first + ": " + how.second + ": " + std::to_string(count);
  }
  std::puts(text.c_str());
}

int count_of(const Table& table, const std::string& when, const std::string& ending) {
  const auto found = table.find({when, ending});
  return found == table.end() ? 0 : found->second;
}

}  // namespace

TEST_CASE("without a failure the short run survives") {
  const auto ending = ending_with({true, 0, 1});
  CHECK(ending.phase == "none");
  CHECK(ending.ending == "survived");
}

TEST_CASE("any one allocation of the event loop may fail: nothing hangs, is lost, or counted wrong") {
  const auto table = try_every_allocation(true, 1);
  print("one on the event loop", table);
  CHECK(count_of(table, "registration", "refused by the constructor") > 10);
  CHECK(count_of(table, "registration", "signal " + std::to_string(SIGSEGV)) <= 2);
  CHECK(count_of(table, "start", "run() threw bad_alloc") > 10);
  CHECK(count_of(table, "a method", "survived") > 10);
}

TEST_CASE("any eight allocations of the event loop in a row may fail") {
  print("eight in a row on the event loop", try_every_allocation(true, 8));
}

TEST_CASE("any one allocation of a worker or of the connection's thread may fail") {
  const auto table = try_every_allocation(false, 1);
  print("one on another thread", table);
  CHECK(count_of(table, "a method", "survived") > 5);
}

TEST_CASE("any eight allocations of a worker or of the connection's thread in a row may fail") {
  print("eight in a row on another thread", try_every_allocation(false, 8));
}
