#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/tcp.hpp"

namespace support {

/// A nats-server of the test's own on a free loopback port. It accepts connections when the constructor
/// returns and is gone when the destructor returns, or when the thread that started it dies.
class NatsServer {
 public:
  enum class JetStream : bool { off, on };

  /// `config` is the text of a configuration file (its port is overruled), `arguments` are added to the
  /// command line. What JetStream stores is in folder(), and survives restart().
  explicit NatsServer(const std::string& config = {}, std::vector<std::string> arguments = {},
                      JetStream jetstream = JetStream::off)
      : program_{find_program()}, arguments_{std::move(arguments)} {
    std::string folder = (std::filesystem::temp_directory_path() / "cliffracer-nats-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
      throw std::system_error{errno, std::generic_category(), "mkdtemp"};
    folder_ = folder;
    if (jetstream == JetStream::on)
      arguments_.insert(arguments_.end(), {"-js", "-sd", (folder_ / "jetstream").string()});
    if (!config.empty()) {
      std::ofstream{folder_ / "server.conf"} << config;
      arguments_.insert(arguments_.end(), {"-c", (folder_ / "server.conf").string()});
    }
    try {
      start_on_a_free_port();
    } catch (...) {
      remove_folder();
      throw;
    }
  }

  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  ~NatsServer() {
    kill();
    remove_folder();
  }

  [[nodiscard]] static bool installed() {
    try {
      return !find_program().empty();
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// A folder of this server's own that is removed with it.
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  /// What the server has logged so far.
  [[nodiscard]] std::string log() const {
    std::ifstream file{folder_ / "server.log"};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  /// SIGKILL: no goodbye to anybody. Returns when the process is gone.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  /// SIGSTOP: connections stay open and nobody answers. Returns when the process has stopped.
  void stop() {
    ::kill(pid_, SIGSTOP);
    while (::waitpid(pid_, nullptr, WUNTRACED) < 0 && errno == EINTR) {
    }
  }

  /// SIGCONT: ends stop().
  void cont() { ::kill(pid_, SIGCONT); }

  /// Starts the killed (or kills and starts the running) server on the same port again.
  void restart() {
    kill();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!launch()) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error{"nats-server does not start again on port " + std::to_string(port_) + ": " +
                                 log()};
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
  }

 private:
  static constexpr std::chrono::seconds patience{5};

  static std::string find_program() {
    std::string folders = "/usr/sbin:/usr/local/bin:/usr/bin";
    if (const char* path = std::getenv("PATH")) folders = path + (":" + folders);
    for (std::size_t begin = 0; begin <= folders.size();) {
      const std::size_t end = std::min(folders.find(':', begin), folders.size());
      std::string program = folders.substr(begin, end - begin) + "/nats-server";
      if (::access(program.c_str(), X_OK) == 0) return program;
      begin = end + 1;
    }
    throw std::runtime_error{"nats-server is not installed (Debian: apt-get install nats-server)"};
  }

  void start_on_a_free_port() {
    constexpr int tries = 5;
    for (int n = 0; n < tries; ++n) {
      port_ = free_port();
      if (launch()) return;
    }
    throw std::runtime_error{"nats-server does not start: " + log()};
  }

  /// True when the server accepts and has said INFO; false when it ended before, mostly because the port is
  /// taken.
  bool launch() {
    std::vector<std::string> words{program_, "-a", "127.0.0.1", "-p", std::to_string(port_)};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string log_file = (folder_ / "server.log").string();
    const pid_t parent = ::getpid();

    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (pid_ == 0) {
      // Only what is safe between fork and exec in a program with threads.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(126);
      const int log_fd = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log_fd, 1);
      ::dup2(log_fd, 2);
      sigset_t none;
      ::sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }

    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return false;
      }
      if (const Socket socket = connect_loopback(port_)) {
        const auto greeting = socket.receive(std::chrono::milliseconds{500});
        if (greeting && greeting->starts_with("INFO ")) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    kill();
    throw std::runtime_error{"nats-server did not answer within 5 s: " + log()};
  }

  void remove_folder() noexcept {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string program_;
  std::vector<std::string> arguments_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace support
