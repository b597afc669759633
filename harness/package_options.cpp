#include "harness/package_options.h"

#include <filesystem>

#include "harness/source.h"

namespace automask::harness {

using core::Json;

void add_package_options(CLI::App& command, PackageOptions& options) {
  command.add_option("--model", options.model, "the network of the zoo that SOURCE's weights belong to")
      ->type_name("NAME");
  command
      .add_option("--classes", options.classes,
                  "class folders or names of --data, one a line in the order of the network's outputs")
      ->type_name("FILE");
  command
      .add_option("--numbers", options.numbers, "fp32, fp16 or int8; default: as SOURCE's package has them, else fp32")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"fp32", "fp16", "int8"}));
  command
      .add_option("--calibrate", options.rule,
                  "INT8 ranges anew, from training pictures: minmax, percentile (99.99) or mse (default)")
      ->type_name("RULE")
      ->check(CLI::IsMember({"minmax", "percentile", "mse"}));
  command.add_option("--pictures", options.pictures, "training pictures to calibrate each condition on")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "of those pictures and their corruptions; default: the run's, else 0")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
  command.add_option("--progress", options.progress, "auto, plain, jsonl or none; on stderr")
      ->type_name("KIND")
      ->capture_default_str();
}

Json package_job(const Commands& commands, const PackageOptions& options) {
  const Json source = find_source(commands, options.source);
  const std::int64_t seed =
      options.seed ? *options.seed : (source.at("run").is_null() ? 0 : source.at("run").at("seed").get<std::int64_t>());
  if (!options.rule.empty() && !options.numbers.empty() && options.numbers != "int8")
    throw core::Error(core::ExitCode::usage, "--calibrate", "belongs to INT8", "leave --numbers out, or take int8");
  Json data = data_request(commands, source);
  data["classes"] = options.classes.empty() ? "" : std::filesystem::absolute(options.classes).string();
  if (!options.classes.empty() && !std::filesystem::exists(options.classes))
    throw core::Error(core::ExitCode::usage, "--classes " + options.classes, "there is no such file", "check the path");
  return {{"source", source},
          {"data", data},
          {"model", options.model},
          {"numbers", options.numbers},
          {"calibration", {{"rule", options.rule}, {"pictures", options.pictures}}},
          {"seed", seed},
          {"threads", commands.thread_count()}};
}

}  // namespace automask::harness
