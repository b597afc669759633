// The TX2 model against NVIDIA's published latencies, each network once left out of the fit; docs/tx2.md shows it.
#include "hw_targets/cuda/roofline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "models/zoo.h"

namespace automask::cuda {
namespace {

// Milliseconds, TensorRT on a TX2. Source: github.com/NVIDIA-AI-IOT/tf_to_trt_image_classification, README, "Models".
struct Line {
  const char* network;
  double half_ms, float_ms;
};
constexpr Line lines[] = {{"googlenet", 7.98, 12.8}, {"resnet50", 15.7, 27.1}, {"vgg16", 38.2, 79.2}};

// Costs ask for shapes alone: weights stay empty but for the biases that fusing reads.
std::vector<LayerCost> costs(const std::string& name, bool half) {
  graph::Graph graph = models::build_published(*models::find_in_zoo(name), {3, 224, 224}, 1000);
  for (graph::Node& node : graph.nodes)
    if (node.op == graph::Op::batch_norm) node.op = graph::Op::affine;
  package::Package package;
  package.graph = graph;
  package.format = half ? package::Format::fp16 : package::Format::fp32;
  package::Condition condition;
  condition.name = "*";
  condition.mask = graph::full_mask(graph::channel_groups(graph));
  for (const auto& [parameter, shape] : graph::parameter_shapes(graph)) {
    const std::string node = parameter.substr(0, parameter.rfind('.'));
    const std::vector<float> values(static_cast<std::size_t>(shape[0]), 1.F);
    if (graph.nodes[static_cast<std::size_t>(graph.find(node))].op == graph::Op::affine)
      condition.scale[node] = condition.bias[node] = values;
    else if (parameter.ends_with(".bias"))
      package.weights[parameter] = {shape, values};
  }
  package.conditions.push_back(condition);
  return costs_of(lower(package, 0));
}

std::vector<Published> published(const std::string& without) {
  std::vector<Published> all;
  for (const Line& line : lines)
    for (const bool half : {true, false})
      if (line.network != without)
        all.push_back({half, costs(line.network, half), half ? line.half_ms : line.float_ms});
  return all;
}

TEST(Roofline, PredictsTheNetworkThatWasLeftOutWithinAQuarter) {
  for (const Line& line : lines) {
    const Shares shares = fit(published(line.network));
    for (const bool half : {true, false}) {
      const double ms = network_ms(tx2(half, shares), costs(line.network, half));
      const double measured = half ? line.half_ms : line.float_ms;
      EXPECT_LT(std::max(ms / measured, measured / ms), 1.25) << line.network << (half ? " FP16" : " FP32");
      std::cout << line.network << (half ? " fp16 " : " fp32 ") << ms << " ms, published " << measured << ", shares "
                << shares.compute << " " << shares.memory << ", " << shares.layer_ms << " ms a launch\n";
    }
  }
}

TEST(Roofline, ShipsTheFitOfAllThree) {
  const Shares shares = fit(published(""));
  EXPECT_NEAR(fitted_shares().compute, shares.compute, 1e-3);
  EXPECT_NEAR(fitted_shares().memory, shares.memory, 1e-3);
  EXPECT_NEAR(fitted_shares().layer_ms, shares.layer_ms, 1e-4);
}

TEST(Roofline, FindsTheSharesThatMadeTheNumbers) {
  const Shares truth{0.4, 0.7, 0.03};
  std::vector<Published> made;
  for (const Line& line : lines) {
    made.push_back({true, costs(line.network, true), 0});
    made.back().ms = network_ms(tx2(true, truth), made.back().layers);
  }
  const Shares found = fit(made);
  for (const Published& network : made) EXPECT_NEAR(network_ms(tx2(true, found), network.layers) / network.ms, 1, 0.01);
}

}  // namespace
}  // namespace automask::cuda
