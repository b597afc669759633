// init and validate.
#include <fmt/format.h>

#include <iostream>

#include "core/atomic_file.h"
#include "harness/commands/commands.h"
#include "harness/schema.h"
#include "harness/starter.h"

namespace automask::harness {
namespace {

namespace fs = std::filesystem;

int init(const fs::path& folder) {
  const std::vector<std::pair<std::string, std::string>> files = {{"study.json", std::string(starter_manifest())},
                                                                  {"manifest.schema.json", std::string(schema_text())},
                                                                  {"README.md", std::string(starter_readme())}};
  for (const auto& [name, text] : files)
    if (fs::exists(folder / name))
      throw core::Error(core::ExitCode::usage, (folder / name).string(), "exists and is not overwritten",
                        "choose another folder: automask init DIR");
  for (const auto& [name, text] : files) {
    core::write_file_atomically(folder / name, text);
    std::cout << (folder / name).string() << "\n";
  }
  std::cerr << "next: automask plan " << (folder / "study.json").string() << ", then automask run with the same\n";
  return 0;
}

std::string plural(std::size_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

int validate(const Commands& commands, const ManifestOptions& options, bool resolved) {
  const Manifest manifest = options.read(commands);
  const auto cells = resolve_cells(manifest);
  if (resolved) {
    std::cout << manifest.document.dump(2) << "\n";
  } else if (commands.table_format() == results::Format::json) {
    std::cout << core::Json{{"schema_version", 1},
                            {"file", manifest.file.string()},
                            {"name", manifest.name},
                            {"sha256", manifest.sha256},
                            {"cells", cells.size()}}
                     .dump(2)
              << "\n";
  } else {
    fmt::print("{}: valid: {} of {}, {}, {}, {} and {}; {}\n", manifest.file.string(), plural(cells.size(), "cell"),
               plural(manifest.datasets.size(), "data set"), plural(manifest.models.size(), "model"),
               plural(manifest.methods.size(), "method"), plural(manifest.targets.size(), "target"),
               plural(manifest.seeds.size(), "seed"), plural(manifest.conditions.size(), "condition"));
  }
  return 0;
}

}  // namespace

void add_init(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("init", "write a first manifest, with remarks, to start from");
  auto folder = std::make_shared<std::string>(".");
  command->add_option("folder", *folder, "where to write it")->capture_default_str();
  command->footer(
      "Writes study.json, its JSON Schema for editors and a README; overwrites nothing.\n\n"
      "Example:\n  automask init my_study && automask run my_study/study.json");
  command->callback([&commands, folder] { commands.action = [folder] { return init(*folder); }; });
}

void add_validate(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("validate", "check a manifest without reading data or starting anything");
  auto options = std::make_shared<ManifestOptions>();
  auto resolved = std::make_shared<bool>(false);
  options->add_to(*command, false);
  command->add_flag("--resolved", *resolved, "print it with includes merged and overrides applied, as it is stored");
  command->footer(
      "Examples:\n  automask validate experiments/quickstart.json\n"
      "  automask validate experiments/quickstart.json --set train.epochs=1 --resolved");
  command->callback([&commands, options, resolved] {
    commands.action = [&commands, options, resolved] { return validate(commands, *options, *resolved); };
  });
}

}  // namespace automask::harness
