#pragma once
// Inside of the room: the numbered migrations and what they leave behind.
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace automask::results {

// Brings a database from version - 1 to `version` (PRAGMA user_version). A released migration never changes; what
// the next release needs is a new entry at the end of the table in schema.cpp.
struct Migration {
  int version;
  const char* sql;
};
std::span<const Migration> migrations();

// Looks at the header and the list of tables only. Throws Error(corrupt) when the file is no database, is damaged,
// belongs to another program or is newer than the newest of `known`; returns its version, 0 for an empty file.
int check_schema(SQLite::Database& database, const std::filesystem::path& file, std::span<const Migration> known);

// Applies what is missing, all in one transaction. Unless the file was empty it is copied to FILE.schema-N first.
void migrate(SQLite::Database& database, const std::filesystem::path& file, std::span<const Migration> known);

// The metrics this program knows. The table metric_def is brought to this state whenever a store is opened to write.
struct MetricDefinition {
  const char* name;
  const char* unit;
  const char* direction;  // which values are better: higher, lower, none
  const char* description;
};
std::span<const MetricDefinition> metric_definitions();
std::vector<std::string> metric_names();
void write_metric_definitions(SQLite::Database& database);

}  // namespace automask::results
