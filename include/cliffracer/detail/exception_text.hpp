#pragma once

#include <asio/error.hpp>

#include <exception>
#include <string>
#include <system_error>

namespace cliffracer::detail {

/// The text of what was thrown, std::exception or not.
[[nodiscard]] inline std::string text_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";
  }
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
