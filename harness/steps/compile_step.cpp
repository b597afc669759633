// Stage compile: checkpoint -> package, and the proof that masked, shrunk and packaged networks are one function.
#include <algorithm>
#include <limits>

#include "core/atomic_file.h"
#include "datasets/dataset.h"
#include "harness/steps/calibration.h"
#include "harness/steps/data.h"
#include "hw_targets/compiler/agreement.h"
#include "hw_targets/compiler/build.h"
#include "hw_targets/compiler/quantise.h"
#include "results/statistics.h"

namespace automask::harness::steps {
namespace {

// Ranges that the weights were trained for; else from training pictures under the package's conditions; under all of
// the method's where one network serves all.
package::Package quantised(const Context& context, const package::Package& real, const models::Checkpoint& checkpoint) {
  const auto parameters = context.parameters();
  if (!checkpoint.ranges.empty()) {
    compiler::QuantisationOptions as_trained;
    as_trained.ranges = checkpoint.ranges;
    as_trained.threads = context.threads();
    return compiler::quantise(real, {}, as_trained);
  }
  const auto spec = dataset_spec(context);
  const auto train = open_split(context, spec, datasets::Split::train);
  const auto calibration = parameters.at("calibration");
  compiler::QuantisationOptions options;
  options.rule = compiler::parse_range_rule(calibration.at("rule").string());
  options.threads = context.threads();
  const auto wanted = static_cast<std::size_t>(calibration.at("pictures").integer_in(1, 1000000));
  const auto load = [&](const std::vector<std::uint32_t>& numbers) {
    return datasets::load(*train, numbers, spec, context.threads());
  };
  const auto sets = calibration_sets(real, train->size(), load, parameters.at("conditions").strings(), wanted,
                                     static_cast<std::uint64_t>(parameters.at("seed").integer()), context.threads());
  return compiler::quantise(real, sets, options);
}

}  // namespace

Outcome run_compile(const Context& context) {
  const auto checkpoint =
      models::load_checkpoint(context.input_folder("checkpoint", Stage::train) / "checkpoint.safetensors");
  const auto pictures = datasets::read_picture_set(context.input_folder("pictures", Stage::variant));
  const auto wanted = context.parameters().at("verify_pictures").integer_in(1, 1000000);
  const int count = static_cast<int>(std::min<std::int64_t>(wanted, static_cast<std::int64_t>(pictures.size())));

  const auto format = context.parameters().string_or("format", "fp32");
  const auto file = context.folder() / "package.safetensors";
  context.progress("compile", 0, 1);
  const std::vector<std::uint8_t> sample(
      pictures.pixels.begin(), pictures.pixels.begin() + static_cast<std::ptrdiff_t>(count * pictures.picture_bytes()));
  auto [bytes, read_back, verification] =
      compiler::proven_package(checkpoint, sample, count, context.threads(), context.step().label);

  // Other number formats start from the package that was just proven.
  compiler::Agreement agreement;
  if (format != "fp32") {
    context.progress("quantise", 0, 1);
    const auto real = std::move(read_back);
    bytes = package::encode(format == "fp16" ? compiler::to_half(real) : quantised(context, real, checkpoint));
    read_back = package::decode(bytes, file.string());
    agreement = compiler::agreement(real, read_back, sample, count, context.threads());
  }
  core::write_file_atomically(file, bytes);

  const double none = std::numeric_limits<double>::quiet_NaN();
  Outcome outcome;
  if (agreement.pictures > 0) {
    const auto interval = results::wilson_percent(agreement.same, agreement.pictures);
    outcome.metrics.push_back({"quantised_agreement", "",
                               100.0 * static_cast<double>(agreement.same) / static_cast<double>(agreement.pictures),
                               interval.low, interval.high, "measured", agreement.pictures});
  }
  outcome.files = {{"package", "package.safetensors"}};
  const auto count_metric = [&](const std::string& name, const std::string& condition, double value) {
    outcome.metrics.push_back({name, condition, value, none, none, "counted", 1});
  };
  for (const auto& [part, size] : package::bytes_by_part(read_back))
    count_metric(part == "total" ? "package_bytes" : part + "_bytes", "", static_cast<double>(size));
  count_metric("condition_sets", "", static_cast<double>(read_back.conditions.size()));
  const package::Estimator& estimator = read_back.estimator;
  count_metric("estimator_macs", "",
               static_cast<double>(estimator.hidden.weights.size() + estimator.output.weights.size()));
  const graph::Cost dense = graph::cost(checkpoint.graph);
  count_metric("macs_dense", "", static_cast<double>(dense.macs));
  count_metric("parameters", "", static_cast<double>(dense.parameters));
  count_metric("dense_bytes", "", static_cast<double>(verification.dense_bytes));
  double worst = 0;
  for (const auto& row : verification.rows) {
    const std::string condition = row.condition == "*" ? "" : row.condition;
    count_metric("macs", condition, static_cast<double>(row.macs));
    count_metric("macs_share", condition, row.macs_share);
    worst = std::max({worst, row.shrunk_difference, row.package_difference});
  }
  outcome.metrics.push_back({"verify_difference", "", worst, none, none, "measured", count});
  return outcome;
}

}  // namespace automask::harness::steps
