#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

/// One connection to a SQLite file; only what the example needs. One thread at a time. Throws
/// std::runtime_error with SQLite's message.
class Database {
 public:
  /// `patience`: how long a statement waits while another connection has the file locked.
  Database(const std::string& path, std::chrono::milliseconds patience) {
    sqlite3* opened = nullptr;
    const int result = sqlite3_open(path.c_str(), &opened);
    handle_.reset(opened);  // to be closed also when it could not be opened
    check(result);
    check(sqlite3_busy_timeout(opened, static_cast<int>(patience.count())));
  }

  /// Runs one statement whose parameters, if any, are whole numbers and texts. Returns the first number of
  /// its first row, or how many rows it changed when it gives none.
  template <class... Parameters>
  std::int64_t run(std::string_view sql, Parameters... parameters) {
    sqlite3_stmt* prepared = nullptr;
    const int result =
        sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &prepared, nullptr);
    const std::unique_ptr<sqlite3_stmt, Finalize> statement{prepared};
    check(result);
    int index = 0;
    (check(bind(prepared, ++index, parameters)), ...);
    const int stepped = sqlite3_step(prepared);
    if (stepped == SQLITE_ROW) return sqlite3_column_int64(prepared, 0);
    if (stepped != SQLITE_DONE) check(stepped);
    return sqlite3_changes(handle_.get());
  }

  /// Takes the write lock now, not when the first row is written: nothing is half done when it is refused.
  /// Undone in the destructor unless committed.
  class Transaction {
   public:
    explicit Transaction(Database& database) : database_{database} { database_.run("BEGIN IMMEDIATE"); }
    ~Transaction() {
      if (!committed_) sqlite3_exec(database_.handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit() {
      database_.run("COMMIT");
      committed_ = true;
    }

   private:
    Database& database_;
    bool committed_ = false;
  };

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  static int bind(sqlite3_stmt* statement, int index, std::int64_t number) {
    return sqlite3_bind_int64(statement, index, number);
  }
  /// `text` outlives the statement.
  static int bind(sqlite3_stmt* statement, int index, std::string_view text) {
    return sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), nullptr);
  }

  void check(int result) const {
    if (result != SQLITE_OK)
      throw std::runtime_error{handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory"};
  }

  std::unique_ptr<sqlite3, Close> handle_;
};
