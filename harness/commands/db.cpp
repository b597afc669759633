// db: export, merge
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "harness/commands/commands.h"
#include "harness/progress.h"
#include "results/published.h"

namespace automask::harness {
namespace {

using core::Json;

struct DbOptions {
  std::string folder;
  std::vector<std::string> experiments;
  bool without_latency = false;
};

std::string plural(std::size_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

int export_command(const Commands& commands, const DbOptions& options) {
  const results::Format format = commands.table_format();
  const auto store = open_database(commands);
  const std::vector<std::string> known = results::experiment_names(store);
  for (const std::string& name : options.experiments)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw core::Error(core::ExitCode::usage, "--experiment " + name, "is not in " + commands.layout().root.string(),
                        core::suggestion(name, known));
  const auto exported = results::export_published(store, options.experiments.empty() ? known : options.experiments,
                                                  options.folder, !options.without_latency);
  results::Table table{{"experiment", "cells", "bytes"}, {}};
  for (const auto& experiment : exported.experiments)
    table.rows.push_back({experiment.name, experiment.cells, experiment.bytes});
  if (table.rows.empty())
    throw core::Error(core::ExitCode::nothing_ran, commands.layout().database().string(), "holds no finished cell",
                      "start `automask run` first");
  table.rows.push_back({"(shared.json)", nullptr, exported.shared_bytes});
  results::print(std::cout, table, format);
  return 0;
}

int merge_command(const Commands& commands, const DbOptions& options) {
  const results::Format format = commands.table_format();
  const auto runs = results::read_published(options.folder);  // all of them are read before one is recorded
  create_store(commands.layout());
  auto store = results::Store::open(commands.layout().database());
  std::size_t known = 0;
  for (const auto& run : runs) known += store.has_run(run.key);
  store.record(runs);
  const std::size_t added = runs.size() - known;
  if (format == results::Format::json) {
    print_document({{"schema_version", 1}, {"cells", runs.size()}, {"added", added}, {"known", known}});
    return 0;
  }
  fmt::print("{} read: {} added, {} known before\n", plural(runs.size(), "published cell"), added, known);
  return 0;
}

}  // namespace

void add_db(CLI::App& app, Commands& commands) {
  auto* group = app.add_subcommand("db", "take finished cells out of the results database, and into another");
  group->require_subcommand(0, 1);
  help_alone(*group, commands);

  auto* out = group->add_subcommand(
      "export", "write finished cells as small files: FOLDER/<experiment>/<cell>.json, and FOLDER/shared.json");
  auto options = std::make_shared<DbOptions>();
  out->add_option("folder", options->folder, "where to; files of the same cells are replaced")->required();
  out->add_option("--experiment,-e", options->experiments, "only this one; default: all")
      ->type_name("NAME")
      ->allow_extra_args(false);
  out->add_flag("--without-latency", options->without_latency,
                "leave out what was timed, e.g. because trainings ran beside it");
  out->footer("Example:\n  automask db export experiments/published --experiment cifar10");
  out->callback(
      [&commands, options] { commands.action = [&commands, options] { return export_command(commands, *options); }; });

  auto* in = group->add_subcommand("merge", "import published cells; those that are known change nothing");
  auto from = std::make_shared<DbOptions>();
  in->add_option("folder", from->folder, "that `db export` wrote, a part of it, or one cell's file in it")->required();
  in->footer(
      "`automask run` does not train or measure an imported cell again where code, parameters, data and seed are the\n"
      "same; its numbers keep the environment they were measured in. Raw latencies and packages are not published.\n\n"
      "Example:\n  automask db merge experiments/published --store DIR\n"
      "  automask query --saved headline --store DIR --format json");
  in->callback([&commands, from] { commands.action = [&commands, from] { return merge_command(commands, *from); }; });
}

}  // namespace automask::harness
