// evaluate: one trained network on pictures under conditions, written ones or made on the fly
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "corruptions/writer/job.h"
#include "harness/commands/commands.h"
#include "harness/commands/picture_options.h"
#include "harness/environment.h"
#include "harness/progress.h"
#include "harness/tool.h"
#include "results/robustness.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using corruptions::Condition;
using corruptions::WriterJob;
using results::Format;

struct EvaluateOptions : PictureOptions {
  std::string model, weights, normaliser;
  std::vector<std::string> conditions;
  std::string progress = "auto";
};

WriterJob job_of(const Commands& commands, const EvaluateOptions& options) {
  WriterJob job = options.job(commands);
  if (!options.corruptions.empty()) {
    job.conditions = corruptions::corruption_grid(options.corruptions, options.severities);
    job.conditions.insert(job.conditions.begin(), Condition());  // relative errors need it
  }
  for (const std::string& text : options.conditions) {
    const Condition condition = Condition::parse(text);
    if (std::find(job.conditions.begin(), job.conditions.end(), condition) == job.conditions.end())
      job.conditions.push_back(condition);
  }
  return job;
}

// What `evaluate --format json` of another network printed, or its part "normaliser".
Json read_normaliser(const std::string& file) {
  const Json document = core::read_json_file(file, ExitCode::usage);
  const core::JsonCursor cursor(document, file, "", ExitCode::usage);
  if (!document.is_object()) cursor.fail("is no object", "give what `automask evaluate --format json` printed");
  return to_json(results::normaliser_from_json(cursor.has("normaliser") ? cursor.at("normaliser") : cursor));
}

std::string percent(const Json& score) {
  if (score.is_null()) return "-";
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", score.at("value").get<double>(), score.at("ci_lo").get<double>(),
                     score.at("ci_hi").get<double>());
}

void show_robustness(const Commands& commands, const Json& robustness) {
  if (robustness.at("corruptions").empty()) return;
  results::Table table{{"corruption", "error", "ce", "relative_ce"}, {}};
  for (const Json& row : robustness.at("corruptions"))
    table.rows.push_back(
        {row.at("corruption"), percent(row.at("error")), percent(row.at("ce")), percent(row.at("relative_ce"))});
  std::cout << "\n";
  results::print(std::cout, table, commands.table_format());
  std::cout << fmt::format(
      "\nmCE {}, relative mCE {}; in percent with 95 % intervals over {} pictures; divided by: {}\n",
      percent(robustness.at("mce")), percent(robustness.at("relative_mce")),
      robustness.at("pictures").get<std::size_t>(), robustness.at("normaliser").get<std::string>());
  std::string missing;
  for (const Json& name : robustness.at("missing")) missing += (missing.empty() ? "" : ", ") + name.get<std::string>();
  if (!missing.empty()) std::cout << "without all five severities, so no mCE: " << missing << "\n";
}

int evaluate_command(const Commands& commands, const EvaluateOptions& options) {
  const auto progress = parse_progress(options.progress);
  commands.table_format();
  Json request = {{"job", to_json(job_of(commands, options))},
                  {"model", options.model},
                  {"weights", options.weights},
                  {"threads", commands.thread_count()}};
  if (!options.normaliser.empty()) request["normaliser"] = read_normaliser(options.normaliser);
  Json result = run_tool(program_folder() / "automask-evaluate", request, "evaluate " + options.source, progress);
  const auto format = commands.table_format();
  if (format == Format::json) {
    result["schema_version"] = 1;
    std::cout << result.dump(2) << "\n";
    return 0;
  }
  const std::vector<std::string> columns = {"condition", "top1", "ci_lo", "ci_hi", "top5", "n", "normalisation"};
  results::Table table{columns, {}};
  for (const Json& row : result.at("rows")) {
    auto& cells = table.rows.emplace_back();
    for (const std::string& column : columns) cells.push_back(row.at(column));
  }
  results::print(std::cout, table, format);
  if (format != Format::csv) show_robustness(commands, result.at("robustness"));
  return 0;
}

}  // namespace

void add_evaluate(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("evaluate", "accuracy of one trained network on pictures under conditions");
  auto options = std::make_shared<EvaluateOptions>();
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    return command->add_option(name, value, help)->type_name(type);
  };
  text("--weights", options->weights, "FILE",
       "a checkpoint of a training step, ONNX, or published weights: .pth, .safetensors")
      ->required();
  text("--model", options->model, "NAME",
       "the network of published weights, of `automask models list`; else held against what the file holds");
  text("--data", options->source, "SRC", "what `automask corrupt` reads, or a folder that it wrote")->required();
  command
      ->add_option(
          "--condition", options->conditions,
          "a chain, e.g. \"shot_noise:3 > jpeg:q30\"; may be repeated; default: clean, or all that were written")
      ->type_name("CHAIN")
      ->allow_extra_args(false);
  text("--corruptions", options->corruptions, "all|NAME,...", "with clean; as of `automask corrupt`");
  text("--severities", options->severities, "1-5", "of --corruptions")->capture_default_str();
  text("--variant", options->variant, "NAME", "fixed, compat or imagecorruptions")->capture_default_str();
  text("--output", options->output, "CODEC",
       "what pictures pass through, as if written: png, raw, or jpeg85 (compat's default)");
  text("--preprocess", options->preprocess, "NAME", "none, or imagenet224 (compat's default), before the corruption");
  text("--classes", options->classes, "FILE", "class folders or names, one a line in the order of their labels");
  text("--ground-truth", options->ground_truth, "FILE", "labels of pictures that lie in no class folders");
  text("--ilsvrc-ids", options->ilsvrc_ids, "FILE", "what a ground truth of ILSVRC ids means");
  text("--subfolder", options->subfolder, "DIR", "only this part of the source");
  text("--subset", options->subset, "LIST", "file with the paths of the pictures to take, one a line");
  text("--frost", options->frost, "DIR", "photographs of frost, needed by compat and imagecorruptions");
  text("--split", options->split, "NAME", "names the random numbers")->capture_default_str();
  command->add_option("--seed", options->seed, "of all random numbers")->type_name("N")->capture_default_str();
  text(
      "--normaliser", options->normaliser, "FILE",
      "another network's `evaluate --format json` output: errors are divided by its; default: AlexNet's, as published");
  text("--progress", options->progress, "KIND", "auto, plain, jsonl or none; on stderr")->capture_default_str();
  command->footer(
      "A written variant and the same one made on the fly give the same accuracy. CE, mCE and relative mCE are those\n"
      "of ImageNet-C (Hendrycks and Dietterich 2019); intervals are of 95 %. A network with masks or normalisation\n"
      "for a condition uses them under that condition, under others its nearest level's, the general or the first "
      "set.\n\n"
      "Examples:\n  automask evaluate --weights net.safetensors --data photos --condition jpeg:q30\n"
      "  automask evaluate --weights net.safetensors --data imagenet-c --format json\n"
      "  automask evaluate --model resnet18 --weights resnet18.pth --data imagenet/val --classes synsets.txt\n"
      "  automask evaluate --weights net.safetensors --data photos --corruptions all --normaliser alexnet.json\n\n"
      "Exit codes: 0 ok, 2 usage, 4 a picture cannot be read, 8 the checkpoint is damaged, 130 interrupted.");
  command->callback([&commands, options] {
    commands.action = [&commands, options] { return evaluate_command(commands, *options); };
  });
}

}  // namespace automask::harness
