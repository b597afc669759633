#include "harness/package_tool/make.h"

#include "core/atomic_file.h"
#include "harness/package_tool/pictures.h"
#include "harness/steps/calibration.h"
#include "harness/tool.h"
#include "hw_targets/compiler/build.h"
#include "hw_targets/compiler/quantise.h"

namespace automask::harness::package_tool {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

constexpr int proof_pictures = 8;  // of noise: any difference of the functions shows on the first

// The FP32 package: of the checkpoint, proven; or the file's own.
package::Package real_package(const Json& job, const Subject& subject) {
  if (!subject.checkpoint) {
    if (subject.package->format == package::Format::fp32) return *subject.package;
    throw Error(ExitCode::usage, subject.package_file,
                std::string("holds ") + package::to_string(subject.package->format) +
                    " numbers, from which no others can be made",
                "start from its FP32 package or its checkpoint");
  }
  tool_progress("compile", 0, 1);
  return compiler::proven_package(*subject.checkpoint, noise_pictures(subject.input(), proof_pictures), proof_pictures,
                                  job.at("threads"), subject.name)
      .package;
}

// Of a network for all conditions the package doesn't say which those are: a run's training does.
std::vector<std::string> conditions_of(const Subject& subject) {
  if (!subject.run.is_null()) return subject.run.at("training_conditions").get<std::vector<std::string>>();
  return {"clean"};
}

package::Package quantised(const Json& job, const Subject& subject, const package::Package& real) {
  // Weights that were trained for INT8 know their ranges; a rule that is asked for finds others.
  if (subject.checkpoint && !subject.checkpoint->ranges.empty() &&
      job.at("calibration").at("rule").get<std::string>().empty()) {
    compiler::QuantisationOptions as_trained;
    as_trained.ranges = subject.checkpoint->ranges;
    as_trained.threads = job.at("threads");
    return compiler::quantise(real, {}, as_trained);
  }
  if (!has_pictures(job, subject))
    throw Error(ExitCode::usage, subject.name, "INT8 needs pictures to find the ranges of its values",
                "name the training pictures with --data DIR");
  const SplitPictures train(job, subject, datasets::Split::train);
  const auto load = [&](const std::vector<std::uint32_t>& numbers) { return train.load(numbers); };
  const auto sets =
      steps::calibration_sets(real, train.size(), load, conditions_of(subject), job.at("calibration").at("pictures"),
                              job.at("seed").get<std::uint64_t>(), job.at("threads"));
  tool_progress("quantise", 0, 1);
  compiler::QuantisationOptions options;
  if (const std::string rule = job.at("calibration").at("rule"); !rule.empty())
    options.rule = compiler::parse_range_rule(rule);
  options.threads = job.at("threads");
  return compiler::quantise(real, sets, options);
}

}  // namespace

Made make_package(const Json& job, const Subject& subject, const std::string& fallback) {
  std::string numbers = job.at("numbers");
  const bool calibrate = !job.at("calibration").at("rule").get<std::string>().empty();
  if (numbers.empty()) {
    numbers = fallback;
    if (fallback.empty()) numbers = subject.package ? package::to_string(subject.package->format) : "fp32";
    if (calibrate) numbers = "int8";
  }
  if (subject.package && package::to_string(subject.package->format) == numbers && !calibrate) {
    Made made{*subject.package, core::read_file(subject.package_file), true};
    return made;
  }
  const package::Package real = real_package(job, subject);
  Made made;
  made.bytes = package::encode(numbers == "fp32"   ? real
                               : numbers == "fp16" ? compiler::to_half(real)
                                                   : quantised(job, subject, real));
  made.package = package::decode(made.bytes, subject.name);
  return made;
}

}  // namespace automask::harness::package_tool
