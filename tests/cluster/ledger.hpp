#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "sqlite.hpp"

/// A replica's connection to the file that ledger.sql made. One thread at a time.
class Ledger {
 public:
  /// Others wait that long for a process that was stopped in the middle of a write.
  explicit Ledger(const std::string& path) : database_{path, std::chrono::seconds{20}} {
    // No power fails here, and what a killed process has written is in the kernel's hands.
    database_.run("PRAGMA synchronous = OFF");
  }

  /// Returns the new row's id.
  std::int64_t begin(std::uint64_t token, std::uint32_t attempt, std::string_view owner) {
    return database_.run(
        "INSERT INTO runs (token, attempt, owner, pid, begin_steady, begin_wall) VALUES (?, ?, ?, ?, ?, ?) "
        "RETURNING id",
        static_cast<std::int64_t>(token), attempt, owner, ::getpid(), steady_now(), wall_now());
  }

  /// A run of the timer whose ticks are caught up.
  void report(std::uint64_t token, bool is_catch_up, std::string_view owner) {
    database_.run("INSERT INTO reports (token, is_catch_up, owner, begin_wall) VALUES (?, ?, ?, ?)",
                  static_cast<std::int64_t>(token), is_catch_up ? 1 : 0, owner, wall_now());
  }

  /// Whether the guard accepts what the run has to write.
  bool end(std::int64_t run, std::uint64_t token, std::string_view owner) {
    Database::Transaction transaction{database_};
    const bool accepted =
        database_.run(
            "UPDATE guard SET token = ?1, owner = ?2, writes = writes + 1 WHERE token < ?1 OR (token = ?1 "
            "AND owner = ?2)",
            static_cast<std::int64_t>(token), owner) == 1;
    database_.run(
        "UPDATE runs SET end_steady = ?, end_wall = ?, accepted = ? * (SELECT writes FROM guard) WHERE id = "
        "?",
        steady_now(), wall_now(), accepted ? 1 : 0, run);
    transaction.commit();
    return accepted;
  }

 private:
  static std::int64_t steady_now() { return nanoseconds(std::chrono::steady_clock::now()); }
  static std::int64_t wall_now() { return nanoseconds(std::chrono::system_clock::now()); }
  static std::int64_t nanoseconds(auto point) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(point.time_since_epoch()).count();
  }

  Database database_;
};
