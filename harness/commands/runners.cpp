// runners: list, probe, check, new; calibrate stands in a file of its own
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "core/atomic_file.h"
#include "harness/commands/commands.h"
#include "harness/skeleton.h"
#include "hw_targets/host/command.h"
#include "hw_targets/host/contract.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using results::Format;
using results::Table;

struct RunnersOptions {
  std::string name, language = "python", format, directory;
  std::vector<std::string> command, clauses;
  bool list_clauses = false;
  double timeout = 0;
};

int list_command(const Commands& commands, const RunnersOptions&) {
  Table table{{"runner", "registered", "host", "command"}, {}};
  for (const host::RunnerSpec& spec : runner_registry(commands)) {
    host::RunnerSpec there = spec;
    there.ssh.reset();
    table.rows.push_back({spec.name, spec.file, spec.ssh ? Json(spec.ssh->host) : Json("here"), command_line(there)});
  }
  results::print(std::cout, table, commands.table_format());
  return 0;
}

std::string as_text(const Json& value) {
  if (value.is_string()) return value;
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& item : value) text += (text.empty() ? "" : ", ") + as_text(item);
  return text;
}

// A runner whose device is not here: that is an answer, too.
int print_skipped(const Commands& commands, const std::string& runner, std::string reason) {
  // "refused initialize: SENTENCE (code -32007)": the sentence is the runner's.
  const std::string before = "refused initialize: ";
  if (reason.compare(0, before.size(), before) == 0) reason.erase(0, before.size());
  if (const auto code = reason.rfind(" (code "); code != std::string::npos) reason.erase(code);
  const Format format = commands.table_format();
  if (format == Format::json) {
    print_document({{"schema_version", 1}, {"runner", runner}, {"state", "skipped"}, {"reason", reason}});
  } else {
    results::print(std::cout, Table{{"property", "value"}, {{"state", "skipped"}, {"reason", reason}}}, format);
  }
  return 0;
}

int probe_command(const Commands& commands, const RunnersOptions& options) {
  const auto session = host::Session::start(host::find_runner(runner_registry(commands), options.name));
  host::Device device;
  try {
    device = session->initialize();
  } catch (const host::RunnerFailure& e) {
    if (e.kind() != host::FailureKind::unsupported) throw;
    return print_skipped(commands, options.name, e.problem());
  }
  const Json state = session->state();
  session->shutdown();
  const Format format = commands.table_format();
  if (format == Format::json) {
    const Json document = {
        {"schema_version", 1}, {"runner", options.name}, {"device", device.details}, {"state", state}};
    print_document(document);
    return 0;
  }
  Table table{{"property", "value"}, {}};
  for (const char* key : {"name", "serial", "toolchain", "evidence", "formats"})
    table.rows.push_back({key, as_text(device.details.at(key))});
  for (const auto& [key, value] : device.details.items()) {
    const bool shown = key == "name" || key == "serial" || key == "toolchain" || key == "evidence" || key == "formats";
    if (!shown && key != "state") table.rows.push_back({key, as_text(value)});
  }
  for (const auto& [key, value] : state.items()) table.rows.push_back({"state: " + key, as_text(value)});
  results::print(std::cout, table, format);
  return 0;
}

// A registered name, or a command as it would stand in a runner file.
host::RunnerSpec subject(const Commands& commands, const RunnersOptions& options) {
  host::RunnerSpec spec;
  const auto registry = runner_registry(commands);
  const std::string& first = options.command.front();
  if (options.command.size() == 1)
    for (const host::RunnerSpec& each : registry)
      if (each.name == first) spec = each;
  if (spec.name.empty()) {
    spec.name = std::filesystem::path(first).filename();
    spec.command = options.command;
    spec.file = "the command line";
  }
  if (options.timeout > 0)
    for (double host::Limits::*limit : {&host::Limits::initialize, &host::Limits::load, &host::Limits::prepare,
                                        &host::Limits::message, &host::Limits::run_base, &host::Limits::shutdown})
      spec.limits.*limit = options.timeout;
  return spec;
}

void print_clause(const host::ClauseResult& clause) {
  fmt::print("{:<4}  {:<18} {}\n", host::to_string(clause.verdict), clause.name,
             clause.verdict == host::Verdict::failed ? clause.demand : clause.finding);
  if (clause.verdict == host::Verdict::failed) {
    fmt::print("{:<4}  {:<18} seen: {}\n", "", "", clause.finding);
    fmt::print("{:<4}  {:<18} -> {}\n", "", "", clause.remedy);
  }
  std::fflush(stdout);
}

