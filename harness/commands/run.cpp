// run
#include <fmt/format.h>

#include <iostream>

#include "harness/commands/commands.h"
#include "harness/interrupt.h"
#include "harness/launch.h"
#include "harness/progress.h"
#include "harness/run.h"
#include "results/report.h"

namespace automask::harness {
namespace {

using core::Json;

struct RunOptions {
  ManifestOptions manifest;
  int jobs = 1;
  bool keep_going = false, fail_fast = false, ignore_imported = false;
  std::string progress = "auto";
};

std::string plural(std::size_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string headline(const RunSummary& summary) {
  if (summary.stopped)
    return fmt::format("interrupted: {} done, {} found finished, {} left; start the same command to go on",
                       plural(summary.done, "step"), summary.found, summary.interrupted + summary.not_started);
  if (summary.imported == summary.cells) return "nothing to do: every cell is imported";
  if (summary.failed == 0 && summary.done == 0)
    return fmt::format(
        "everything is up to date: {} found finished by their keys (code version, parameters, inputs and seeds are the "
        "same), 0 done",
        plural(summary.found, "step"));
  std::string text = fmt::format("{} done, {} found finished", plural(summary.done, "step"), summary.found);
  if (summary.failed > 0)
    text += fmt::format(", {} failed, {} skipped", summary.failed, summary.skipped + summary.not_started);
  return text;
}

Json to_json(const Manifest& manifest, const RunSummary& summary, const results::ReportFiles& report) {
  Json gates = Json::array();
  for (const GateVerdict& gate : summary.gates) gates.push_back({{"missed", gate.missed}, {"what", gate.sentence}});
  return {{"schema_version", 1},
          {"experiment", manifest.name},
          {"up_to_date", summary.done == 0 && summary.failed == 0 && !summary.stopped},
          {"steps",
           {{"done", summary.done},
            {"found", summary.found},
            {"failed", summary.failed},
            {"skipped", summary.skipped},
            {"interrupted", summary.interrupted},
            {"not_started", summary.not_started}}},
          {"cells", {{"chosen", summary.cells}, {"passed", summary.cells_passed}, {"imported", summary.imported}}},
          {"failures", summary.failures},
          {"gates", gates},
          {"report", {{"html", report.html.string()}, {"markdown", report.markdown.string()}}}};
}

void print_outcome(const Commands& commands, const Manifest& manifest, const RunSummary& summary,
                   const StoreLayout& store) {
  results::ReportFiles report;
  std::string table;
  if (summary.cells_passed > 0 || summary.failed > 0) {
    const auto database = results::Store::open_read_only(store.database());
    report = results::write_report(database, manifest.name, store.report_folder(manifest.name));
    table = results::markdown_summary(database, manifest.name);
  }
  if (commands.table_format() == results::Format::json) {
    std::cout << to_json(manifest, summary, report).dump(2) << "\n";
    return;
  }
  if (!table.empty()) std::cout << table << (table.back() == '\n' ? "" : "\n") << "\n";
  std::cout << manifest.name << ": " << headline(summary) << "\n";
  if (!summary.imported_from.empty()) std::cout << summary.imported_from << "\n";
  for (const GateVerdict& gate : summary.gates)
    std::cout << (gate.missed ? "gate missed: " : "gate met: ") << gate.sentence << "\n";
  if (!report.html.empty()) std::cout << "report: " << report.html.string() << "\n";
  std::cout << std::flush;
}

int run_command(const Commands& commands, const RunOptions& options) {
  const auto progress = parse_progress(options.progress);
  commands.table_format();  // a slip in --format must not show after hours
  if (options.jobs < 1)
    throw core::Error(core::ExitCode::usage, "--jobs " + std::to_string(options.jobs), "is no number of processes",
                      "give 1 or more");
  const Manifest manifest = options.manifest.read(commands);
  const auto cells = resolve_cells(manifest);
  const auto chosen = options.manifest.choose(manifest, cells);
  const Plan plan = plan_for(manifest, cells, options.manifest.weights, commands);
  const StoreLayout store = commands.layout();
  create_store(store);

  const auto sink = make_progress(progress, std::cerr);
  const Cache cache(store, [&](const std::string& warning) { sink->note(warning); });
  const auto launcher = make_local_launcher(step_program());
  ExecuteOptions execute_options;
  execute_options.jobs = options.jobs;
  execute_options.fail_fast = options.fail_fast;
  execute_options.interrupts = InterruptGuard::level;
  RunSummary summary;
  {
    const InterruptGuard guard;
    summary = run_plan(manifest, plan, chosen, cache, *launcher, *sink, execute_options, options.ignore_imported);
  }
  print_outcome(commands, manifest, summary, store);
  if (progress != ProgressKind::jsonl)  // there the events have said it
    for (const std::string& failure : summary.failures) std::cerr << "automask: " << failure << "\n";
  return static_cast<int>(summary.exit_code());
}

}  // namespace

void add_run(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("run", "do what is not done yet, record it, and show the results");
  auto options = std::make_shared<RunOptions>();
  options->manifest.add_to(*command, true);
  command->add_option("--jobs,-j", options->jobs, "steps at a time; timing steps disturb each other")
      ->type_name("N")
      ->capture_default_str();
  auto* keep = command->add_flag("--keep-going", options->keep_going,
                                 "after a failure go on with what does not depend on it (the default)");
  command->add_flag("--fail-fast", options->fail_fast, "after a failure start nothing new")->excludes(keep);
  command->add_flag("--ignore-imported", options->ignore_imported,
                    "do cells here whose published result was imported by `automask db merge`");
  command->add_option("--progress", options->progress, "auto, plain, jsonl or none; on stderr")
      ->type_name("KIND")
      ->capture_default_str();
  command->footer(
      "Finished steps are found by their keys and never done twice. Ctrl-C once finishes the running steps, twice\n"
      "stops them at their last checkpoint; the same command goes on from there, also after a kill.\n\n"
      "Examples:\n  automask run experiments/quickstart.json\n"
      "  automask run experiments/quickstart.json --filter method=automask --limit 500\n"
      "  automask run experiments/quickstart.json --set train.epochs=1 --jobs 2 --progress jsonl\n\n"
      "Exit codes: 0 ok, 2 usage, 3 invalid manifest, 4 steps failed, 6 gate missed, 7 nothing ran,\n"
      "8 database or cache corrupt, 130 interrupted.");
  command->callback(
      [&commands, options] { commands.action = [&commands, options] { return run_command(commands, *options); }; });
}

}  // namespace automask::harness
