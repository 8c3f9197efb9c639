// Runs each form in a process of its own and prints a line for each: "right: <form>", or "wrong: <form>:
// <what happens>".
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <set>
#include <vector>

#include "form.hpp"

namespace {

struct Entry {
  const char* words;
  Form form;
};

std::vector<Entry>& forms() {
  static std::vector<Entry> all;
  return all;
}

/// Where objects live, and where some did once.
std::set<const void*> living;
std::set<const void*> ended;

/// The write end of the pipe to the process that asks; in that process itself, unused.
int answer = -1;

void say(const char* what) {
  if (write(answer, what, std::strlen(what)) < 0) std::abort();
}

/// In a process of its own: what is wrong may crash, or never end.
[[noreturn]] void run(Form form) {
  alarm(20);
  try {
    asio::io_context context;
    bool has_ended = false;
    asio::co_spawn(context, form(), [&has_ended](std::exception_ptr failure) {
      has_ended = true;
      if (failure) wrong("an exception is thrown");
    });
    context.run();
    if (!has_ended) wrong("the coroutine never ends");
  } catch (...) {
    wrong("an exception is thrown");
  }
  if (!living.empty()) wrong("an object is never destroyed");
  say("right");
  // Not by exit(): what a leak detector has to say was said above, in words.
  _exit(0);
}

/// "right", or what happens.
std::string outcome_of(Form form) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    close(ends[0]);
    answer = ends[1];
    run(form);
  }
  close(ends[1]);
  std::string said;
  char part[256];
  for (ssize_t length = 0; (length = read(ends[0], part, sizeof part)) > 0;) {
    said.append(part, static_cast<std::size_t>(length));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!said.empty()) return said;
  if (WIFSIGNALED(status)) return std::string{"the process crashes, "} + strsignal(WTERMSIG(status));
  return "the process is ended, by a sanitizer";
}

}  // namespace

Registered::Registered(const char* words, Form form) { forms().push_back({words, form}); }

void wrong(const char* what) {
  say(what);
  _exit(0);
}

void Tracked::begin() const {
  if (!living.insert(this).second) wrong("an object is made where another one lives");
  ended.erase(this);
}

void Tracked::check() const {
  if (living.count(this) != 0) return;
  wrong(ended.count(this) != 0 ? "an object is used after its end" : "an object is copied byte by byte");
}

void Tracked::end() const {
  if (living.erase(this) == 0) {
    wrong(ended.count(this) != 0 ? "an object is destroyed twice" : "an object is copied byte by byte");
  }
  ended.insert(this);
}

int main() {
  bool has_failed = false;
  for (const Entry& entry : forms()) {
    const std::string outcome = outcome_of(entry.form);
    if (outcome == "right") {
      std::printf("right: %s\n", entry.words);
    } else {
      std::printf("wrong: %s: %s\n", entry.words, outcome.c_str());
      has_failed = true;
    }
    std::fflush(stdout);
  }
  return has_failed ? 1 : 0;
}
