// query, show and report
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "harness/commands/commands.h"
#include "results/query.h"
#include "results/report.h"
#include "results/store.h"

namespace automask::harness {
namespace {

using core::Json;
using results::Format;
using results::Table;

std::vector<std::filesystem::path> query_folders(const Commands& commands) {
  std::vector<std::filesystem::path> folders;
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (config != nullptr && *config != '\0')
    folders.push_back(std::filesystem::path(config) / "automask/queries");
  else if (home != nullptr)
    folders.push_back(std::filesystem::path(home) / ".config/automask/queries");
  folders.push_back(commands.layout().root / "queries");
  return folders;
}

// NAME=VALUE as they bind :NAME; a VALUE that is a JSON number, true, false or null is that, anything else is text.
Json parameters_of(const std::vector<std::string>& assignments) {
  Json parameters = Json::object();
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw core::Error(core::ExitCode::usage, "--param " + assignment, "is not of the form NAME=VALUE",
                        "write, e.g., --param condition=clean");
    const std::string name = assignment.substr(0, equals), text = assignment.substr(equals + 1);
    const Json value = Json::parse(text, nullptr, false);
    parameters[name] = value.is_primitive() && !value.is_string() ? value : Json(text);
  }
  return parameters;
}

int query_command(const Commands& commands, const std::string& sql, const std::string& saved, bool list,
                  const std::vector<std::string>& assignments) {
  const Format format = commands.table_format();
  if (int(!sql.empty()) + int(!saved.empty()) + int(list) != 1)
    throw core::Error(core::ExitCode::usage, "query", "needs one of an SQL statement, --saved NAME and --list",
                      "see `automask query --help`");
  const Json parameters = parameters_of(assignments);
  const auto queries = results::saved_queries(query_folders(commands));
  if (list) {
    Table table{{"name", "summary"}, {}};
    for (const auto& query : queries) table.rows.push_back({query.name, query.summary});
    results::print(std::cout, table, format);
    return 0;
  }
  const std::string text = saved.empty() ? sql : results::find_saved_query(queries, saved).sql;
  const auto store = open_database(commands);
  results::print_query(std::cout, store, text, parameters, format);
  return 0;
}

int show_runs(const Commands& commands) {
  const auto store = open_database(commands);
  results::print(std::cout,
                 results::query(store,
                                "SELECT substr(run, 1, 10) AS run, experiment, dataset, model, method, target, seed, "
                                "state, finished, reason FROM runs ORDER BY experiment, position"),
                 commands.table_format());
  return 0;
}

Json rows_of(const Table& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (std::size_t i = 0; i < table.columns.size(); ++i) object[table.columns[i]] = row[i];
    rows.push_back(std::move(object));
  }
  return rows;
}

// Metrics of all sizes stand in one column: each number with its own digits, not with those of the column.
Table plainly(Table table) {
  for (auto& row : table.rows)
    for (Json& value : row)
      if (value.is_number_float()) value = fmt::format("{:.6g}", value.get<double>());
  return table;
}

int show_run(const Commands& commands, const std::string& prefix) {
  const auto store = open_database(commands);
  const Json key = {{"key", full_run_key(store, prefix, "show " + prefix)}};
  const auto ask = [&](const std::string& sql) { return results::query(store, sql, key); };
  const std::string newest =
      " FROM run r LEFT JOIN cell c ON c.key = r.key LEFT JOIN experiment e ON e.id = "
      "c.experiment_id WHERE r.key = :key AND r.newest = 1";
  const Table facts = ask(
      "SELECT r.key AS run, e.name AS experiment, c.dataset, c.model, c.method, c.target, c.seed, r.state, r.reason, "
      "r.started, r.finished, r.manifest_sha256, "
      "(SELECT count(*) FROM run a WHERE a.key = r.key) AS attempts, c.parameters" +
      newest + " LIMIT 1");
  const Table metrics =
      ask("SELECT t.name AS metric, t.condition, t.value, d.unit, t.ci_lo, t.ci_hi, t.evidence, t.n FROM metric t JOIN "
          "run r "
          "ON r.id = t.run_id JOIN metric_def d ON d.name = t.name WHERE r.key = :key AND r.newest = 1 "
          "ORDER BY t.name, t.condition");
  const Table artifacts = ask(
      "SELECT t.kind, t.path, t.bytes, t.sha256 FROM artifact t JOIN run r ON r.id = t.run_id WHERE r.key = :key AND "
      "r.newest = 1 ORDER BY t.kind, t.path");
  const Table about =
      ask("SELECT v.document AS environment, b.document AS build FROM run r LEFT JOIN environment v ON v.id = "
          "r.environment_id LEFT JOIN build b ON b.id = r.build_id WHERE r.key = :key AND r.newest = 1");

  const auto document = [&](std::size_t column) {
    const Json& text = about.rows.empty() ? Json() : about.rows.front()[column];
    return text.is_string() ? Json::parse(text.get<std::string>(), nullptr, false) : Json();
  };
  Json run = rows_of(facts).front();
  if (run["parameters"].is_string())
    run["parameters"] = Json::parse(run["parameters"].get<std::string>(), nullptr, false);
  if (commands.table_format() == Format::json) {
    run.update({{"schema_version", 1},
                {"metrics", rows_of(metrics)},
                {"artifacts", rows_of(artifacts)},
                {"environment", document(0)},
                {"build", document(1)}});
    std::cout << run.dump(2) << "\n";
    return 0;
  }
  const auto heading = [](const char* text) { std::cout << "\n" << text << "\n\n"; };
  for (const auto& column : facts.columns) {
    const Json& value = run[column];
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (!text.empty() && !value.is_null()) fmt::print("{:<16} {}\n", column, text);
  }
  std::fflush(stdout);
  heading("metrics");
  results::print(std::cout, plainly(metrics), commands.table_format());
  heading("artifacts");
  results::print(std::cout, artifacts, commands.table_format());
  heading("environment");
  std::cout << document(0).dump(2) << "\n";
  heading("build");
  std::cout << document(1).dump(2) << "\n";
  return 0;
}

