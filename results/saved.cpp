// Saved queries: those shipped with the program, compiled in from experiments/queries, and the user's folders.
#include <algorithm>
#include <map>

#include "core/atomic_file.h"
#include "core/error.h"
#include "results/query.h"
#include "results/shipped_queries.h"

namespace automask::results {
namespace {

// The first line of the leading comment.
std::string summary_of(const std::string& sql) {
  const std::size_t begin = sql.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos || sql.compare(begin, 2, "--") != 0) return "";
  const std::size_t end = std::min(sql.find_first_of("\r\n", begin), sql.size());
  const std::size_t text = std::min(sql.find_first_not_of("- \t", begin), end);
  return sql.substr(text, end - text);
}

}  // namespace

std::vector<SavedQuery> saved_queries(const std::vector<std::filesystem::path>& folders) {
  std::map<std::string, SavedQuery> found;  // by name; a later folder replaces an earlier one's
  const auto add = [&](const std::string& name, std::string sql) {
    found[name] = SavedQuery{name, summary_of(sql), std::move(sql)};
  };
  for (const ShippedQuery& query : shipped_queries()) add(query.name, query.sql);
  for (const std::filesystem::path& folder : folders) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
      if (entry.path().extension() == ".sql") add(entry.path().stem().string(), core::read_file(entry.path()));
  }
  std::vector<SavedQuery> queries;
  for (auto& [name, query] : found) queries.push_back(std::move(query));
  return queries;
}

const SavedQuery& find_saved_query(const std::vector<SavedQuery>& queries, const std::string& name) {
  std::vector<std::string> names;
  for (const SavedQuery& query : queries) {
    if (query.name == name) return query;
    names.push_back(query.name);
  }
  throw core::Error(core::ExitCode::usage, "query", "no saved query is named \"" + name + "\"",
                    core::suggestion(name, names));
}

}  // namespace automask::results
