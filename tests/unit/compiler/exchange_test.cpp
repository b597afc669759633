// Packages on their way to ONNX: the network is the condition's, and the scales are those of the integer arithmetic.
#include "hw_targets/compiler/exchange.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hw_targets/compiler/package_reference.h"
#include "hw_targets/compiler/quantise.h"
#include "hw_targets/package/reference.h"
#include "tests/unit/package/packages.h"

namespace automask {
namespace {

constexpr int count = 4;

std::vector<std::uint8_t> noise(const graph::Graph& net) {
  std::mt19937 random(3);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * net.input.channels * net.input.height) *
                                  static_cast<std::size_t>(net.input.width));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

package::Package integers_of(const package::Package& real) {
  const compiler::CalibrationPictures pictures{noise(real.graph), count};
  return compiler::quantise(real, std::vector<compiler::CalibrationPictures>(real.conditions.size(), pictures), {});
}

class Exchange : public testing::TestWithParam<graph::Graph> {
 protected:
  package::Package real = packages::make(GetParam(), {"clean", "jpeg:q10"}, 4);
  package::Package integers = integers_of(real);
};

TEST_P(Exchange, OnnxIsTheConditionsNetwork) {
  for (int k = 0; k < 2; ++k) {
    const models::OnnxModel model = compiler::onnx_model(real, k);
    graph::check_weights(model.graph, model.weights);
    EXPECT_EQ(graph::to_json(model.graph), graph::to_json(package::materialise(real, k).graph));
    EXPECT_EQ(model.metadata.at("automask.condition"), real.conditions[static_cast<std::size_t>(k)].name);
    EXPECT_EQ(nlohmann::json::parse(model.metadata.at("automask.classes")), real.classes);
  }
}

// One layer in real arithmetic on the stored scales gives what the integer arithmetic rounds.
TEST_P(Exchange, ScalesAreTheRequantisations) {
  for (int k = 0; k < 2; ++k) {
    const package::IntegerNetwork network = package::materialise_integers(integers, k);
    const models::QuantisedModel model = compiler::onnx_qdq_model(integers, k);
    ASSERT_EQ(model.scale, network.integers.scale);
    int seen = 0;
    for (std::size_t i = 0; i < network.graph.nodes.size(); ++i) {
      const graph::Node& node = network.graph.nodes[i];
      if (model.layers.count(node.name) == 0) continue;
      const models::QuantisedModel::Layer& layer = model.layers.at(node.name);
      const auto& list = network.integers.of_node.at(node.name);
      const double in = model.scale[static_cast<std::size_t>(node.inputs[0])], out = model.scale[i];
      const bool affine = node.op == graph::Op::affine;
      for (std::size_t c = 0; c < list.size(); ++c, ++seen) {
        // The first weight of a channel alone, on a value of 100 steps.
        const std::size_t row = layer.weight.size() / list.size();
        const double real_sum = (100.0 * layer.weight[c * row] + layer.bias[c]) * layer.weight_scale[c] * in / out;
        const std::int64_t acc = affine ? 100 * 256 : std::int64_t{100} * network.weights.at(node.name)[c * row];
        const double exact = std::ldexp(static_cast<double>(acc + list[c].bias) * list[c].multiplier, -list[c].shift);
        ASSERT_GT(layer.weight_scale[c], 0) << node.name;
        // An affine's bias is rounded to a multiple of 4 of its accumulator's steps.
        const double rounding = affine ? std::ldexp(2.001 * std::abs(list[c].multiplier), -list[c].shift) : 1e-9;
        ASSERT_NEAR(real_sum, exact, 1e-5 * std::abs(exact) + rounding) << node.name << " " << c;
      }
    }
    EXPECT_GT(seen, 0);
  }
}

TEST_P(Exchange, ReferenceOfAnyFormatIsTheSlowOne) {
  std::vector<std::uint8_t> bytes = noise(real.graph);
  const graph::Shape in = real.graph.input;
  const torch::Tensor batch = torch::from_blob(bytes.data(), {count, in.height, in.width, in.channels}, torch::kByte);
  const torch::InferenceMode guard;
  for (const int threads : {1, 3}) {
    const torch::Tensor logits = compiler::PackageReference(integers, 1).logits(batch, threads);
    for (int i = 0; i < count; ++i) {
      const auto expected =
          package::reference_logits(package::materialise_integers(integers, 1), batch[i].data_ptr<std::uint8_t>());
      const float* found = logits.data_ptr<float>() + i * logits.size(1);
      EXPECT_EQ(std::vector<float>(found, found + logits.size(1)), expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Exchange, testing::ValuesIn(networks::all()),
                         [](const auto& net) { return net.param.name; });

}  // namespace
}  // namespace automask
