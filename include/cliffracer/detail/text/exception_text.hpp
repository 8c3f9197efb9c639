#pragma once

#include <asio/error.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <system_error>

namespace cliffracer::detail {

/// What `error` says of itself; nothing, where what() is null.
[[nodiscard]] inline std::string_view text_of(const std::exception& error) noexcept {
  const char* const text = error.what();
  return text ? std::string_view{text} : std::string_view{};
}

/// Calls `use` with the text of what was thrown, std::exception or not. Needs no memory.
template <class Use>
void with_text(const std::exception_ptr& thrown, Use&& use) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    use(text_of(error));
  } catch (...) {
    use(std::string_view{"unknown exception"});
  }
}

/// The text of what was thrown.
[[nodiscard]] inline std::string text_of(const std::exception_ptr& thrown) {
  std::string copy;
  with_text(thrown, [&copy](std::string_view text) { copy = text; });
  return copy;
}

/// Whether a coroutine ended the way a cancelled one does.
[[nodiscard]] inline bool is_abort(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace cliffracer::detail
