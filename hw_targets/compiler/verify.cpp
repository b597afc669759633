#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "hw_targets/compiler/compile.h"
#include "hw_targets/compiler/package_reference.h"
#include "hw_targets/compiler/plain_network.h"
#include "models/network.h"

namespace automask::compiler {
namespace {

constexpr int batch_size = 250;

[[noreturn]] void fail(const std::string& place, const std::string& problem) {
  throw core::Error(core::ExitCode::steps_failed, "verify: " + place, problem, "compile the checkpoint again");
}

models::Network shrunk_network(const models::Checkpoint& checkpoint, std::size_t k) {
  graph::TensorMap weights = checkpoint.weights;
  for (const auto& [name, tensor] : checkpoint.normalisation[k]) weights[name] = tensor;
  return plain_network(graph::shrink(checkpoint.graph, checkpoint.masks[k]),
                       graph::shrink_weights(checkpoint.graph, checkpoint.masks[k], weights));
}

// max |a - b|; infinity as soon as either holds something that is no number.
double difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  const double largest = (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().max().item<double>();
  return std::isfinite(largest) ? largest : std::numeric_limits<double>::infinity();
}

// sum |a - b|, likewise.
double total_difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  const double sum = (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().sum().item<double>();
  return std::isfinite(sum) ? sum : std::numeric_limits<double>::infinity();
}

void check_arguments(const models::Checkpoint& checkpoint, const package::Package& package,
                     const std::vector<std::uint8_t>& pictures, int count) {
  const graph::Shape in = checkpoint.graph.input;
  if (count < 1 || pictures.size() != static_cast<std::size_t>(count) * in.height * in.width * in.channels)
    fail("pictures", std::to_string(pictures.size()) + " bytes are not " + std::to_string(count) + " pictures of " +
                         std::to_string(in.height) + "x" + std::to_string(in.width) + "x" +
                         std::to_string(in.channels));
  if (!(package.graph.input == in)) fail("package", "its input differs from the checkpoint's");
  std::vector<std::string> names;
  for (const auto& condition : package.conditions) names.push_back(condition.name);
  if (names != checkpoint.conditions) fail("package", "its conditions differ from the checkpoint's");
}

}  // namespace

bool Verification::passed() const {
  // Written so that NaN fails.
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [this](const Row& row) {
    return row.shrunk_difference <= tolerance && row.package_difference <= package_tolerance;
  });
}

double tolerance_of(package::Format format) {
  switch (format) {
    case package::Format::fp16:
      return 1e-2;
    case package::Format::int8:
      return 0.25;
    case package::Format::fp32:
      break;
  }
  return Verification{}.tolerance;
}

Verification verify(const models::Checkpoint& checkpoint, const package::Package& package,
                    const std::vector<std::uint8_t>& pictures, int count, int threads) {
  check_arguments(checkpoint, package, pictures, count);
  const Threads set_threads(threads);
  const torch::NoGradGuard no_grad;
  models::Network masked(checkpoint);
  masked.eval();
  const graph::Cost dense = graph::cost(checkpoint.graph);

  Verification result;
  result.package_tolerance = tolerance_of(package.format);
  for (std::size_t k = 0; k < checkpoint.conditions.size(); ++k) {
    Verification::Row row;
    row.condition = checkpoint.conditions[k];
    models::Network shrunk = shrunk_network(checkpoint, k);
    PackageReference packaged(package, static_cast<int>(k));
    row.macs = graph::cost(shrunk.graph()).macs;
    row.macs_share = static_cast<double>(row.macs) / static_cast<double>(std::max<std::int64_t>(dense.macs, 1));
    if (graph::cost(packaged.graph()).macs != row.macs)
      fail("condition " + row.condition, "the package needs other MACs than the shrunk network");

    double largest = 0, differences = 0, logits = 0;
    for (int first = 0; first < count; first += batch_size) {
      const graph::Shape in = checkpoint.graph.input;
      const int size = std::min(batch_size, count - first);
      const std::size_t offset = static_cast<std::size_t>(first) * in.height * in.width * in.channels;
      // from_blob takes a pointer to mutable data; to_input only reads it.
      const torch::Tensor batch = torch::from_blob(const_cast<std::uint8_t*>(pictures.data() + offset),
                                                   {size, in.height, in.width, in.channels}, torch::kByte);
      const torch::Tensor x = models::to_input(batch, checkpoint.input);
      const torch::Tensor expected = masked.forward(x, static_cast<int>(k));
      row.shrunk_difference = std::max(row.shrunk_difference, difference(expected, shrunk.forward(x)));
      torch::Tensor answered = packaged.logits(batch, threads);
      // Integers end before a softmax.
      if (package.format == package::Format::int8 && package.graph.nodes.back().op == graph::Op::softmax)
        answered = answered.softmax(1);
      row.largest_difference = std::max(row.largest_difference, difference(expected, answered));
      differences += total_difference(expected, answered);
      logits += expected.to(torch::kDouble).abs().sum().item<double>();
      if (answered.sizes() == expected.sizes())
        row.same_class += expected.argmax(1).eq(answered.argmax(1)).sum().item<std::int64_t>();
      largest = std::max(largest, expected.abs().max().item<double>());
    }
    // Relative to the logits; a network that answers only zeros is compared absolutely.
    const double scale = largest > 0 ? largest : 1;
    row.shrunk_difference /= scale;
    row.largest_difference /= scale;
    row.package_difference =
        package.format == package::Format::int8 ? differences / std::max(logits, 1e-9) : row.largest_difference;
    result.rows.push_back(row);
  }
  result.package_bytes = static_cast<std::int64_t>(package::encode(package).size());
  result.dense_bytes = 4 * dense.parameters;
  return result;
}

}  // namespace automask::compiler
