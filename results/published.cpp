#include "results/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/folder_lock.h"
#include "results/published_cell.h"
#include "results/query.h"
#include "results/shared_documents.h"

namespace automask::results {
namespace {

namespace fs = std::filesystem;

using core::Error;
using core::ExitCode;
using core::Json;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr const char* shared_name = SharedDocuments::file_name;
constexpr const char* cell_key = "cell";

std::string file_name(const RunRecord& run, std::set<std::string>& taken) {
  std::string name = fmt::format("{}-{}-{}-{}-seed{}", run.dataset, run.model, run.method, run.target, run.seed);
  for (char& c : name)
    if (std::string_view("/\\:*?\"<>| ").find(c) != std::string_view::npos) c = '_';
  std::string unique = name;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}-{}", name, i);
  return unique + ".json";
}

// {"schema_version": 10, "cell": ...}, one value a line, so that a difference of two files can be read.
std::string lines(const Json& cell) {
  std::string text =
      "{\"schema_version\": " + std::to_string(published_schema_version) + ",\n\"" + cell_key + "\": {\"$\": [";
  for (const Json& value : cell.at("$")) text += (text.back() == '[' ? "" : ",\n") + value.dump();
  return text + "]}}\n";
}

Json read_json(const fs::path& file) { return core::read_json_file(file, ExitCode::corrupt); }

SharedDocuments shared_of(const fs::path& folder) {
  const Json json = read_json(folder / shared_name);
  return SharedDocuments({json, (folder / shared_name).string(), "", ExitCode::corrupt});
}

// Below the folder, whatever its depth; sorted.
std::vector<fs::path> cell_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(
           folder, fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied))
    if (entry.is_regular_file() && entry.path().extension() == ".json" && entry.path().filename() != shared_name)
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// The cells of an export's folder: it holds experiments, and these their cells.
std::map<fs::path, Json> cells_in(const fs::path& folder) {
  std::map<fs::path, Json> cells;
  for (const auto& experiment : fs::directory_iterator(folder)) {
    if (!experiment.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(experiment.path())) {
      if (!entry.is_regular_file() || entry.path().extension() != ".json") continue;
      const Json& cell = cells[entry.path()] = read_json(entry.path());
      check_schema_version({cell, entry.path().string(), "", ExitCode::corrupt});
    }
  }
  return cells;
}

Json parsed(const Json& text) {
  return text.is_string() ? Json::parse(text.get<std::string>(), nullptr, false) : Json();
}

double number_or_nan(const Json& value) { return value.is_null() ? unknown : value.get<double>(); }

}  // namespace

std::optional<RunRecord> stored_run(const Store& store, const std::string& key) {
  const Json parameters = {{"key", key}};
  const Table facts = query(
      store,
      "SELECT e.name, c.dataset, c.model, c.method, c.target, c.seed, c.parameters, r.state, r.reason, r.started, "
      "r.finished, r.manifest_sha256, m.document, v.document, b.document, r.portable_key, r.origin, r.training, r.id "
      "FROM run r JOIN cell c ON c.key = r.key JOIN experiment e ON e.id = c.experiment_id "
      "LEFT JOIN manifest m ON m.sha256 = r.manifest_sha256 LEFT JOIN environment v ON v.id = r.environment_id "
      "LEFT JOIN build b ON b.id = r.build_id WHERE r.key = :key AND r.newest = 1 ORDER BY c.id LIMIT 1",
      parameters);
  if (facts.rows.empty()) return std::nullopt;
  const std::vector<Json>& row = facts.rows.front();
  const auto text = [&](std::size_t i) { return row[i].is_null() ? std::string() : row[i].get<std::string>(); };
  RunRecord run;
  run.key = key;
  run.experiment = text(0);
  run.dataset = text(1);
  run.model = text(2);
  run.method = text(3);
  run.target = text(4);
  run.seed = row[5].get<std::int64_t>();
  run.method_parameters = parsed(row[6]);
  run.state = text(7);
  run.reason = text(8);
  run.started = text(9);
  run.finished = text(10);
  run.manifest_sha256 = text(11);
  run.manifest = parsed(row[12]);
  run.environment = parsed(row[13]);
  run.build = parsed(row[14]);
  run.portable_key = text(15);
  run.origin = text(16);
  run.training = parsed(row[17]);
  const Json id = {{"id", row[18]}};
  for (const auto& m : query(store,
                             "SELECT name, condition, value, ci_lo, ci_hi, evidence, n FROM metric WHERE run_id = :id "
                             "ORDER BY name, condition",
                             id)
                           .rows)
    run.metrics.push_back({m[0].get<std::string>(), m[1].get<std::string>(), m[2].get<double>(), number_or_nan(m[3]),
                           number_or_nan(m[4]), m[5].get<std::string>(), m[6].get<std::int64_t>()});
  for (const auto& a :
       query(store, "SELECT sha256, kind, path, bytes FROM artifact WHERE run_id = :id ORDER BY kind, path", id).rows)
    run.artifacts.push_back(
        {a[0].get<std::string>(), a[1].get<std::string>(), a[2].get<std::string>(), a[3].get<std::int64_t>()});
  return run;
}