int check_command(const Commands& commands, const RunnersOptions& options) {
  const Format format = commands.table_format();
  if (options.list_clauses) {
    Table table{{"clause", "demand"}, {}};
    for (const auto& [name, demand] : host::contract_clauses()) table.rows.push_back({name, demand});
    results::print(std::cout, table, format);
    return 0;
  }
  if (options.command.empty())
    throw Error(ExitCode::usage, "runners check", "names no runner", "give a registered name, or a command after --");
  host::ContractOptions contract;
  contract.format = options.format;
  contract.clauses = options.clauses;
  const host::RunnerSpec spec = subject(commands, options);
  const auto clauses = host::check_contract(spec, contract, format == Format::table ? print_clause : nullptr);
  int failed = 0, skipped = 0;
  for (const host::ClauseResult& clause : clauses) {
    failed += clause.verdict == host::Verdict::failed;
    skipped += clause.verdict == host::Verdict::skipped;
  }
  const int passed = static_cast<int>(clauses.size()) - failed - skipped;
  if (format == Format::json) {
    Json rows = Json::array();
    for (const host::ClauseResult& clause : clauses)
      rows.push_back({{"clause", clause.name},
                      {"verdict", host::to_string(clause.verdict)},
                      {"demand", clause.demand},
                      {"finding", clause.finding},
                      {"remedy", clause.remedy},
                      {"seconds", clause.seconds}});
    const Json document = {{"schema_version", 1}, {"runner", spec.name}, {"passed", passed},
                           {"failed", failed},    {"skipped", skipped},  {"clauses", rows}};
    print_document(document);
  } else if (format == Format::table) {
    fmt::print("{}: {} clauses kept, {} broken, {} skipped\n", spec.name, passed, failed, skipped);
  } else {
    Table table{{"clause", "verdict", "demand", "finding", "remedy"}, {}};
    for (const host::ClauseResult& clause : clauses)
      table.rows.push_back(
          {clause.name, host::to_string(clause.verdict), clause.demand, clause.finding, clause.remedy});
    results::print(std::cout, table, format);
  }
  return failed == 0 ? 0 : static_cast<int>(ExitCode::steps_failed);
}

int new_command(const Commands&, const RunnersOptions& options) {
  const std::filesystem::path folder = options.directory.empty() ? options.name : options.directory;
  const auto files = write_skeleton(options.name, options.language, folder);
  for (const auto& file : files) std::cout << file.string() << "\n";
  std::cerr << "Next: fill in " << (options.language == "cpp" ? "runner.cpp" : "runner.py") << " as "
            << (folder / "README.md").string() << " says.\n";
  return 0;
}

}  // namespace

void add_runners(CLI::App& app, Commands& commands) {
  auto* group = app.add_subcommand(
      "runners", "hardware runners: list, probe, check against the contract, write a new one, calibrate");
  group->require_subcommand(0, 1);
  auto options = std::make_shared<RunnersOptions>();
  const auto act = [&commands, options](CLI::App* command, int (*work)(const Commands&, const RunnersOptions&)) {
    command->callback([&commands, options, work] {
      commands.action = [&commands, options, work] { return work(commands, *options); };
    });
  };

  auto* list = group->add_subcommand("list", "every registered runner and where it is registered");
  list->footer(
      "Looked for in /etc/automask/runners, ~/.config/automask/runners, AUTOMASK_RUNNERS and runners/ of the store.\n\n"
      "Examples:\n  automask runners list\n  automask runners list --format json");
  act(list, list_command);

  auto* probe = group->add_subcommand("probe", "start one runner and show what its device tells about itself");
  probe->add_option("name", options->name, "of a registered runner")->type_name("NAME")->required();
  probe->footer(
      "Examples:\n  automask runners probe cpu\n  automask runners probe my_board --format json\n\n"
      "Exit codes: 0 ok, 2 no such runner, 4 it cannot be started or does not keep the protocol.");
  act(probe, probe_command);

  auto* check = group->add_subcommand("check", "the contract test: does a program keep the runner protocol?");
  check->add_option("runner", options->command, "a registered runner's name, or a program and its arguments after --")
      ->type_name("NAME | -- PROGRAM ...");
  check->add_option("--clause", options->clauses, "only this clause; may be given again")
      ->type_name("NAME")
      ->allow_extra_args(false);
  check->add_flag("--list", options->list_clauses, "print the clauses and what each demands");
  check->add_option("--number-format", options->format, "to execute in; default: the first of fp32, fp16 it has")
      ->type_name("FORMAT");
  check->add_option("--timeout", options->timeout, "seconds for each message instead of the registered limits")
      ->type_name("S")
      ->check(CLI::Range(0.01, 86400.0));
  check->footer(
      "One line per clause; a broken one with what was seen and what to change. docs/runner-protocol.md is the "
      "contract.\n\n"
      "Examples:\n  automask runners check cpu\n  automask runners check -- python3 my_board/runner.py\n"
      "  automask runners check my_board --clause outputs --clause nonce\n"
      "  automask runners check cpu --format json\n\n"
      "Exit codes: 0 all clauses are kept, 2 usage, 4 a clause is broken.");
  act(check, check_command);

  auto* fresh = group->add_subcommand("new", "write the skeleton of a runner: a program, its README, a runner file");
  fresh->add_option("name", options->name, "of the runner")->type_name("NAME")->required();
  fresh->add_option("--language", options->language, "python or cpp")
      ->type_name("LANGUAGE")
      ->check(CLI::IsMember({"python", "cpp"}))
      ->capture_default_str();
  fresh->add_option("--directory", options->directory, "where; default: ./NAME")->type_name("DIR");
  fresh->footer(
      "The skeleton keeps every clause of the contract but `outputs` and `conditions`, which need the device's "
      "arithmetic.\n\n"
      "Examples:\n  automask runners new my_board\n  automask runners new my_board --language cpp --directory "
      "src/my_board\n\n"
      "Exit codes: 0 ok, 2 usage, or the folder is there already, 4 it cannot be written.");
  act(fresh, new_command);
  add_calibrate(*group, commands);
  add_costs(*group, commands);
  group->footer("Examples:\n  automask runners list\n  automask runners check cpu");
  help_alone(*group, commands);
}

}  // namespace automask::harness
