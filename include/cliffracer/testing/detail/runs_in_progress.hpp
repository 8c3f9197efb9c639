#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cliffracer::detail {

/// The timers that are running their method, by name. Thread-safe.
class RunsInProgress {
 public:
  void add(std::string_view service, std::string_view timer) {
    const std::lock_guard lock{mutex_};
    runs_.push_back({service, timer});
  }

  void remove(std::string_view service, std::string_view timer) {
    const std::lock_guard lock{mutex_};
    const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) {
      return run.service.data() == service.data() && run.timer.data() == timer.data();
    });
    if (found == runs_.end()) return;
    *found = runs_.back();
    runs_.pop_back();
  }

  [[noreturn]] void throw_names() const {
    throw std::runtime_error{"VirtualTime: a plain method does not return; " + text()};
  }

  [[noreturn]] void abort_with_names() const {
    std::fprintf(stderr, "VirtualTime: the event loop does not return; %s\n", text().c_str());
    std::abort();
  }

 private:
  struct Run {
    std::string_view service;
    std::string_view timer;
  };

  [[nodiscard]] std::string text() const {
    const std::lock_guard lock{mutex_};
    if (runs_.empty()) return "no timer is running: it is a message handler or a task of the test's own";
    std::string names = "running:";
    for (const Run& run : runs_) {
      names += " service ";
      names += run.service;
      names += ": timer ";
      names += run.timer;
      names += ';';
    }
    names.pop_back();
    return names;
  }

  mutable std::mutex mutex_;
  std::vector<Run> runs_;
};

}  // namespace cliffracer::detail