std::vector<std::string> current_keys(const Store& store, const std::string& experiment) {
  std::vector<std::string> keys;
  for (const auto& row :
       query(store, "SELECT run FROM current_passed WHERE experiment = :experiment ORDER BY position, run",
             {{"experiment", experiment}})
           .rows)
    if (const auto key = row[0].get<std::string>(); std::find(keys.begin(), keys.end(), key) == keys.end())
      keys.push_back(key);
  return keys;
}

std::vector<std::string> experiment_names(const Store& store) {
  std::vector<std::string> names;
  for (const auto& row : query(store, "SELECT name FROM experiment ORDER BY name").rows)
    names.push_back(row[0].get<std::string>());
  return names;
}

Exported export_published(const Store& store, const std::vector<std::string>& experiments, const fs::path& folder,
                          bool latencies) {
  SharedDocuments shared;
  Exported exported;
  std::map<fs::path, std::string> texts;
  Json named = Json::array();  // all cells of the folder, as it will be
  for (const std::string& experiment : experiments) {
    std::set<std::string> taken;
    Exported::Experiment written{experiment};
    for (const std::string& key : current_keys(store, experiment)) {
      auto run = stored_run(store, key);
      if (!run) continue;
      run->experiment = experiment;
      named.push_back(shared.put_keys(cell_json(*run, shared, latencies)));
      const std::string& text = texts[folder / experiment / file_name(*run, taken)] = lines(named.back());
      ++written.cells;
      written.bytes += text.size();
    }
    if (written.cells > 0) exported.experiments.push_back(written);
  }
  if (texts.empty()) return exported;
  fs::create_directories(folder);
  const core::FolderLock lock(folder);  // another export would take away what these cells name
  // What lies there is read before anything is written, so that a fault in it changes nothing.
  for (auto& [file, cell] : cells_in(folder))
    if (!texts.contains(file)) named.push_back(std::move(cell));
  if (fs::exists(folder / shared_name)) shared.add(shared_of(folder));
  // At every moment all documents of all cells are there.
  core::write_file_atomically(folder / shared_name, shared.text());
  for (const auto& [file, text] : texts) core::write_file_atomically(file, text);
  shared.keep_what_is_named_in(named);
  const std::string text = shared.text();
  core::write_file_atomically(folder / shared_name, text);
  exported.shared_bytes = text.size();
  return exported;
}

std::vector<RunRecord> read_published(const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    files = cell_files(path);
  } else if (fs::exists(path, error)) {
    files.push_back(path);
  } else {
    throw Error(ExitCode::usage, path.string(), "does not exist", "name a folder that `automask db export` wrote");
  }
  if (files.empty())
    throw Error(ExitCode::nothing_ran, path.string(), "holds no published cells",
                "name a folder that `automask db export` wrote");
  std::map<fs::path, SharedDocuments> shared;
  std::map<std::string, fs::path> seen;
  std::vector<RunRecord> runs;
  for (const auto& file : files) {
    const Json document = read_json(file);
    const core::JsonCursor cursor(document, file.string(), "", ExitCode::corrupt);
    check_schema_version(cursor);
    cursor.only_keys({"schema_version", cell_key});
    const fs::path folder = fs::absolute(file).lexically_normal().parent_path().parent_path();
    if (!shared.contains(folder)) {
      if (!fs::exists(folder / shared_name, error))
        throw Error(ExitCode::corrupt, file.string(),
                    std::string("stands without ") + shared_name + " in the folder above",
                    "copy the whole folder that `automask db export` wrote");
      shared.emplace(folder, shared_of(folder));
    }
    const core::JsonCursor place = cursor.at(cell_key);
    if (!place.value().is_object()) place.fail("must be an object", "export the cell again");
    const Json cell = shared.at(folder).with_keys(place);
    runs.push_back(run_of({cell, file.string(), "", ExitCode::corrupt}, shared.at(folder)));
    runs.back().origin = (runs.back().experiment / file.filename()).generic_string();
    if (const auto [other, added] = seen.emplace(runs.back().key, file); !added)
      throw Error(ExitCode::corrupt, file.string(), "has the same key as " + other->second.string(),
                  "remove one of them");
  }
  return runs;
}

std::vector<Imported> imported_runs(const Store& store) {
  std::vector<Imported> runs;
  for (const auto& row : query(store,
                               "SELECT portable_key, key, origin FROM run r WHERE newest = 1 AND origin <> '' AND "
                               "portable_key <> '' AND state IN ('passed', 'unsupported') "
                               "ORDER BY (SELECT count(*) FROM metric m WHERE m.run_id = r.id), id")
                             .rows)
    runs.push_back({row[0].get<std::string>(), row[1].get<std::string>(), row[2].get<std::string>()});
  return runs;
}

}  // namespace automask::results
