// What the forms are made of. Each is a coroutine of its own, registered with its description, and uses
// objects that know where they were made: copied byte by byte, destroyed twice, used after their end or never
// destroyed, they say so.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <string>

/// Ends this process, which is that of one form, with the line that says what went wrong.
[[noreturn]] void wrong(const char* what);

/// Everything that a Tracked does is checked against where the living ones are.
class Tracked {
 public:
  explicit Tracked(std::string text) : text_{std::move(text)} { begin(); }
  Tracked() : Tracked{std::string{}} {}
  Tracked(const Tracked& other) : text_{other.text()} { begin(); }
  Tracked(Tracked&& other) noexcept : text_{std::move(other.checked().text_)} { begin(); }
  Tracked& operator=(Tracked other) noexcept {
    checked().text_ = std::move(other.text_);
    return *this;
  }
  ~Tracked() { end(); }

  const std::string& text() const { return checked().text_; }

 private:
  void begin() const;
  void end() const;
  void check() const;
  Tracked& checked() {
    check();
    return *this;
  }
  const Tracked& checked() const {
    check();
    return *this;
  }

  std::string text_;
};

/// Long enough for a string to lie on the heap.
inline std::string long_text(const char* text) { return std::string(40, '.') + text; }
inline Tracked tracked(const char* text) { return Tracked{long_text(text)}; }

/// The form's own checks of the values that it got.
inline void expect(const std::string& text, const char* expected) {
  if (text != long_text(expected)) wrong("a value is not what it should be");
}
inline void expect(const Tracked& object, const char* expected) { expect(object.text(), expected); }
inline void expect(bool holds) {
  if (!holds) wrong("a value is not what it should be");
}

/// Lets the event loop run in between, as a real operation does.
inline asio::awaitable<void> pass() {
  asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::nanoseconds{0});
  co_await pause.async_wait(asio::use_awaitable);
}

using Form = asio::awaitable<void> (*)();

struct Registered {
  Registered(const char* words, Form form);
};

// FORM(name, "what it looks like, in words") { body of a coroutine }
#define FORM(name, words)                          \
  asio::awaitable<void> name();                    \
  const Registered registered_##name{words, name}; \
  asio::awaitable<void> name()
