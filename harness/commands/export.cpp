// export: a trained network as a package, checkpoint or ONNX, in any number format
#include <fmt/format.h>

#include <iostream>

#include "harness/commands/commands.h"
#include "harness/package_options.h"
#include "harness/progress.h"
#include "harness/source.h"
#include "harness/tool.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using results::Format;
using results::Table;

struct ExportOptions {
  PackageOptions package;
  std::string format, condition, output;
};

// What cannot be meant, before anything is read.
void check(const ExportOptions& options) {
  const std::string& numbers = options.package.numbers;
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error(ExitCode::usage, "--format " + options.format, what, remedy);
  };
  if (options.format == "onnx" && !numbers.empty() && numbers != "fp32")
    refuse("has FP32 numbers", numbers == "int8" ? "take onnx-qdq for INT8" : "leave --numbers out");
  if (options.format == "onnx-qdq" && !numbers.empty() && numbers != "int8")
    refuse("has INT8 numbers", "take onnx for FP32");
  if (options.format == "checkpoint" && !numbers.empty() && numbers != "fp32")
    refuse("has FP32 numbers", "take package");
  if (options.format == "checkpoint" && !options.package.rule.empty())
    refuse("has FP32 numbers, which need no calibration", "leave --calibrate out, or take package");
  if ((options.format == "package" || options.format == "checkpoint") && !options.condition.empty() &&
      options.condition != "all")
    refuse("holds all conditions", "leave --condition out, or take onnx");
  if (options.format == "onnx" && !options.package.rule.empty())
    refuse("has FP32 numbers, which need no calibration", "leave --calibrate out, or take onnx-qdq");
}

int export_command(const Commands& commands, const ExportOptions& options) {
  const Format format = commands.table_format();
  const ProgressKind progress = parse_progress(options.package.progress);
  check(options);
  Json job = package_job(commands, options.package);
  job.update({{"command", "export"},
              {"format", options.format},
              {"condition", options.condition},
              {"output", options.output},
              {"stem", source_stem(job.at("source"))}});
  const Json result =
      run_tool(program_folder() / "automask-package", job, "export " + options.package.source, progress);
  if (format == Format::json) {
    const Json document = {{"schema_version", 1},
                           {"source", options.package.source},
                           {"format", options.format},
                           {"files", result.at("files")}};
    print_document(document);
    return 0;
  }
  Table table{{"file", "condition", "numbers", "bytes"}, {}};
  for (const Json& file : result.at("files")) {
    const Json condition = file.at("condition").is_null() ? Json("all") : file.at("condition");
    table.rows.push_back({file.at("file"), condition, file.at("numbers"), file.at("bytes")});
  }
  results::print(std::cout, table, format);
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Commands& commands) {
  auto* command =
      app.add_subcommand("export", "a trained network as a package, a checkpoint or ONNX, in FP32, FP16 or INT8");
  auto options = std::make_shared<ExportOptions>();
  command
      ->add_option("source", options->package.source,
                   "the beginning of a run's key, a checkpoint, a package, or weights")
      ->type_name("SOURCE")
      ->required();
  command
      ->add_option(
          "--format", options->format,
          "package: what runners load; checkpoint: what a training starts from; onnx: FP32; onnx-qdq: INT8, as "
          "QuantizeLinear and DequantizeLinear")
      ->type_name("FORMAT")
      ->required()
      ->check(CLI::IsMember({"package", "checkpoint", "onnx", "onnx-qdq"}));
  command->add_option("-o,--output", options->output, "default: named after SOURCE, in the working directory")
      ->type_name("FILE");
  command
      ->add_option(
          "--condition", options->condition,
          "of ONNX: one condition's network, '*' for the general one (-others), or all: a file each, named after it "
          "(default)")
      ->type_name("NAME|all");
  add_package_options(*command, options->package);
  command->footer(
      "A package that a run left or that SOURCE is comes out as it is, unless other --numbers or a --calibrate are "
      "asked\n"
      "for. A new one is the one that `automask run` would make, and proven to be the checkpoint's function before it "
      "is\n"
      "written. ONNX files are shrunk to the condition's mask and have its normalisation folded in; their input is "
      "the\n"
      "scaled picture, and their metadata say how it is prepared. onnx-qdq files are executed in INT8 by onnxruntime;\n"
      "their arithmetic rounds otherwise than docs/package.md, section 10, so logits come near but are not the same "
      "bits.\n"
      "--format is the file's here: for JSON on stdout write `automask --format json export ...`.\n\n"
      "Examples:\n  automask export 3fa9c1 --format package -o net.safetensors\n"
      "  automask export 3fa9c1 --format onnx --condition jpeg:q10 -o net.onnx\n"
      "  automask export 3fa9c1 --format checkpoint -o deployed.safetensors\n"
      "  automask export checkpoint.safetensors --format onnx-qdq --data fashion-mnist\n"
      "  automask export resnet18.pth --model resnet18 --format package --numbers int8 --data imagenet --pictures "
      "500\n\n"
      "Exit codes: 0 ok, 2 usage, 4 pictures cannot be read or the file not written, 7 no results yet, 8 SOURCE is "
      "damaged\n"
      "or of another version.");
  command->callback(
      [&commands, options] { commands.action = [&commands, options] { return export_command(commands, *options); }; });
}

}  // namespace automask::harness