// The experiment asked for, else the only one there is.
std::string choose_experiment(const results::Store& store, const std::string& asked) {
  std::vector<std::string> names;
  for (const auto& row : results::query(store, "SELECT name FROM experiment ORDER BY name").rows)
    names.push_back(row.front().get<std::string>());
  if (!asked.empty()) {
    if (std::find(names.begin(), names.end(), asked) == names.end())
      throw core::Error(core::ExitCode::usage, "--experiment " + asked, "is not in this store",
                        core::suggestion(asked, names));
    return asked;
  }
  if (names.empty())
    throw core::Error(core::ExitCode::nothing_ran, "report", "there are no results yet", "start `automask run`");
  if (names.size() > 1) {
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
    throw core::Error(core::ExitCode::usage, "report", "the store holds several experiments: " + list,
                      "choose one with --experiment NAME");
  }
  return names.front();
}

int report_command(const Commands& commands, const std::string& asked, const std::string& output) {
  const auto store = open_database(commands);
  const std::string experiment = choose_experiment(store, asked);
  const auto folder = output.empty() ? commands.layout().report_folder(experiment)
                                     : std::filesystem::absolute(output).lexically_normal();
  const auto files = results::write_report(store, experiment, folder);
  if (commands.table_format() == Format::json)
    std::cout << Json{{"schema_version", 1},
                      {"experiment", experiment},
                      {"html", files.html.string()},
                      {"markdown", files.markdown.string()}}
                     .dump(2)
              << "\n";
  else
    std::cout << files.html.string() << "\n" << files.markdown.string() << "\n";
  return 0;
}

}  // namespace

void add_query(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("query", "ask the database: read-only SQL or a saved query");
  struct Options {
    std::string sql, saved;
    std::vector<std::string> parameters;
    bool list = false;
  };
  auto options = std::make_shared<Options>();
  command->add_option("sql", options->sql, "one read-only statement");
  command->add_option("--saved", options->saved, "a saved query")->type_name("NAME");
  command->add_option("--param", options->parameters, "a value for :NAME in the statement; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--list", options->list, "list the saved queries");
  command->footer(
      "Own saved queries: NAME.sql in ~/.config/automask/queries or in queries/ of the store; the first comment line "
      "is\n"
      "the summary.\n\n"
      "Examples:\n  automask query --saved accuracy_by_condition --format json\n"
      "  automask query \"SELECT method, avg(top1) FROM accuracy_by_condition GROUP BY method\"\n"
      "  automask query --param c='jpeg:q10' \"SELECT method, top1 FROM accuracy_by_condition WHERE condition = :c\"");
  command->callback([&commands, options] {
    commands.action = [&commands, options] {
      return query_command(commands, options->sql, options->saved, options->list, options->parameters);
    };
  });
}

void add_show(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("show", "list the runs, or show one with everything known about it");
  auto key = std::make_shared<std::string>();
  command->add_option("key", *key, "the beginning of a run's key");
  command->footer("Examples:\n  automask show\n  automask show 3fa9c1 --format json");
  command->callback([&commands, key] {
    commands.action = [&commands, key] { return key->empty() ? show_runs(commands) : show_run(commands, *key); };
  });
}

void add_report(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("report", "write the HTML page and the Markdown tables from the database");
  struct Options {
    std::string experiment, output;
  };
  auto options = std::make_shared<Options>();
  command->add_option("--experiment", options->experiment, "which one, where the store holds several")
      ->type_name("NAME");
  command->add_option("--output", options->output, "folder to write to; default: reports/NAME in the store")
      ->type_name("DIR");
  command->footer("Example:\n  automask report --experiment quickstart --output /tmp/report");
  command->callback([&commands, options] {
    commands.action = [&commands, options] { return report_command(commands, options->experiment, options->output); };
  });
}

}  // namespace automask::harness
