#include "harness/source.h"

#include <filesystem>

#include "corruptions/condition.h"
#include "models/zoo.h"
#include "results/query.h"
#include "results/store.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

std::string artifact(const results::Store& store, const StoreLayout& layout, const std::string& key, const char* kind) {
  const auto found =
      results::query(store,
                     "SELECT t.path, r.origin FROM artifact t JOIN run r ON r.id = t.run_id WHERE r.key = :key AND "
                     "r.newest = 1 AND t.kind = :kind AND t.path NOT LIKE '%.json' ORDER BY t.path",
                     {{"key", key}, {"kind", kind}});
  if (found.rows.empty())
    throw Error(ExitCode::steps_failed, "run " + key.substr(0, 10), std::string("left no ") + kind,
                "see its state with `automask show " + key.substr(0, 10) + "`");
  const auto path = layout.root / found.rows.front().front().get<std::string>();
  if (found.rows.size() > 1)
    throw Error(ExitCode::usage, "run " + key.substr(0, 10),
                "left " + std::to_string(found.rows.size()) + " of what should be one " + kind,
                "name one of the files in " + path.parent_path().string());
  if (const std::string origin = found.rows.front()[1]; !origin.empty() && !std::filesystem::exists(path))
    throw Error(ExitCode::usage, "run " + key.substr(0, 10),
                "was imported from " + origin + ", which holds no networks",
                "do it here with `automask run --ignore-imported`");
  if (!std::filesystem::exists(path))
    throw Error(ExitCode::steps_failed, path.string(), "is gone", "start the experiment's `automask run` again");
  return path.string();
}

// Conditions as they are called everywhere, of a manifest's list.
Json canonical(const Json& conditions, const std::string& file) {
  Json names = Json::array();
  const core::JsonCursor cursor(conditions, file, "/conditions");
  for (std::size_t i = 0; i < cursor.size(); ++i)
    names.push_back(corruptions::Condition::from_json(cursor.at(i)).canonical());
  return names;
}

// What the training step that left the checkpoint was given: {"conditions": [names], "data": the data set's entry with
// an absolute path}.
Json training_of(const std::filesystem::path& checkpoint) {
  const auto file = checkpoint.parent_path() / "step.json";
  const Json document = core::read_json_file(file, ExitCode::steps_failed);
  const core::JsonCursor step(document, file.string(), "", ExitCode::corrupt);
  return {{"conditions", step.at("parameters").at("conditions").value()},
          {"data", step.at("locations").at("dataset").value()}};
}

Json of_run(const Commands& commands, const std::string& text) {
  const auto store = open_database(commands);
  const std::string key = full_run_key(store, text, text + " is no file, and as a run");
  const auto found = results::query(
      store,
      "SELECT c.dataset, c.model, c.method, c.target, c.seed, m.document FROM run r JOIN cell c ON "
      "c.key = r.key JOIN manifest m ON m.sha256 = r.manifest_sha256 WHERE r.key = :key AND r.newest = 1 "
      "LIMIT 1",
      {{"key", key}});
  if (found.rows.empty()) throw Error(ExitCode::corrupt, "run " + key.substr(0, 10), "has no manifest in the database");
  const auto& row = found.rows.front();
  const std::string where = "manifest of run " + key.substr(0, 10);
  const Json manifest = core::parse_json(row.at(5).get<std::string>(), where, ExitCode::corrupt);
  const core::JsonCursor cursor(manifest, where, "", ExitCode::corrupt);
  const std::string dataset = row.at(0), target = row.at(3);
  const Json conditions = canonical(cursor.at("conditions").value(), where);
  const std::string checkpoint = artifact(store, commands.layout(), key, "checkpoint");
  const Json training = training_of(checkpoint);
  return {{"name", text},
          {"file", ""},
          {"checkpoint", checkpoint},
          {"package", artifact(store, commands.layout(), key, "package")},
          {"run",
           {{"key", key},
            {"model", row.at(1)},
            {"method", row.at(2)},
            {"dataset", dataset},
            {"data", training.at("data")},
            {"conditions", conditions},
            {"training_conditions", training.at("conditions")},
            {"seed", row.at(4)},
            {"corruption_seed", cursor.integer_or("corruption_seed", 0)},
            {"target_name", target},
            {"target", cursor.at("targets").at(target).value()}}}};
}

}  // namespace

Json find_source(const Commands& commands, const std::string& text) {
  std::error_code error;
  if (std::filesystem::is_regular_file(text, error))
    return {{"name", text}, {"file", text}, {"checkpoint", ""}, {"package", ""}, {"run", nullptr}};
  if (std::filesystem::exists(text, error))
    throw Error(ExitCode::usage, text, "is no file", "name a checkpoint, a package, weights, or a run's key");
  if (models::find_in_zoo(text) != nullptr)
    throw Error(ExitCode::usage, text, "is a network of the zoo, which has no weights of its own",
                "give its weights as the source, and --model " + text);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!digits)
    throw Error(ExitCode::usage, text, "there is no such file",
                "name a checkpoint, a package, weights, or a run's key");
  return of_run(commands, text);
}

std::string source_stem(const Json& source) {
  if (source.at("run").is_null()) return std::filesystem::path(source.at("file").get<std::string>()).stem().string();
  const Json& run = source.at("run");
  return run.at("model").get<std::string>() + "-" + run.at("method").get<std::string>() + "-" +
         run.at("key").get<std::string>().substr(0, 10);
}

Json data_request(const Commands& commands, const Json& source) {
  std::string folder;
  for (const std::string& assignment : commands.data) {
    const auto equals = assignment.find('=');
    const std::string name = equals == std::string::npos ? "" : assignment.substr(0, equals);
    folder = equals == std::string::npos ? assignment : assignment.substr(equals + 1);
    if (folder.empty())
      throw Error(ExitCode::usage, "--data " + assignment, "names no folder", "write --data NAME=DIR");
    if (!name.empty() && !source.at("run").is_null() && source.at("run").at("dataset") != name)
      throw Error(ExitCode::usage, "--data " + assignment,
                  "the run's data set is \"" + source.at("run").at("dataset").get<std::string>() + "\"",
                  "leave the name out, or give that one");
    if (!std::filesystem::exists(folder))
      throw Error(ExitCode::usage, "--data " + assignment, "there is no such folder or file", "check the path");
  }
  return {{"folder", folder.empty() ? "" : std::filesystem::absolute(folder).lexically_normal().string()}};
}

}  // namespace automask::harness
