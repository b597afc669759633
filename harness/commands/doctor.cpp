// doctor
#include <fmt/format.h>

#include <iostream>

#include "harness/commands/commands.h"
#include "harness/doctor.h"

namespace automask::harness {
namespace {

int doctor_command(const Commands& commands, const ManifestOptions& options) {
  std::optional<Manifest> manifest;
  if (!options.file.empty()) manifest = options.read(commands);
  const auto checks = examine(commands.layout(), runner_registry(commands), manifest);
  const auto format = commands.table_format();
  if (format == results::Format::table) {
    for (const Check& check : checks) {
      fmt::print("{:<4}  {:<16}  {}\n", check.status, check.name, check.finding);
      if (!check.remedy.empty()) fmt::print("{:<4}  {:<16}  -> {}\n", "", "", check.remedy);
    }
  } else {
    results::Table table{{"check", "status", "finding", "remedy"}, {}};
    for (const Check& check : checks) table.rows.push_back({check.name, check.status, check.finding, check.remedy});
    results::print(std::cout, table, format);
  }
  for (const Check& check : checks)
    if (check.status == "fail") return static_cast<int>(core::ExitCode::internal);
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("doctor", "check this machine: store, disk, programs, runners, data, clocks");
  auto options = std::make_shared<ManifestOptions>();
  options->add_to(*command, false);
  command->get_option("manifest")->required(false)->description("look at its data sets and targets");
  command->footer(
      "Each line is ok, warn or fail with its remedy; exit code 1 where one fails.\n\n"
      "Examples:\n  automask doctor\n  automask doctor experiments/quickstart.json --format json");
  command->callback(
      [&commands, options] { commands.action = [&commands, options] { return doctor_command(commands, *options); }; });
}

}  // namespace automask::harness
