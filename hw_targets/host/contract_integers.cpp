#include "hw_targets/host/contract_integers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/philox.h"
#include "hw_targets/package/reference.h"

namespace automask::host {
namespace {

using graph::Op;

constexpr std::uint64_t integers_seed = 22;
constexpr float step = 0.02F;                    // of every activation
constexpr double spread = 60, mean_weight = 73;  // of values; of |weight| in [-127, 127]

std::int32_t between(int low, int high, core::RandomStream& random) {
  return low + static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(high - low + 1)));
}

package::Requantisation factor(double about, core::RandomStream& random) {
  return package::requantisation_of(about * (0.75 + between(0, 1000, random) / 2000.0));
}

// What a node needs of a condition, per channel of the union where it has channels.
std::vector<package::Requantisation> requantisations(const graph::Node& node, const graph::Shape& in,
                                                     const graph::Shape& out, core::RandomStream& random) {
  std::vector<package::Requantisation> result;
  if (node.op == Op::conv2d || node.op == Op::linear) {
    const graph::Attributes& a = node.attributes;
    const int fan_in =
        node.op == Op::linear ? in.channels * in.height * in.width : in.channels / a.groups * a.kernel_h * a.kernel_w;
    const double sums = mean_weight * spread * std::sqrt(fan_in);
    for (int c = 0; c < out.channels; ++c) {
      result.push_back(factor(spread / sums, random));
      result.back().bias = between(-static_cast<int>(sums / 2), static_cast<int>(sums / 2), random);
    }
  } else if (node.op == Op::add) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      result.emplace_back();
      result.back().multiplier = static_cast<std::int16_t>(between(12000, 24000, random));
      result.back().shift = 15;
    }
  } else if (node.op == Op::global_avg_pool) {
    result.push_back(factor(1.0 / (in.height * in.width), random));
  }
  return result;
}

}  // namespace

package::Package in_integers(const package::Package& real) {
  core::RandomStream random(integers_seed);
  package::Package package = real;
  package.format = package::Format::int8;
  package.weights.clear();
  const std::vector<graph::Shape> shapes = graph::infer_shapes(real.graph);
  const auto draw = [&](const graph::TensorMap& from, graph::TensorMap& weights,
                        std::map<std::string, std::vector<float>>& scales) {
    for (const auto& [name, tensor] : from) {
      const std::string node = name.substr(0, name.rfind('.'));
      if (name != node + ".weight") continue;  // biases are part of the requantisation
      graph::Tensor integers{tensor.shape, {}};
      for (std::size_t i = 0; i < tensor.data.size(); ++i)
        integers.data.push_back(static_cast<float>(between(-127, 127, random)));
      weights[name] = integers;
      scales[node].assign(static_cast<std::size_t>(tensor.shape[0]), 1.0F / 127);
    }
  };
  draw(real.weights, package.weights, package.weight_scale);
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    package::Condition& condition = package.conditions[k];
    draw(real.conditions[k].weights, condition.weights, condition.weight_scale);
    condition.scale.clear();
    condition.bias.clear();
    condition.integers.scale.assign(shapes.size(), step);
    for (std::size_t i = 1; i < shapes.size(); ++i) {
      const graph::Node& node = real.graph.nodes[i];
      const graph::Shape& in = shapes[static_cast<std::size_t>(node.inputs[0])];
      auto values = requantisations(node, in, shapes[i], random);
      if (!values.empty()) condition.integers.of_node[node.name] = std::move(values);
    }
  }
  for (std::size_t c = 0; c < real.input_mean.size(); ++c)
    for (int level = 0; level < 256; ++level) {
      const double value = (level / 255.0 - real.input_mean[c]) / real.input_deviation[c] / step;
      package.input_table.push_back(static_cast<std::int8_t>(std::clamp(std::lround(value), -127L, 127L)));
    }
  // What a condition drops is not stored, and 0 when read.
  return package::decode(package::encode(package), "contract");
}

std::vector<double> integer_logits(const package::Package& package, int k, const std::vector<std::string>& pictures) {
  const package::IntegerNetwork network = package::materialise_integers(package, k);
  std::vector<double> logits;
  for (const std::string& picture : pictures)
    for (const float logit : package::reference_logits(network, reinterpret_cast<const std::uint8_t*>(picture.data())))
      logits.push_back(logit);
  return logits;
}

}  // namespace automask::host
