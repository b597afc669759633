#include "harness/steps/simulated.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "hw_targets/cpu/integer_network.h"
#include "hw_targets/package/integer.h"
#include "hw_targets/package/reference.h"

namespace automask::harness::steps {
namespace {

std::vector<float> fast_outputs(const package::IntegerNetwork& network, const datasets::PictureSet& pictures) {
  const graph::Shape output = graph::infer_shapes(network.graph).back();
  const std::size_t classes = static_cast<std::size_t>(output.channels) * static_cast<std::size_t>(output.height) *
                              static_cast<std::size_t>(output.width);
  cpu::IntegerNetwork fast(network);
  std::vector<float> logits(pictures.size() * classes);
  for (std::size_t p = 0; p < pictures.size(); ++p) fast.run(pictures.picture(p).data(), logits.data() + p * classes);
  return logits;
}

}  // namespace

bool is_simulated(const host::Device& device, const package::Package& package) {
  return device.evidence != "measured" && package.format == package::Format::int8;
}

std::vector<std::uint32_t> simulated_share(std::size_t count) {
  const std::size_t share = std::min<std::size_t>(count, simulated_pictures);
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < share; ++i) numbers.push_back(static_cast<std::uint32_t>(i * count / share));
  return numbers;
}

std::string simulated_accuracy() {
  return fmt::format(
      "the integer reference's over all pictures; the simulated engine executed {} of each condition, or all "
      "where there are fewer, and agreed bit for bit (reference_pictures)",
      simulated_pictures);
}

void visit_once(host::BlockPlan& plan) {
  plan.warmup = 0;
  plan.repetitions = 1;
  plan.min_latencies = 1;
  plan.min_seconds = 0;
}

Simulated hold_against_reference(const package::Package& package, int k, const datasets::PictureSet& pictures,
                                 const std::vector<float>& outputs) {
  const package::IntegerNetwork network = package::materialise_integers(package, k);
  const std::vector<std::uint32_t> share = simulated_share(pictures.size());
  Simulated result;
  result.executed = static_cast<int>(share.size());
  const std::size_t classes = share.empty() ? 0 : outputs.size() / share.size();
  for (std::size_t i = 0; i < share.size(); ++i) {
    const auto expected = package::reference_logits(network, pictures.picture(share[i]).data());
    const auto own = outputs.begin() + static_cast<std::ptrdiff_t>(i * classes);
    result.agreed += expected.size() == classes && std::equal(expected.begin(), expected.end(), own) ? 1 : 0;
  }
  if (result.agreed < result.executed) return result;
  // The fast form of the same arithmetic, which its own tests hold against the reference; here, too.
  result.logits = fast_outputs(network, pictures);
  for (std::size_t i = 0; i < share.size(); ++i)
    if (!std::equal(outputs.begin() + static_cast<std::ptrdiff_t>(i * classes),
                    outputs.begin() + static_cast<std::ptrdiff_t>((i + 1) * classes),
                    result.logits.begin() + static_cast<std::ptrdiff_t>(share[i] * classes)))
      throw std::logic_error("the fast integer network differs from the reference");
  return result;
}

void add_agreement(Outcome& outcome, const std::string& runner, const std::string& condition,
                   const Simulated& simulated, const std::string& evidence) {
  if (simulated.agreed < simulated.executed)
    throw host::RunnerFailure(
        host::FailureKind::mistrusted, runner,
        fmt::format("its outputs for \"{}\" are those of the integer reference, bit for bit, on {} "
                    "of {} pictures only",
                    condition, simulated.agreed, simulated.executed),
        "look for a wrong weight layout, input order or number format in the runner");
  const double none = std::numeric_limits<double>::quiet_NaN();
  outcome.metrics.push_back(
      {"reference_pictures", condition, double(simulated.agreed), none, none, evidence, simulated.executed});
}

std::vector<float> reference_outputs(const package::Package& package, int k, const datasets::PictureSet& pictures) {
  return fast_outputs(package::materialise_integers(package, k), pictures);
}

host::CellResult predicted_by_reference(const package::Package& package, int k, const datasets::PictureSet& pictures,
                                        const host::CellResult& run) {
  host::CellResult predicted;
  predicted.outputs = run.outputs;
  predicted.classes = run.classes;
  std::vector<std::vector<std::uint32_t>> taken(package.conditions.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    predicted.conditions.push_back(
        package::estimate(package.estimator, pictures.picture(i).data(), package.graph.input));
    taken[static_cast<std::size_t>(predicted.conditions.back())].push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t other = 0; other < taken.size(); ++other) {
    if (static_cast<int>(other) == k || taken[other].empty()) continue;
    const auto logits = reference_outputs(package, static_cast<int>(other), datasets::subset(pictures, taken[other]));
    for (std::size_t i = 0; i < taken[other].size(); ++i)
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i) * run.classes, run.classes,
                  predicted.outputs.begin() + static_cast<std::ptrdiff_t>(taken[other][i]) * run.classes);
  }
  return predicted;
}

}  // namespace automask::harness::steps
