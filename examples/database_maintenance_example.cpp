// Scheduled cleanup and sync of a SQLite database, as plain methods: they block, and run on worker threads.
//
//     database_maintenance_example [--duration SECONDS] [--speed N] [--database PATH]     30 s, a temporary
//     file examples/run database_maintenance_example            does the same, with everything that it needs
//
// Now and then the cleanup finds the database locked by the sync, fails, and is retried after its
// error_backoff. Left out: migrations, and an elsewhere that the sync would send its rows to.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"
#include "example_service.hpp"
#include "sqlite.hpp"
#include "temporary_folder.hpp"
#include "timer_table.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using cliffracer::TickContext, cliffracer::timer;

namespace {

std::int64_t now_in_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class DatabaseMaintenanceService : public ExampleService {
 public:
  DatabaseMaintenanceService(const ExampleOptions& options, const std::string& path)
      : ExampleService{options, {.name = "database_maintenance", .nats_url = options.nats_url}},
        for_inserts_{path, 5s},
        for_sync_{path, 5s},
        for_cleanup_{path, in_milliseconds(100ms)} {
    for_inserts_.run("PRAGMA journal_mode = WAL");  // readers and the one writer do not wait for each other
    for_inserts_.run(
        "CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY AUTOINCREMENT, expires INTEGER NOT "
        "NULL)");
    for_inserts_.run("CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires)");
    for_inserts_.run("CREATE TABLE IF NOT EXISTS archive (id INTEGER PRIMARY KEY, expires INTEGER NOT NULL)");

    add(timer<&DatabaseMaintenanceService::insert_sessions>{.interval = options.at_speed(1s), .eager = true},
        timer<&DatabaseMaintenanceService::sync_sessions>{.interval = options.at_speed(2s)},
        timer<&DatabaseMaintenanceService::cleanup_expired>{.interval = options.at_speed(3s),
                                                            .error_backoff = options.at_speed(500ms)});
  }

 private:
  void insert_sessions() {
    Database::Transaction transaction{for_inserts_};
    const auto expires = now_in_milliseconds() + in_milliseconds(4s).count();
    for (int n = 0; n < 25; ++n) for_inserts_.run("INSERT INTO sessions (expires) VALUES (?)", expires);
    transaction.commit();
  }

  /// Copies what is new to the archive, and keeps the database locked while the other side is slow.
  void sync_sessions() {
    Database::Transaction transaction{for_sync_};
    const std::int64_t copied = for_sync_.run(
        "INSERT INTO archive SELECT id, expires FROM sessions WHERE id > (SELECT coalesce(max(id), 0) FROM "
        "archive)");
    std::this_thread::sleep_for(options_.at_speed(300ms));
    transaction.commit();
    spdlog::info("Sync: {} rows", copied);
    publish_event("data.synced", {{"service_name", config().name}, {"records_synced", copied}});
  }

  /// In small batches: others get their turn, and a stop does not have to wait for the last row. Throws when
  /// the database stays locked; rows that are left are found by the retry.
  void cleanup_expired(const TickContext& tick) {
    constexpr std::int64_t batch_size = 10;
    const std::int64_t now = now_in_milliseconds();
    std::int64_t deleted = 0;
    std::int64_t batch = batch_size;
    while (batch == batch_size && !tick.stop_token.stop_requested()) {
      batch = for_cleanup_.run(
          "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires < ? ORDER BY expires "
          "LIMIT ?)",
          now, batch_size);
      deleted += batch;
    }
    spdlog::info("Cleanup: {} expired rows, attempt {}", deleted, tick.attempt);
  }

  [[nodiscard]] std::chrono::milliseconds in_milliseconds(std::chrono::nanoseconds time) const {
    return std::chrono::ceil<std::chrono::milliseconds>(options_.at_speed(time));
  }

  // A connection for each method. Runs of one timer never overlap: no two threads use one.
  Database for_inserts_;
  Database for_sync_;
  Database for_cleanup_;
};

}  // namespace

int main(int argc, char** argv) try {
  std::string path;
  const auto options =
      read_options(argc, argv, "Scheduled cleanup and sync of a SQLite database.", 30s,
                   {{"--database", "PATH", "SQLite file to work on; a temporary one unless given", &path}});
  const TemporaryFolder folder;
  if (path.empty()) path = folder.path() / "example.db";
  DatabaseMaintenanceService service{options, path};
  service.run();

  Database database{path, 1s};
  std::cout << "\nRows: " << database.run("SELECT count(*) FROM sessions") << " in sessions, "
            << database.run("SELECT count(*) FROM archive") << " in archive\n\nFinal timer statistics:\n\n";
  print_timer_table(std::cout, service.get_timer_stats());
  std::cout << "\nService stopped\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
