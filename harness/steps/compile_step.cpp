// Stage compile: checkpoint -> package, and the proof that masked, shrunk and packaged networks are one function.
#include <algorithm>
#include <limits>
#include <map>

#include "core/atomic_file.h"
#include "datasets/dataset.h"
#include "harness/conditions.h"
#include "harness/steps/calibration.h"
#include "harness/steps/data.h"
#include "harness/steps/members.h"
#include "hw_targets/compiler/agreement.h"
#include "hw_targets/compiler/build.h"
#include "hw_targets/compiler/quantise.h"
#include "methods/masks/package_bytes.h"
#include "methods/members.h"
#include "results/statistics.h"

namespace automask::harness::steps {
namespace {

// Ranges that the weights were trained for; else from training pictures under the package's conditions; under
// `conditions` where one network serves all.
package::Package quantised(const Context& context, const package::Package& real, const models::Checkpoint& checkpoint,
                           const std::vector<std::string>& conditions) {
  const auto parameters = context.parameters();
  if (!checkpoint.ranges.empty()) {
    compiler::QuantisationOptions as_trained;
    as_trained.ranges = checkpoint.ranges;
    as_trained.threads = context.threads();
    return compiler::quantise(real, {}, as_trained);
  }
  const auto spec = dataset_spec(context);
  const auto train = open_split(context, spec, datasets::calibration_split(spec));
  const auto calibration = parameters.at("calibration");
  compiler::QuantisationOptions options;
  options.rule = compiler::parse_range_rule(calibration.at("rule").string());
  options.threads = context.threads();
  const auto wanted = static_cast<std::size_t>(calibration.at("pictures").integer_in(1, 1000000));
  const auto load = [&](const std::vector<std::uint32_t>& numbers) {
    return datasets::load(*train, numbers, spec, context.threads());
  };
  const auto sets = calibration_sets(real, train->size(), load, conditions, wanted,
                                     static_cast<std::uint64_t>(parameters.at("seed").integer()), context.threads());
  return compiler::quantise(real, sets, options);
}

// One package, proven, in the step's number format; and its file.
struct Made {
  package::Package package;
  compiler::Verification verification;
  compiler::Agreement agreement;
};

// `conditions`: those that a network for all of them is calibrated on.
Made make_package(const Context& context, const models::Checkpoint& checkpoint,
                  const std::vector<std::string>& conditions, const std::string& name) {
  const auto pictures = datasets::read_picture_set(context.input_folder("pictures", Stage::variant));
  const auto wanted = context.parameters().at("verify_pictures").integer_in(1, 1000000);
  const int count = static_cast<int>(std::min<std::int64_t>(wanted, static_cast<std::int64_t>(pictures.size())));
  const auto format = context.parameters().string_or("format", "fp32");
  const auto file = context.folder() / name;
  context.progress("compile", 0, 1);
  const auto first = pictures.pictures(0, static_cast<std::size_t>(count));
  const std::vector<std::uint8_t> sample(first.begin(), first.end());
  auto [bytes, read_back, verification] =
      compiler::proven_package(checkpoint, sample, count, context.threads(), context.step().label);

  // Other number formats start from the package that was just proven.
  compiler::Agreement agreement;
  if (format != "fp32") {
    context.progress("quantise", 0, 1);
    const auto real = std::move(read_back);
    bytes =
        package::encode(format == "fp16" ? compiler::to_half(real) : quantised(context, real, checkpoint, conditions));
    read_back = package::decode(bytes, file.string());
    agreement = compiler::agreement(real, read_back, sample, count, context.threads());
  }
  core::write_file_atomically(file, bytes);
  return {std::move(read_back), verification, agreement};
}

std::vector<std::string> all_conditions(const Context& context) {
  const auto parameters = context.parameters();
  return parameters.has("conditions") ? parameters.at("conditions").strings() : std::vector<std::string>{};
}

// The metrics of a cell, of one package or the sums over several.
class Metrics {
 public:
  void count(const std::string& name, const std::string& condition, double value) {
    outcome.metrics.push_back({name, condition, value, none, none, "counted", 1});
  }

  void dense(const models::Checkpoint& checkpoint, std::int64_t bytes) {
    const graph::Cost cost = graph::cost(checkpoint.graph);
    count("macs_dense", "", static_cast<double>(cost.macs));
    count("parameters", "", static_cast<double>(cost.parameters));
    count("dense_bytes", "", static_cast<double>(bytes));
  }

  void estimator(const package::Estimator& estimator) {
    count("estimator_macs", "", static_cast<double>(estimator.hidden.weights.size() + estimator.output.weights.size()));
  }

