#pragma once
// Inside of the room: what a Store holds, and how SQLite's errors become the user's.
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "results/store.h"

namespace automask::results {

// Throws core::Error for what SQLite reported while `doing` ("recording run X"): corrupt for a damaged or foreign
// file, steps_failed for a full disk, missing rights or a lock that is not given back.
[[noreturn]] void throw_database_error(const SQLite::Exception& error, const std::filesystem::path& file,
                                       const std::string& doing);

template <class Action>
auto guarded(const std::filesystem::path& file, const std::string& doing, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (const SQLite::Exception& error) {
    throw_database_error(error, file, doing);
  }
}

// student_t_975(degrees), NULL below one degree: what saved queries need for intervals over seeds.
void add_functions(SQLite::Database& database);

struct Store::Connection {
  Connection(std::filesystem::path path, int flags);

  // Prepared once, then reused; handed out without bindings and before its first row.
  SQLite::Statement& statement(const std::string& sql);

  std::filesystem::path file;
  SQLite::Database database;

 private:
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements_;  // must go before the database does
};

}  // namespace automask::results
