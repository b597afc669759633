// update: what turns the package on a device into a new one, without sending what both have
#include <fmt/format.h>

#include <iostream>

#include "core/atomic_file.h"
#include "harness/commands/commands.h"
#include "hw_targets/package/update.h"

namespace automask::harness {
namespace {

using core::Json;
using results::Table;

struct UpdateOptions {
  std::string base, other, output;
};

// A fault of a file is the user's to mend: its sentence names the file.
template <class Work>
std::string guarded(const std::string& command, Work&& work) {
  try {
    return work();
  } catch (const std::runtime_error& e) {  // a package's or a graph's
    throw core::Error(core::ExitCode::corrupt, command, e.what());
  }
}

void print_row(const Commands& commands, const std::vector<std::string>& columns, const std::vector<Json>& row) {
  results::print(std::cout, Table{columns, {row}}, commands.table_format());
}

int make(const Commands& commands, const UpdateOptions& options) {
  const std::string base = core::read_file(options.base), next = core::read_file(options.other);
  const std::string update =
      guarded("update make", [&] { return package::encode_update(base, options.base, next, options.other); });
  core::write_file_atomically(options.output, update);
  print_row(commands, {"file", "bytes", "package bytes", "% of the package"},
            {options.output, update.size(), next.size(),
             100.0 * static_cast<double>(update.size()) / static_cast<double>(next.size())});
  return 0;
}

int apply(const Commands& commands, const UpdateOptions& options) {
  const std::string base = core::read_file(options.base), update = core::read_file(options.other);
  const std::string package =
      guarded("update apply", [&] { return package::apply_update(base, options.base, update, options.other); });
  core::write_file_atomically(options.output, package);
  std::string conditions;
  for (const std::string& name : package::condition_names(package::decode(package, options.output)))
    conditions += (conditions.empty() ? "" : ", ") + name;
  print_row(commands, {"file", "bytes", "conditions"}, {options.output, package.size(), conditions});
  return 0;
}

void add_files(CLI::App& command, UpdateOptions& options, const char* name, const char* what) {
  command.add_option("base", options.base, "the package that the device has")
      ->type_name("FILE")
      ->required()
      ->check(CLI::ExistingFile);
  command.add_option(name, options.other, what)->type_name("FILE")->required()->check(CLI::ExistingFile);
  command.add_option("-o,--output", options.output, "write the result there")->type_name("FILE")->required();
}

}  // namespace

void add_update(CLI::App& app, Commands& commands) {
  auto* group = app.add_subcommand("update", "send a device only what a new package has besides the old");
  const auto options = std::make_shared<UpdateOptions>();
  auto* making = group->add_subcommand("make", "the difference of two packages, as a file");
  add_files(*making, *options, "next", "the package that it shall have");
  making->footer(
      "Tensors that both have alike are left out. A network that extends what is deployed (\"backbone\": "
      "\"deployed\"),\n"
      "or that has the same frozen backbone and union of masks, differs in normalisations, masks and estimator "
      "alone.\n\n"
      "Example:\n  automask update make deployed.safetensors with_fog.safetensors -o fog.update\n\n"
      "Exit codes: 0 ok, 2 usage, 8 a file is no package or damaged.");
  making->callback(
      [&commands, options] { commands.action = [&commands, options] { return make(commands, *options); }; });
  auto* applying = group->add_subcommand("apply", "the new package, from the old one and the difference");
  add_files(*applying, *options, "update", "what `automask update make` wrote");
  applying->footer(
      "The result has the same bytes as the package that was meant, or there is none. docs/package.md, section 12, is\n"
      "enough to do it on a device.\n\n"
      "Example:\n  automask update apply deployed.safetensors fog.update -o with_fog.safetensors\n\n"
      "Exit codes: 0 ok, 2 usage, 8 the update is for another package, or a file is damaged.");
  applying->callback(
      [&commands, options] { commands.action = [&commands, options] { return apply(commands, *options); }; });
  help_alone(*group, commands);
}

}  // namespace automask::harness
