#include "results/query.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "core/error.h"
#include "results/connection.h"
#include "results/json_rows.h"

namespace automask::results {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

constexpr const char* where = "query";

// Pragmas that only look.
constexpr std::array<std::string_view, 8> reading_pragmas = {"table_info",    "table_xinfo",   "table_list",
                                                             "index_list",    "index_info",    "foreign_key_list",
                                                             "function_list", "collation_list"};
constexpr std::array<std::string_view, 4> reading_settings = {"user_version", "application_id", "compile_options",
                                                              "schema_version"};

// The deed in words, for what SQLite asks leave for.
std::string deed(int action, const char* first) {
  std::string name;
  if (first != nullptr) name.append(" ").append(first);
  switch (action) {
    case SQLITE_INSERT:
      return "write to" + name;
    case SQLITE_UPDATE:
      return "change" + name;
    case SQLITE_DELETE:
      return "delete from" + name;
    case SQLITE_ATTACH:
      return "open another database";
    case SQLITE_DETACH:
      return "close a database";
    case SQLITE_PRAGMA:
      return "use the pragma" + name;
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return "open or end a transaction";
    case SQLITE_FUNCTION:
      return "call a forbidden function";
    default:
      return "change the schema";
  }
}

// SQLite asks here before it compiles anything: only reading is let through.
int authorize(void* refused, int action, const char* first, const char* second, const char*, const char*) {
  const std::string_view name = first == nullptr ? "" : first;
  const auto listed = [&](const auto& names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_UPDATE:
      // Asked when a table function such as json_each is first met. The schema itself stays safe: SQLite lets no
      // statement change this table unless the pragma writable_schema is on, which is refused below.
      if (name == "sqlite_master") return SQLITE_OK;
      break;
    case SQLITE_FUNCTION:
      if (second == nullptr ||
          (std::string_view(second) != "load_extension" && std::string_view(second) != "fts3_tokenizer"))
        return SQLITE_OK;
      break;
    case SQLITE_PRAGMA:
      if (listed(reading_pragmas) || (second == nullptr && listed(reading_settings))) return SQLITE_OK;
      break;
    default:
      break;
  }
  std::string& text = *static_cast<std::string*>(refused);
  if (text.empty()) text = deed(action, first);
  return SQLITE_DENY;
}

class Authorizer {
 public:
  explicit Authorizer(sqlite3* database) : database_(database) {
    sqlite3_set_authorizer(database, authorize, &refused_);
  }
  ~Authorizer() { sqlite3_set_authorizer(database_, nullptr, nullptr); }
  Authorizer(const Authorizer&) = delete;
  Authorizer& operator=(const Authorizer&) = delete;
  const std::string& refused() const { return refused_; }

