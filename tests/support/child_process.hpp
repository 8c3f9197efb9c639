#pragma once

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace support {

/// Another process that runs one test of this program.
class ChildTest {
 public:
  explicit ChildTest(const char* test) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (pid_ == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      ::execl("/proc/self/exe", "tests", test, nullptr);
      ::_exit(0);
    }
    ::close(ends[1]);
    said_ = ends[0];
  }
  ChildTest(const ChildTest&) = delete;
  ChildTest& operator=(const ChildTest&) = delete;
  ~ChildTest() {
    ::close(said_);
    if (pid_ > 0) end();
  }

  /// What it says on stderr until `text`, or its end.
  std::string listen(std::string_view text = {}) const {
    std::string said;
    char c = 0;
    while ((text.empty() || said.find(text) == std::string::npos) && ::read(said_, &c, 1) == 1) said += c;
    return said;
  }
  void send(int signal) const { ::kill(pid_, signal); }
  /// The signal that ended it, or 0.
  int wait_for_end() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

 private:
  void end() {
    send(SIGKILL);
    static_cast<void>(wait_for_end());
  }

  pid_t pid_ = 0;
  int said_ = -1;
};

}  // namespace support
