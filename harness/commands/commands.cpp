#include "harness/commands/commands.h"

#include <cstdlib>
#include <iostream>
#include <thread>

#include "harness/environment.h"
#include "harness/weights.h"

namespace automask::harness {

int Commands::thread_count() const {
  if (threads && (*threads < 1 || *threads > 4096))
    throw core::Error(core::ExitCode::usage, "--threads " + std::to_string(*threads), "is no number of threads",
                      "give 1 to 4096, or leave it out for all cores");
  return threads ? *threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void ManifestOptions::add_to(CLI::App& command, bool with_filter) {
  command.add_option("manifest", file, "the experiment, a JSON file")->required();
  command.add_option("--set", set, "override a value: /train/epochs=1 or train.epochs=1; null removes")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  command.add_option("--device", device, "where trainings compute, cpu or cuda; as --set train.device=...")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command.add_option("--limit", limit, "at most N test pictures of every data set")->type_name("N");
  if (!with_filter) return;
  command
      .add_option("--weights", weights, "folder of published weights; default: AUTOMASK_WEIGHTS, or PyTorch's cache")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command.add_option("--filter", filter, "only these cells: method=automask,dataset=fashion* (globs, a|b)")
      ->type_name("AXIS=GLOB,...")
      ->allow_extra_args(false);
}

Manifest ManifestOptions::read(const Commands& commands) const {
  Document document = read_document(file);
  for (const std::string& assignment : commands.data) set_data(document, assignment);
  if (limit) set_limit(document, *limit);
  if (!device.empty()) set_value(document, "train.device=" + device);
  for (const std::string& assignment : set) set_value(document, assignment);
  return parse_manifest(document);
}

std::vector<std::size_t> ManifestOptions::choose(const Manifest& manifest, const std::vector<Cell>& cells) const {
  std::vector<Filter> filters;
  std::string all;
  for (const std::string& text : filter) {
    filters.push_back(Filter::parse(text));
    all += " --filter " + text;
  }
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (std::all_of(filters.begin(), filters.end(), [&](const Filter& f) { return f.matches(manifest, cells[i]); }))
      chosen.push_back(i);
  if (chosen.empty())
    throw core::Error(core::ExitCode::nothing_ran, manifest.file.string() + all,
                      "matches none of the " + std::to_string(cells.size()) + " cells",
                      "the first of them is: " + describe(manifest, cells.front()));
  return chosen;
}

std::vector<host::RunnerSpec> runner_registry(const Commands& commands) {
  std::vector<std::filesystem::path> folders = {"/etc/automask/runners"};
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (config != nullptr && *config != '\0')
    folders.push_back(std::filesystem::path(config) / "automask/runners");
  else if (home != nullptr)
    folders.push_back(std::filesystem::path(home) / ".config/automask/runners");
  if (const char* own = std::getenv("AUTOMASK_RUNNERS"); own != nullptr && *own != '\0') folders.push_back(own);
  // Only of a store that was asked for by name: the .automask that comes with an experiment from the internet must not
  // start programs of its own choice.
  const char* store = std::getenv("AUTOMASK_STORE");
  if (commands.store || (store != nullptr && *store != '\0')) folders.push_back(commands.layout().root / "runners");
  std::erase_if(folders, [](const auto& folder) { return !std::filesystem::is_directory(folder); });
  return host::load_registry(folders);
}

Plan plan_for(const Manifest& manifest, const std::vector<Cell>& cells, const std::vector<std::string>& weights,
              const Commands& commands) {
  Fingerprints fingerprints(commands.layout().fingerprints());
  const auto registry = runner_registry(commands);
  PlanContext context;
  context.fingerprint = [&](const datasets::DatasetSpec& spec, datasets::Split split) {
    return fingerprints.of(spec, split);
  };
  context.published_weights = [&weights](const std::string& model) {
    return published_weights(model, weight_folders(weights));
  };
  context.file_digest = [&](const std::filesystem::path& path) { return fingerprints.of_file(path); };
  context.runner = [&](const std::string& name) { return host::find_runner(registry, name); };
  context.environment_digest = environment_digest;
  context.threads = commands.thread_count();
  Plan plan = make_plan(manifest, cells, context);
  fingerprints.save();
  return plan;
}

results::Store open_database(const Commands& commands) {
  const auto file = commands.layout().database();
  if (!std::filesystem::exists(file))
    throw core::Error(core::ExitCode::nothing_ran, file.string(), "there are no results yet",
                      "start `automask run`, or name another store with --store");
  return results::Store::open_read_only(file);
}

std::string full_run_key(const results::Store& store, const std::string& prefix, const std::string& where) {
  std::string pattern;
  for (const char c : prefix)
    pattern += (c == '%' || c == '_' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  const results::Table keys =
      results::query(store, "SELECT DISTINCT key FROM run WHERE key LIKE :prefix ESCAPE '\\' ORDER BY key LIMIT 4",
                     {{"prefix", pattern + "%"}});
  if (keys.rows.empty())
    throw core::Error(core::ExitCode::usage, where, "no run's key begins so", "list the runs with `automask show`");
  if (keys.rows.size() > 1) {
    std::string found;
    for (const auto& row : keys.rows) found += " " + row.front().get<std::string>().substr(0, prefix.size() + 6);
    throw core::Error(core::ExitCode::usage, where, "several runs' keys begin so:" + found, "give more digits");
  }
  return keys.rows.front().front().get<std::string>();
}

void print_document(const core::Json& document) {
  std::cout << document.dump(2, ' ', false, core::Json::error_handler_t::replace) << "\n";
}

void help_alone(CLI::App& group, Commands& commands) {
  group.callback([&group, &commands] {
    if (group.get_subcommands().empty())
      commands.action = [&group] {
        std::cout << group.help();
        return 0;
      };
  });
}

}  // namespace automask::harness