  void proof(const compiler::Verification& verification, const compiler::Agreement& agreement) {
    for (const auto& row : verification.rows) worst = std::max({worst, row.shrunk_difference, row.package_difference});
    pictures += agreement.pictures;
    same += agreement.same;
  }

  Outcome take(std::int64_t verified) {
    if (pictures > 0) {
      const auto interval = results::wilson_percent(same, pictures);
      outcome.metrics.push_back({"quantised_agreement", "",
                                 100.0 * static_cast<double>(same) / static_cast<double>(pictures), interval.low,
                                 interval.high, "measured", pictures});
    }
    outcome.metrics.push_back({"verify_difference", "", worst, none, none, "measured", verified});
    return std::move(outcome);
  }

  Outcome outcome;

 private:
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();
  double worst = 0;
  std::int64_t pictures = 0, same = 0;
};

}  // namespace

Outcome compile_members(const Context& context) {
  const auto bundle = models::load_bundle(context.input_folder("checkpoint", Stage::train));
  const bool masks_over_weights = !bundle.backbone.empty();
  const std::vector<models::Checkpoint>& networks = masks_over_weights ? bundle.backbone : bundle.members;
  Metrics metrics;
  std::map<std::string, std::int64_t> bytes;
  for (std::size_t k = 0; k < networks.size(); ++k) {
    const auto conditions =
        masks_over_weights ? all_conditions(context) : std::vector<std::string>{bundle.conditions[k]};
    const Made made = make_package(context, networks[k], conditions, package_name(k));
    metrics.outcome.files.push_back({"package", package_name(k)});
    for (const auto& [part, size] : package::bytes_by_part(made.package)) bytes[part] += size;
    metrics.proof(made.verification, made.agreement);
    const auto& row = made.verification.rows.front();
    const std::string condition = masks_over_weights ? "" : bundle.conditions[k];
    metrics.count("macs", condition, static_cast<double>(row.macs));
    metrics.count("macs_share", condition, row.macs_share);
    if (k == 0) metrics.dense(networks[k], made.verification.dense_bytes);
  }
  write_package_index(context.folder(), bundle);
  metrics.outcome.files.push_back({"package", "packages.json"});
  const auto estimator = read_package_index(context.folder()).estimator;
  const auto members = static_cast<std::int64_t>(bundle.members.size());
  const std::int64_t masks =
      masks_over_weights ? members * ((methods::weight_mask_bits(networks[0].graph) + 7) / 8) : 0;
  bytes["masks"] += masks;
  bytes["estimator"] += methods::estimator_bytes(estimator);
  bytes["total"] += masks + methods::estimator_bytes(estimator);
  for (const auto& [part, size] : bytes)
    metrics.count(part == "total" ? "package_bytes" : part + "_bytes", "", static_cast<double>(size));
  metrics.count("condition_sets", "", static_cast<double>(members));
  metrics.estimator(estimator);
  return metrics.take(context.parameters().at("verify_pictures").integer());
}

Outcome run_compile(const Context& context) {
  const auto trained = context.input_folder("checkpoint", Stage::train);
  if (models::holds_bundle(trained)) return compile_members(context);
  const auto checkpoint = models::load_checkpoint(trained / "checkpoint.safetensors");
  const Made made = make_package(context, checkpoint, all_conditions(context), "package.safetensors");
  Metrics metrics;
  metrics.outcome.files = {{"package", "package.safetensors"}};
  for (const auto& [part, size] : package::bytes_by_part(made.package))
    metrics.count(part == "total" ? "package_bytes" : part + "_bytes", "", static_cast<double>(size));
  metrics.count("condition_sets", "", static_cast<double>(made.package.conditions.size()));
  metrics.estimator(made.package.estimator);
  metrics.dense(checkpoint, made.verification.dense_bytes);
  for (const auto& row : made.verification.rows) {
    const std::string condition = row.condition == "*" ? "" : row.condition;
    if (condition.empty() && made.package.conditions.size() > 1) {  // a general set is in no mean over conditions
      metrics.count("general_macs", "", static_cast<double>(row.macs));
      continue;
    }
    metrics.count("macs", condition, static_cast<double>(row.macs));
    metrics.count("macs_share", condition, row.macs_share);
  }
  // Of several widths the first serves unless the user selects another.
  if (const auto& first = made.verification.rows.front();
      made.package.conditions.size() > 1 && serves_all(first.condition))
    metrics.count("mean_macs", "", static_cast<double>(first.macs));
  metrics.proof(made.verification, made.agreement);
  return metrics.take(context.parameters().at("verify_pictures").integer());
}

}  // namespace automask::harness::steps
