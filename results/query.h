#pragma once
// Read-only SQL, saved queries, and tables in four formats.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "results/store.h"

namespace automask::results {

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<core::Json>> rows;  // null, number or string
};

// Runs one read-only statement; anything that would write is refused (Error(usage)) by SQLite's authorizer, and so are
// a second statement and SQL that SQLite does not understand (with its message). `parameters` bind :name, each exactly.
// Blobs come as hexadecimal digits.
Table query(const Store& store, const std::string& sql, const core::Json& parameters = core::Json::object());

// The same row by row: `head` gets the columns once, then `row` each row; its texts live as long as the call.
using Value = std::variant<std::monostate, std::int64_t, double, std::string_view>;
void query_rows(const Store& store, const std::string& sql, const core::Json& parameters,
                const std::function<void(const std::vector<std::string>&)>& head,
                const std::function<void(std::span<const Value>)>& row);

struct SavedQuery {
  std::string name, summary, sql;
};
// The shipped ones (experiments/queries, compiled in: one per view, and more) and *.sql files of the folders, where a
// later folder replaces an equal name; the first comment line of a file is its summary. Sorted by name; a folder that
// does not exist holds none.
std::vector<SavedQuery> saved_queries(const std::vector<std::filesystem::path>& folders);
// Error(usage) with "did you mean".
const SavedQuery& find_saved_query(const std::vector<SavedQuery>& queries, const std::string& name);

enum class Format { table, json, csv, md };
Format parse_format(const std::string& name);  // Error(usage), "did you mean"
// json: {"schema_version": 1, "rows": [{...}]}; csv: RFC 4180; table: aligned for a terminal; md: GitHub.
// json and csv keep every digit; table and md round to about four.
void print(std::ostream& out, const Table& table, Format format);
// query() and print() in one: JSON is written as the rows come.
void print_query(std::ostream& out, const Store& store, const std::string& sql, const core::Json& parameters,
                 Format format);

// Text as it stands in a Markdown table: nothing in it is markup, no line breaks.
std::string markdown_text(const std::string& text);

}  // namespace automask::results
