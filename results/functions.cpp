// Functions that SQL lacks, known to every connection of this program.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "results/connection.h"
#include "results/statistics.h"

namespace automask::results {
namespace {

void student_t(sqlite3_context* context, int, sqlite3_value** arguments) {
  const sqlite3_int64 degrees = sqlite3_value_int64(arguments[0]);
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL || degrees < 1 || degrees > 1'000'000)
    sqlite3_result_null(context);
  else
    sqlite3_result_double(context, student_t_975(static_cast<int>(degrees)));
}

}  // namespace

void add_functions(SQLite::Database& database) {
  database.check(sqlite3_create_function_v2(database.getHandle(), "student_t_975", 1,
                                            SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr, student_t,
                                            nullptr, nullptr, nullptr));
}

}  // namespace automask::results
