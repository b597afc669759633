#pragma once
// Read-only SQL, saved queries, and tables in four formats.
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "core/json.h"
#include "results/store.h"

namespace automask::results {

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<core::Json>> rows;  // null, number or string
};

// Runs one read-only statement; anything that would write is refused (Error(usage)) by SQLite's authorizer.
// `parameters` bind :name.
Table query(const Store& store, const std::string& sql, const core::Json& parameters = core::Json::object());

struct SavedQuery {
  std::string name, summary, sql;
};
// The built-in views (accuracy_by_condition, latency, storage, runs) and *.sql files of the folders; the first comment
// line of a file is its summary.
std::vector<SavedQuery> saved_queries(const std::vector<std::filesystem::path>& folders);

enum class Format { table, json, csv, md };
Format parse_format(const std::string& name);  // Error(usage), "did you mean"
// json: {"schema_version": 1, "rows": [{...}]}; csv: RFC 4180; table: aligned for a terminal; md: GitHub.
void print(std::ostream& out, const Table& table, Format format);

}  // namespace automask::results
