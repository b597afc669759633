// verify: a package is its checkpoint's function; what it costs in accuracy, bytes and time
#include <fmt/format.h>

#include <iostream>

#include "harness/commands/commands.h"
#include "harness/package_options.h"
#include "harness/progress.h"
#include "harness/source.h"
#include "harness/tool.h"
#include "hw_targets/host/registry.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using results::Format;
using results::Table;

struct VerifyOptions {
  PackageOptions package;
  std::string checkpoint, split = "test", target;
  std::vector<std::string> conditions;
  std::int64_t limit = 0;
  int target_threads = 0;
  std::optional<double> max_loss;
};

// A registered runner, or the run's own target by the manifest's name.
Json runner_of(const Commands& commands, const VerifyOptions& options, const Json& source) {
  if (options.target.empty()) return nullptr;
  std::string name = options.target;
  if (!source.at("run").is_null() && name == source.at("run").at("target_name"))
    name = source.at("run").at("target").at("runner");
  return host::to_json(host::find_runner(runner_registry(commands), name));
}

int threads_of(const VerifyOptions& options, const Json& source) {
  if (options.target_threads > 0 || source.at("run").is_null()) return std::max(1, options.target_threads);
  return source.at("run").at("target").value("threads", 1);
}

std::string number(const Json& value, const char* format) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value;
  return fmt::format(fmt::runtime(format), value.get<double>());
}
std::string with_interval(const Json& row, const std::string& key, const char* format) {
  if (row.at(key).is_null()) return "-";
  return number(row.at(key), format) + " [" + number(row.at(key + "_lo"), format) + ", " +
         number(row.at(key + "_hi"), format) + "]";
}

void print_tables(const Json& document, Format format) {
  const auto show = [&](const Table& table) {
    if (table.rows.empty()) return;
    results::print(std::cout, table, format);
    std::cout << "\n";
  };
  Table checks{{"check", "condition", "value", "allowed", "result", "detail"}, {}};
  for (const Json& row : document.at("checks"))
    checks.rows.push_back({row.at("check"), row.at("condition"), number(row.at("value"), "{:.2g}"),
                           number(row.at("allowed"), "{:.2g}"), row.at("passed").get<bool>() ? "ok" : "FAILED",
                           row.at("detail")});
  show(checks);
  Table accuracy{{"condition", "served by", "checkpoint %", "package %", "difference", "n"}, {}};
  for (const Json& row : document.at("accuracy"))
    accuracy.rows.push_back({row.at("condition"), row.at("served_by"), number(row.at("checkpoint"), "{:.2f}"),
                             with_interval(row, "package", "{:.2f}"), with_interval(row, "difference", "{:+.2f}"),
                             row.at("n")});
  show(accuracy);
  Table bytes{{"part", "bytes"}, {}};
  for (const char* part : {"estimator", "weights", "masks", "normalisation", "structure", "total", "dense_fp32"})
    if (document.at("bytes").contains(part)) bytes.rows.push_back({part, document.at("bytes").at(part)});
  show(bytes);
  Table latency{{"condition", "median ms", "p90 ms", "p99 ms", "n", "evidence"}, {}};
  for (const Json& row : document.at("latency"))
    latency.rows.push_back({row.at("condition"), with_interval(row, "median", "{:.4f}"),
                            with_interval(row, "p90", "{:.4f}"), with_interval(row, "p99", "{:.4f}"), row.at("n"),
                            row.at("evidence")});
  show(latency);
}

int verify_command(const Commands& commands, const VerifyOptions& options) {
  const Format format = commands.table_format();
  const ProgressKind progress = parse_progress(options.package.progress);
  Json job = package_job(commands, options.package);
  const Json& source = job.at("source");
  if (!options.checkpoint.empty() && !std::filesystem::exists(options.checkpoint))
    throw Error(ExitCode::usage, "--checkpoint " + options.checkpoint, "there is no such file", "check the path");
  job.update({{"command", "verify"},
              {"checkpoint", options.checkpoint},
              {"conditions", options.conditions},
              {"split", options.split},
              {"limit", options.limit},
              {"runner", runner_of(commands, options, source)},
              {"device_threads", threads_of(options, source)},
              {"max_loss", options.max_loss ? Json(*options.max_loss) : Json()}});
  Json document = run_tool(program_folder() / "automask-package", job, "verify " + options.package.source, progress);
  const int code = document.at("exit_code");
  document["schema_version"] = 1;
  if (format == Format::json) {
    print_document(document);
  } else {
    print_tables(document, format);
    for (const Json& note : document.at("notes")) std::cerr << "automask: " << note.get<std::string>() << "\n";
  }
  int failed = 0;
  for (const Json& check : document.at("checks")) failed += check.at("passed").get<bool>() ? 0 : 1;
  if (failed > 0)
    std::cerr << "automask: verify " << options.package.source << ": " << failed << " of "
              << document.at("checks").size() << " checks failed\n";
  return code;
}

}  // namespace

void add_verify(CLI::App& app, Commands& commands) {
  auto* command =
      app.add_subcommand("verify", "a package against its checkpoint: same function, accuracy, bytes, latency");
  auto options = std::make_shared<VerifyOptions>();
  command
      ->add_option("source", options->package.source,
                   "the beginning of a run's key, a package, or a checkpoint or weights, of which one is made")
      ->type_name("SOURCE")
      ->required();
  command->add_option("--checkpoint", options->checkpoint, "what a package was made from; of a run it is known")
      ->type_name("FILE");
  command
      ->add_option("--condition", options->conditions,
                   "a chain to measure accuracy under; may be repeated; default: the run's, or the package's own")
      ->type_name("CHAIN")
      ->allow_extra_args(false);
  command->add_option("--split", options->split, "of the data set: train, validation or test")
      ->type_name("NAME")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  command
      ->add_option("--limit", options->limit,
                   "pictures, spread evenly; default: 1000, or fewer of INT8 networks for which that takes minutes")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100000000}));
  command->add_option("--target", options->target, "a registered runner to time the package on")->type_name("NAME");
  command->add_option("--target-threads", options->target_threads, "of the runner; default: the run's, else 1")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command->add_option("--max-loss", options->max_loss, "fail where the package loses more points of accuracy than this")
      ->type_name("POINTS")
      ->check(CLI::Range(0.0, 100.0));
  add_package_options(*command, options->package);
  command->footer(
      "Checks, each with the largest difference of logits over that of the largest logit: the masked network is the "
      "one\n"
      "that is shrunk to its masks, and the one that the package holds, within a tolerance for its numbers; the "
      "target\n"
      "answers as the package's reference, in INT8 bit for bit. Accuracy is top-1 of the checkpoint in FP32 and of "
      "the\n"
      "package's reference on the same pictures, corrupted in memory; differences have paired intervals of 95 %.\n"
      "Latency is measured as `automask run` does, and carries the runner's evidence.\n\n"
      "Examples:\n  automask verify 3fa9c1\n"
      "  automask verify 3fa9c1 --target cpu --max-loss 1 --format json\n"
      "  automask verify net.safetensors --checkpoint checkpoint.safetensors --data fashion-mnist --limit 500\n"
      "  automask verify resnet18.pth --model resnet18 --numbers int8 --data imagenet --target cpu\n\n"
      "Exit codes: 0 all checks passed, 2 usage, 4 a check failed, 6 only --max-loss was missed, 7 no results yet,\n"
      "8 SOURCE is damaged or of another version.");
  command->callback(
      [&commands, options] { commands.action = [&commands, options] { return verify_command(commands, *options); }; });
}

}  // namespace automask::harness
