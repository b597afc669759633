// plan
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <set>

#include "harness/commands/commands.h"
#include "harness/explain.h"
#include "harness/imported.h"
#include "harness/progress.h"

namespace automask::harness {
namespace {

using core::Json;

// The steps of the chosen cells that are done here, in the order of the plan.
std::vector<std::size_t> steps_of(const Plan& plan, const std::vector<std::size_t>& cells,
                                  const ImportedCells& imported) {
  std::set<std::size_t> steps;
  for (const std::size_t i : cells)
    if (!imported.contains(i))
      for (const std::size_t step : plan.cells[i].steps()) steps.insert(step);
  return {steps.begin(), steps.end()};
}

struct Totals {
  std::size_t hits = 0, misses = 0, unknown = 0, guessed = 0;
  double seconds = 0, guessed_seconds = 0;
  std::int64_t bytes = 0;
  bool sizeless = false;  // some of whose files nobody knows
  std::map<Stage, std::size_t> to_do;
};

Totals total(const Plan& plan, const std::vector<StepStatus>& statuses, const std::vector<std::size_t>& steps) {
  Totals totals;
  for (const std::size_t i : steps) {
    const StepStatus& status = statuses[i];
    if (status.hit) {
      ++totals.hits;
      continue;
    }
    ++totals.misses;
    ++totals.to_do[plan.steps[i].stage];
    totals.unknown += !status.estimated && !status.guessed;
    totals.guessed += status.guessed;
    if (status.guessed) totals.guessed_seconds += status.seconds;
    totals.seconds += status.seconds;
    totals.bytes += status.bytes;
    totals.sizeless |= status.guessed && status.bytes == 0;
  }
  return totals;
}

std::string plural(std::size_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string estimate(const Totals& totals) {
  if (totals.unknown == totals.misses) return "time and disk: unknown, since no such steps have run in this store";
  std::string text = "time: about " + human_seconds(totals.seconds) + " of work";
  if (totals.guessed > 0)
    text += fmt::format(", {} of it ({}) guessed by their amounts, since no such step has run in this store",
                        human_seconds(totals.guessed_seconds), plural(totals.guessed, "step"));
  if (totals.bytes > 0) text += (totals.sizeless ? "; disk: at least " : "; disk: about ") + human_bytes(totals.bytes);
  if (totals.unknown > 0) text += fmt::format("; {} of {} steps unknown", totals.unknown, totals.misses);
  return text;
}

void print_people(const Manifest& manifest, const Plan& plan, const std::vector<StepStatus>& statuses,
                  const std::vector<std::size_t>& steps, std::size_t cells, const StoreLayout& store) {
  const Totals totals = total(plan, statuses, steps);
  fmt::print("{}: {}, {}: {} to do, {} finished\n\n", manifest.name, plural(cells, "cell"),
             plural(steps.size(), "step"), totals.misses, totals.hits);
  for (const std::size_t i : steps) {
    const StepStatus& status = statuses[i];
    std::string facts = "unknown";
    if (status.hit || status.estimated)
      facts = (status.hit ? "" : "~ ") + human_seconds(status.seconds) + ", " + human_bytes(status.bytes);
    if (status.guessed)
      facts = "perhaps " + human_seconds(status.seconds) + (status.bytes > 0 ? ", " + human_bytes(status.bytes) : "");
    fmt::print("{}  {}  {}  ({})\n", status.hit ? "hit " : "miss", plan.steps[i].key.substr(0, 10), plan.steps[i].label,
               facts);
    if (!status.why.empty()) fmt::print("      {}\n", status.why);
  }
  if (totals.misses == 0) {
    fmt::print("\neverything is up to date\n");
    return;
  }
  std::string kinds;
  for (const auto& [stage, count] : totals.to_do)
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, to_string(stage));
  fmt::print("\nto do: {}\n{}\n", kinds, estimate(totals));
  struct statvfs facts = {};
  if (::statvfs(store.root.c_str(), &facts) == 0 || ::statvfs(".", &facts) == 0)
    fmt::print("free: {}\n",
               human_bytes(static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize)));
}

Json to_json(const Plan& plan, const std::vector<StepStatus>& statuses, const std::vector<std::size_t>& steps) {
  Json rows = Json::array();
  for (const std::size_t i : steps) {
    const Step& step = plan.steps[i];
    const StepStatus& status = statuses[i];
    const bool known = status.hit || status.estimated;
    rows.push_back({{"key", step.key},
                    {"stage", to_string(step.stage)},
                    {"label", step.label},
                    {"status", status.hit ? "hit" : "miss"},
                    {"seconds", known ? Json(status.seconds) : Json()},
                    {"bytes", known ? Json(status.bytes) : Json()},
                    {"guessed_seconds", status.guessed ? Json(status.seconds) : Json()},
                    {"why", status.why.empty() ? Json() : Json(status.why)},
                    {"needs", step.needs}});
  }
  return rows;
}

int plan_command(const Commands& commands, const ManifestOptions& options, bool explain) {
  const Manifest manifest = options.read(commands);
  const auto cells = resolve_cells(manifest);
  const auto chosen = options.choose(manifest, cells);
  const Plan plan = plan_for(manifest, cells, options.weights, commands);
  const Cache cache(commands.layout(),
                    [](const std::string& warning) { std::cerr << "automask: " << warning << "\n"; });
  ImportedCells imported;
  if (std::filesystem::exists(commands.layout().database()))
    for (auto& [i, from] : imported_cells(plan, cache, results::Store::open_read_only(commands.layout().database())))
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) imported.emplace(i, from);
  const auto steps = steps_of(plan, chosen, imported);
  const auto statuses = inspect(plan, cache, explain);
  const auto format = commands.table_format();
  if (format == results::Format::table) {
    if (!imported.empty()) std::cout << imported_sentence(imported) << "\n";
    print_people(manifest, plan, statuses, steps, chosen.size(), commands.layout());
    return 0;
  }
  const Json rows = to_json(plan, statuses, steps);
  if (format == results::Format::json) {
    std::cout << Json{{"schema_version", 1},
                      {"experiment", manifest.name},
                      {"cells", chosen.size()},
                      {"imported", imported.size()},
                      {"rows", rows}}
                     .dump(2)
              << "\n";
    return 0;
  }
  results::Table table;
  table.columns = {"status", "stage", "label", "seconds", "bytes", "why", "key"};
  for (const Json& row : rows) {
    table.rows.emplace_back();
    for (const std::string& column : table.columns) table.rows.back().push_back(row[column]);
  }
  results::print(std::cout, table, format);
  return 0;
}

}  // namespace

void add_plan(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("plan", "show each step that run would do or find finished");
  auto options = std::make_shared<ManifestOptions>();
  auto explain = std::make_shared<bool>(false);
  options->add_to(*command, true);
  command->add_flag("--explain", *explain, "say for each step to do which field differs from the nearest finished one");
  command->footer(
      "Examples:\n  automask plan experiments/quickstart.json\n"
      "  automask plan experiments/quickstart.json --set /methods/automask/mac_budget=0.4 --explain");
  command->callback([&commands, options, explain] {
    commands.action = [&commands, options, explain] { return plan_command(commands, *options, *explain); };
  });
}

}  // namespace automask::harness