 private:
  sqlite3* database_;
  std::string refused_;
};

std::vector<std::string> table_names(SQLite::Database& database) {
  std::vector<std::string> names;
  SQLite::Statement list(database,
                         "SELECT name FROM sqlite_schema WHERE type IN ('view', 'table') ORDER BY type DESC, name");
  while (list.executeStep()) names.push_back(list.getColumn(0).getString());
  return names;
}

// SQLite's message, and for a mistyped table what was meant.
[[noreturn]] void throw_sql_error(SQLite::Database& database, const Authorizer& authorizer) {
  const std::string message = sqlite3_errmsg(database.getHandle());
  if (!authorizer.refused().empty())
    throw Error(ExitCode::usage, where, "only reading is allowed, this statement would " + authorizer.refused(),
                "use SELECT");
  constexpr std::string_view no_table = "no such table: ";
  std::string remedy;
  if (message.starts_with(no_table)) remedy = core::suggestion(message.substr(no_table.size()), table_names(database));
  throw Error(ExitCode::usage, where, message, remedy);
}

using StatementHandle = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

// SQLiteCpp compiles the first statement and forgets the rest of the text, so this is done by hand.
StatementHandle prepare(SQLite::Database& database, const std::string& sql, const Authorizer& authorizer) {
  if (sql.find('\0') != std::string::npos) throw Error(ExitCode::usage, where, "the SQL holds a zero byte");
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int result = sqlite3_prepare_v2(database.getHandle(), sql.c_str(), -1, &raw, &tail);
  StatementHandle statement(raw, sqlite3_finalize);
  if (result != SQLITE_OK) {
    const int code = result & 0xff;
    if (code == SQLITE_ERROR || code == SQLITE_AUTH || code == SQLITE_TOOBIG) throw_sql_error(database, authorizer);
    throw SQLite::Exception(database.getHandle(), result);
  }
  if (!statement) throw Error(ExitCode::usage, where, "the SQL is empty", "give one SELECT, or --saved NAME");
  // Blanks and comments may follow; anything else is a second statement.
  sqlite3_stmt* second = nullptr;
  const int rest = sqlite3_prepare_v2(database.getHandle(), tail, -1, &second, nullptr);
  const StatementHandle rest_statement(second, sqlite3_finalize);
  if (rest != SQLITE_OK || second != nullptr)
    throw Error(ExitCode::usage, where, "holds more than one statement", "give one SELECT at a time");
  // A second lock on the door: whatever slipped past the authorizer does not run.
  if (sqlite3_stmt_readonly(statement.get()) == 0)
    throw Error(ExitCode::usage, where, "only reading is allowed", "use SELECT");
  return statement;
}

void bind(SQLite::Database& database, sqlite3_stmt* statement, const Json& parameters) {
  if (!parameters.is_object()) throw Error(ExitCode::usage, where, "parameters must be an object of names and values");
  std::vector<std::string> wanted;
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
    const char* name = sqlite3_bind_parameter_name(statement, i);
    if (name == nullptr || name[0] == '?')
      throw Error(ExitCode::usage, where, "parameters need a name", "write :name instead of ?");
    wanted.emplace_back(name + 1);
    const auto value = parameters.find(wanted.back());
    if (value == parameters.end())
      throw Error(ExitCode::usage, where, fmt::format("the parameter {} has no value", name),
                  "give it one, or write the value into the SQL");
    int result = SQLITE_OK;
    if (value->is_null()) {
      result = sqlite3_bind_null(statement, i);
    } else if (value->is_boolean() || value->is_number_integer()) {
      result = sqlite3_bind_int64(statement, i, value->is_boolean() ? value->get<bool>() : value->get<std::int64_t>());
    } else if (value->is_number()) {
      result = sqlite3_bind_double(statement, i, value->get<double>());
    } else {
      const std::string text = value->is_string() ? value->get<std::string>() : value->dump();
      result = sqlite3_bind_text(statement, i, text.c_str(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    }
    if (result != SQLITE_OK) throw SQLite::Exception(database.getHandle(), result);
  }
  for (const auto& [name, unused] : parameters.items())
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      throw Error(ExitCode::usage, where, "the statement has no parameter :" + name,
                  wanted.empty() ? "it takes none" : core::suggestion(name, wanted));
}

// `hexadecimal` holds the digits of a blob.
Value column_value(sqlite3_stmt* statement, int column, std::string& hexadecimal) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
      hexadecimal.clear();
      for (int i = 0; i < sqlite3_column_bytes(statement, column); ++i)
        fmt::format_to(std::back_inserter(hexadecimal), "{:02x}", bytes[i]);
      return std::string_view(hexadecimal);
    }
    default:
      return {};
  }
}

Json json_of(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string_view>(&value)) return *text;
  return nullptr;
}

}  // namespace

void query_rows(const Store& store, const std::string& sql, const Json& parameters,
                const std::function<void(const std::vector<std::string>&)>& head,
                const std::function<void(std::span<const Value>)>& row) {
  Store::Connection& connection = store.connection();
  SQLite::Database& database = connection.database;
  guarded(connection.file, "reading it", [&] {
    const Authorizer authorizer(database.getHandle());
    const StatementHandle statement = prepare(database, sql, authorizer);
    bind(database, statement.get(), parameters);
    const auto columns = static_cast<std::size_t>(sqlite3_column_count(statement.get()));
    std::vector<std::string> names;
    for (std::size_t i = 0; i < columns; ++i)
      names.emplace_back(sqlite3_column_name(statement.get(), static_cast<int>(i)));
    std::vector<Value> values(columns);
    std::vector<std::string> hexadecimal(columns);
    int result = sqlite3_step(statement.get());
    if (result == SQLITE_ROW || result == SQLITE_DONE) head(names);
    for (; result == SQLITE_ROW; result = sqlite3_step(statement.get())) {
      for (std::size_t i = 0; i < columns; ++i)
        values[i] = column_value(statement.get(), static_cast<int>(i), hexadecimal[i]);
      row(values);
    }
    if (result != SQLITE_DONE) {
      if ((result & 0xff) == SQLITE_ERROR) throw_sql_error(database, authorizer);
      throw SQLite::Exception(database.getHandle(), result);
    }
  });
}

Table query(const Store& store, const std::string& sql, const Json& parameters) {
  Table table;
  query_rows(
      store, sql, parameters, [&](const std::vector<std::string>& columns) { table.columns = columns; },
      [&](std::span<const Value> values) {
        std::vector<Json>& row = table.rows.emplace_back();
        row.reserve(values.size());
        for (const Value& value : values) row.push_back(json_of(value));
      });
  return table;
}

void print_query(std::ostream& out, const Store& store, const std::string& sql, const Json& parameters, Format format) {
  if (format != Format::json) return print(out, query(store, sql, parameters), format);
  std::optional<JsonRows> rows;
  query_rows(
      store, sql, parameters, [&](const std::vector<std::string>& columns) { rows.emplace(out, columns); },
      [&](std::span<const Value> row) { rows->write(row); });
  rows->finish();
}

}  // namespace automask::results
