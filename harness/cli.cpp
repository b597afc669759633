#include "harness/cli.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "harness/commands/commands.h"
#include "harness/environment.h"

namespace automask::harness {
namespace {

constexpr const char* footer =
    "Examples:\n"
    "  automask run experiments/quickstart.json            # train, execute, report; resumable\n"
    "  automask plan experiments/quickstart.json --explain # what would be done, and why\n"
    "  automask query --saved accuracy_by_condition --format json\n\n"
    "Training threads decide results, so they stand in the manifest: --set train.threads=N.\n"
    "stdout is data, stderr is log. Exit codes: 0 ok, 1 internal, 2 usage, 3 invalid manifest, 4 steps failed,\n"
    "5 regression, 6 gate missed, 7 nothing ran, 8 database or cache corrupt, 130 interrupted.";

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

// One sentence for a slip on the command line.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  text = text.substr(0, text.find('\n'));
  const CLI::App* at = &app;
  std::string command = "automask", subject;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
    subject += at->get_name() + " ";
  }
  const auto extras = app.remaining(true);
  const auto option =
      std::find_if(extras.begin(), extras.end(), [](const auto& word) { return word.rfind("--", 0) == 0; });
  if (option != extras.end()) {
    std::vector<std::string> known;
    for (const CLI::App* level : {at, &app})
      for (const CLI::Option* each : level->get_options())
        for (const std::string& name : each->get_lnames()) known.push_back("--" + name);
    const std::string name = option->substr(0, option->find('='));
    const auto near = core::closest(name, known);
    return subject + "has no option " + name + "; " +
           (near ? "did you mean " + *near + "?" : "see `" + command + " --help`");
  }
  if (!extras.empty() && !command_names(*at).empty())
    return (subject.empty() ? "" : subject + "has ") + "no command \"" + extras.front() + "\"; " +
           core::suggestion(extras.front(), command_names(*at));
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text + "; see `" + command + " --help`";
}

int parse_and_act(int argc, char** argv) {
  CLI::App app("AutoMask: which way of adapting a classifier keeps its accuracy on bad pictures, and what it costs.",
               "automask");
  Commands commands;
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.set_version_flag("--version", [] { return "automask " + version() + " (" + commit() + ")"; });
  app.set_help_all_flag("--help-all", "help for all commands");
  app.add_option("--store", commands.store,
                 "folder with everything runs produce; default: AUTOMASK_STORE, or .automask")
      ->type_name("DIR");
  app.add_option("--data", commands.data, "folder of the data set NAME, or of all")
      ->type_name("[NAME=]DIR")
      ->allow_extra_args(false);
  app.add_option("--threads", commands.threads, "for work whose result does not depend on it; default: all cores")
      ->type_name("N");
  app.add_option("--format", commands.format, "of tables: table, json, csv or md")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.footer(footer);
  add_init(app, commands);
  add_validate(app, commands);
  add_plan(app, commands);
  add_run(app, commands);
  add_corrupt(app, commands);
  add_evaluate(app, commands);
  add_models(app, commands);
  add_export(app, commands);
  add_update(app, commands);
  add_verify(app, commands);
  add_runners(app, commands);
  add_query(app, commands);
  add_show(app, commands);
  add_report(app, commands);
  add_db(app, commands);
  add_doctor(app, commands);
  add_completion(app, commands);
  const auto all = [](const CLI::App*) { return true; };
  const auto add_to_footer = [](CLI::App* command) {
    command->footer(command->get_footer() + "\n\nAlso --store, --data, --threads and --format: see `automask --help`.");
  };
  for (CLI::App* command : app.get_subcommands(all)) {
    add_to_footer(command);
    for (CLI::App* inner : command->get_subcommands(all)) add_to_footer(inner);
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    throw core::Error(core::ExitCode::usage, "", usage_sentence(app, error));
  }
  if (!commands.action) {
    std::cout << app.help();
    return 0;
  }
  return commands.action();
}

int complain(const std::string& sentence, core::ExitCode code) {
  std::cout << std::flush;
  std::fflush(stdout);
  std::cerr << "automask: " << sentence << std::endl;
  return static_cast<int>(code);
}

}  // namespace

int run_cli(int argc, char** argv) {
  try {
    const int code = parse_and_act(argc, argv);
    std::fflush(stdout);
    std::cout << std::flush;
    if (!std::cout || std::ferror(stdout) != 0)
      return complain("stdout: cannot be written; check the disk or the pipe", core::ExitCode::internal);
    return code;
  } catch (const core::Error& error) {
    return complain(error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return complain("out of memory", core::ExitCode::internal);
  } catch (const std::exception& error) {
    return complain(std::string("internal error: ") + error.what(), core::ExitCode::internal);
  }
}

}  // namespace automask::harness
