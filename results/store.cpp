#include "results/store.h"

#include <sqlite3.h>

#include <system_error>

#include "core/error.h"
#include "core/folder_lock.h"
#include "results/connection.h"
#include "results/schema.h"

namespace automask::results {
namespace {

using core::Error;
using core::ExitCode;

constexpr int busy_timeout_ms = 10'000;

void set_up_writer(SQLite::Database& database) {
  // Readers never wait for the writer. FULL, not NORMAL: in WAL mode NORMAL may lose the last commits at a power
  // failure, and a commit here is hours of finished work. It costs one fsync per run.
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA foreign_keys = ON");
}

bool has_log(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file.string() + "-wal", error);
  return !error && size > 0;
}

// A file name as SQLite's URI: its special characters escaped.
std::string uri_path(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr const char* digits = "0123456789abcdef";
      text += {'%', digits[(c >> 4) & 15], digits[c & 15]};
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void throw_database_error(const SQLite::Exception& error, const std::filesystem::path& file, const std::string& doing) {
  const std::string message = error.what();
  switch (error.getErrorCode() & 0xff) {
    case SQLITE_NOTADB:
      throw Error(ExitCode::corrupt, file.string(), "is not a database",
                  "name another --store, or remove the file to start a new one");
    case SQLITE_CORRUPT:
      throw Error(ExitCode::corrupt, file.string(), "is damaged (" + message + ")",
                  "restore a copy, or move the file away and run again: finished steps are found in the cache");
    case SQLITE_FULL:
      throw Error(ExitCode::steps_failed, file.string(), "no space is left for " + doing,
                  "free some space and run again");
    case SQLITE_BUSY:
      throw Error(ExitCode::steps_failed, file.string(), "is locked by another program while " + doing,
                  "wait until that one has finished and run again");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      throw Error(ExitCode::steps_failed, file.string(), message + " while " + doing,
                  "check that the folder exists and may be written");
    case SQLITE_IOERR:
      throw Error(ExitCode::steps_failed, file.string(), message + " while " + doing, "check the disk and run again");
    default:
      throw Error(ExitCode::internal, file.string(), message + " while " + doing);
  }
}

Store::Connection::Connection(std::filesystem::path path, int flags)
    : file(std::move(path)),
      // No lock per call: a Store belongs to one thread at a time.
      database(file.string(), flags | SQLite::OPEN_NOMUTEX, busy_timeout_ms) {
  sqlite3_extended_result_codes(database.getHandle(), 1);
  add_functions(database);
  database.exec("PRAGMA cache_size = -65536");  // KiB; 100,000 metrics are about 12 MiB, the default is 2
}

SQLite::Statement& Store::Connection::statement(const std::string& sql) {
  std::unique_ptr<SQLite::Statement>& slot = statements_[sql];
  if (!slot) {
    slot = std::make_unique<SQLite::Statement>(database, sql);
  } else {
    slot->tryReset();
    slot->clearBindings();
  }
  return *slot;
}

Store::Store(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& file) {
  if (file.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error)
      throw Error(ExitCode::steps_failed, file.parent_path().string(), "cannot be created: " + error.message(),
                  "check the rights, or name another --store");
  }
  return guarded(file, "opening it", [&] {
    // Turning WAL on and migrating do not wait for another process that does the same: SQLite reports a lock at once.
    // So writers open one after the other. Without locks the first two openings of a new database may collide, and one
    // of them says so.
    const core::FolderLock lock(file.has_parent_path() ? file.parent_path() : ".");
    auto connection = std::make_unique<Connection>(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Database& database = connection->database;
    const int version = check_schema(database, file, migrations());  // before anything is written
    set_up_writer(database);
    if (version < schema_version()) migrate(database, file, migrations());
    write_metric_definitions(database);
    return Store(std::move(connection));
  });
}

Store Store::open_read_only(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw Error(ExitCode::corrupt, file.string(), "does not exist", "run an experiment first, or name another --store");
  const auto open_now = [&](const std::string& name, int flags) {
    auto connection = std::make_unique<Connection>(name, SQLite::OPEN_READONLY | flags);
    connection->file = file;
    const int version = check_schema(connection->database, file, migrations());
    return std::pair(std::move(connection), version);
  };
  const auto open = [&](const std::string& name, int flags) {
    return guarded(file, "opening it", [&] { return open_now(name, flags); });
  };
  return guarded(file, "opening it", [&] {
    std::pair<std::unique_ptr<Connection>, int> opened;
    try {
      opened = open(file.string(), 0);
    } catch (const Error& error) {
      // WAL needs a shared-memory file beside the database. Where the folder cannot be written (an archive, another
      // user's store) and no log is pending, the file alone is the whole truth.
      if (error.code() != ExitCode::steps_failed || has_log(file)) throw;
      opened = open("file:" + uri_path(std::filesystem::absolute(file).string()) + "?immutable=1", SQLite::OPEN_URI);
    }
    if (opened.second == 0)
      throw Error(ExitCode::corrupt, file.string(), "holds no results", "run an experiment first");
    if (opened.second < schema_version()) {
      opened.first.reset();
      Store::open(file);  // migrates
      opened = open(file.string(), 0);
    }
    return Store(std::move(opened.first));
  });
}

std::string sqlite_version() { return ::sqlite3_libversion(); }

int sqlite_version_number() { return ::sqlite3_libversion_number(); }

}  // namespace automask::results
