// Several replicas of a service, and one of them at a time removes old rows of their common database: a timer
// with Scope::cluster. Its fencing token keeps a replica out that was suspended in the middle of a run.
//
//     cluster_cleanup_example [--duration SECONDS] [--speed N] [--database PATH]     30 s, a temporary file
//     examples/run cluster_cleanup_example     does the same, with everything that it needs
//
// More replicas are the same program in other terminals, with the NATS_URL that the first one prints and one
// --database. A server without JetStream, or none, is no obstacle: rows come in all the same, and nothing
// removes them, for nobody could say by whom. Left out: replicas on several machines, whose database would
// not be a file, and a bucket with copies (ServiceConfig::cluster.replicas), for which NATS needs three
// servers.
#include <cliffracer/cliffracer.hpp>

#include "example_options.hpp"
#include "example_service.hpp"
#include "sqlite.hpp"
#include "temporary_folder.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using cliffracer::Scope, cliffracer::TickContext, cliffracer::timer;

namespace {

std::int64_t now_in_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Sessions that end, in a database that all replicas write to.
class SessionStore {
 public:
  explicit SessionStore(const std::string& path) : database_{path, 5s} {
    Database::Transaction transaction{database_};
    database_.run("CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY, expires INTEGER NOT NULL)");
    database_.run("CREATE TABLE IF NOT EXISTS fences (job TEXT PRIMARY KEY, token INTEGER NOT NULL)");
    database_.run("INSERT OR IGNORE INTO fences VALUES ('remove_expired', 0)");
    transaction.commit();
  }

  void insert(int count, std::chrono::milliseconds lifetime) {
    Database::Transaction transaction{database_};
    const auto expires = now_in_milliseconds() + lifetime.count();
    for (int n = 0; n < count; ++n) database_.run("INSERT INTO sessions (expires) VALUES (?)", expires);
    transaction.commit();
  }

  //[fencing
  /// How many rows were removed. Empty: none, for the job was done with a newer token. The look at the token
  /// and the work are one transaction: what is committed was done by whoever had the newest one.
  std::optional<std::int64_t> remove_expired(std::uint64_t token) {
    Database::Transaction transaction{database_};
    const auto number = static_cast<std::int64_t>(token);
    const bool is_newest =
        database_.run("UPDATE fences SET token = ? WHERE job = 'remove_expired' AND token <= ?", number,
                      number) == 1;
    if (!is_newest) return std::nullopt;
    const std::int64_t removed =
        database_.run("DELETE FROM sessions WHERE expires < ?", now_in_milliseconds());
    transaction.commit();
    return removed;
  }
  //]

  std::int64_t count() { return database_.run("SELECT count(*) FROM sessions"); }
  std::uint64_t newest_token() {
    return static_cast<std::uint64_t>(database_.run("SELECT token FROM fences"));
  }

 private:
  Database database_;
};

class ClusterCleanupService : public ExampleService {
 public:
  ClusterCleanupService(const ExampleOptions& options, const std::string& path)
      : ExampleService{options, {.name = "cluster_cleanup", .nats_url = options.nats_url}},
        for_inserts_{path},
        for_cleanup_{path} {
    //[cluster_timer
    // On each replica:
    add(timer<&ClusterCleanupService::insert_sessions>{.interval = options.at_speed(1s)});
    // On one of them:
    add(timer<&ClusterCleanupService::cleanup>{.interval = options.at_speed(5s), .scope = Scope::cluster});
    //]
  }

 private:
  void insert_sessions() {
    for_inserts_.insert(25, std::chrono::ceil<std::chrono::milliseconds>(options_.at_speed(4s)));
  }

  void cleanup(const TickContext& tick) {
    if (const auto removed = for_cleanup_.remove_expired(tick.token)) {
      spdlog::info("Cleanup: {} expired rows, token {}", *removed, tick.token);
    } else {
      spdlog::warn("Cleanup: token {} is refused, another replica has a newer one", tick.token);
    }
  }

  // A connection for each method. Runs of one timer never overlap: no two threads use one.
  SessionStore for_inserts_;
  SessionStore for_cleanup_;
};

/// What a replica meets that was suspended in its run and goes on when another one has run a newer tick.
void clean_up_with_an_old_token(SessionStore& store) {
  const std::uint64_t newest = store.newest_token();
  if (newest == 0) {
    std::cout << "No replica has cleaned up\n";
    return;
  }
  const bool is_refused = !store.remove_expired(newest - 1);
  std::cout << "Token " << newest - 1 << " after token " << newest << ": "
            << (is_refused ? "refused" : "accepted") << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  std::string path;
  const auto options =
      read_options(argc, argv, "One replica of several cleans up a SQLite database.", 30s,
                   {{"--database", "PATH", "SQLite file to work on; a temporary one unless given", &path}});
  const TemporaryFolder folder;
  if (path.empty()) path = folder.path() / "example.db";
  ClusterCleanupService service{options, path};
  service.run();

  const auto stats = service.get_timer_stats().timers.at(1);
  std::cout << "\nCleanups here: " << stats.execution_count
            << ", left to other replicas: " << stats.skipped.elsewhere
            << ", not claimed by anybody: " << stats.skipped.claim_failed << '\n';
  SessionStore store{path};
  std::cout << "Rows: " << store.count() << " in sessions\n";
  clean_up_with_an_old_token(store);
  std::cout << "\nService stopped\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
