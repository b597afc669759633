#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "graph/graph.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/graph/reference.h"

namespace automask {
namespace {

using graph::Op;
using nlohmann::json;

template <class F>
std::string fault(F&& f) {
  try {
    f();
  } catch (const graph::GraphError& e) {
    return e.what();
  }
  return "";
}

TEST(Graph, AddRefusesTakenNamesAndLaterInputs) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  EXPECT_EQ(net.add("a", Op::relu, {0}), 1);
  EXPECT_EQ(fault([&] { net.add("a", Op::relu, {0}); }), "node a: the name is taken");
  EXPECT_EQ(fault([&] { net.add("b", Op::relu, {2}); }), "node b: input 2 is no earlier node");
  EXPECT_EQ(net.find("a"), 1);
  EXPECT_EQ(net.find("b"), -1);
}

TEST(Shapes, OfAChain) {
  const graph::Graph net = networks::chain();
  const auto shapes = graph::infer_shapes(net);
  const auto of = [&](const char* name) { return shapes[net.find(name)]; };
  EXPECT_EQ(of("conv1"), (graph::Shape{5, 8, 4}));  // 9+1-3+1, (7+2-3)/2+1
  EXPECT_EQ(of("pool1"), (graph::Shape{5, 8, 4}));
  EXPECT_EQ(of("conv2"), (graph::Shape{6, 8, 4}));
  EXPECT_EQ(of("pool2"), (graph::Shape{6, 4, 2}));
  EXPECT_EQ(of("pool"), (graph::Shape{4, 1, 1}));
  EXPECT_EQ(of("fc"), (graph::Shape{3, 1, 1}));
}

// torch.nn.MaxPool2d of PyTorch 1.13: the sizes it gives for (size, kernel, stride, padding) with ceil_mode.
TEST(Shapes, CeilModeIsPyTorchs) {
  const struct {
    int size, kernel, stride, pad, expected;
  } cases[] = {{112, 3, 2, 0, 56}, {56, 3, 2, 0, 28}, {13, 3, 2, 0, 6}, {14, 2, 2, 0, 7}, {55, 3, 2, 0, 27},
               {7, 2, 2, 1, 4},    {6, 2, 3, 1, 3},   {5, 1, 3, 0, 2},  {4, 1, 3, 0, 2},  {5, 2, 4, 0, 2}};
  for (const auto& c : cases) {
    graph::Graph net = networks::start("n", 1, c.size, c.size);
    graph::Attributes a = networks::pool(c.kernel, c.stride, c.pad);
    a.ceil_mode = true;
    net.add("pool", Op::max_pool, {0}, a);
    EXPECT_EQ(graph::infer_shapes(net)[1].height, c.expected) << c.size << " " << c.kernel << " " << c.stride;
  }
}

TEST(Shapes, FaultsNameTheNode) {
  const auto with = [](Op op, std::vector<int> inputs, graph::Attributes a) {
    graph::Graph net = networks::start("n", 4, 6, 6);
    net.add("x", op, std::move(inputs), a);
    return fault([&] { graph::infer_shapes(net); });
  };
  using networks::conv;
  EXPECT_EQ(with(Op::conv2d, {0}, conv(0, 3)), "node x: out_channels is 0, must be from 1 to 16777216");
  EXPECT_EQ(with(Op::conv2d, {0}, conv(8, 7)), "node x: a window of 7 exceeds the padded width of 6");
  EXPECT_EQ(with(Op::conv2d, {0}, conv(8, 3, 0)), "node x: stride height is 0, must be from 1 to 16384");
  EXPECT_EQ(with(Op::conv2d, {0}, conv(8, 3, 1, -1)), "node x: padding is -1, must be from 0 to 16384");
  EXPECT_EQ(with(Op::conv2d, {0}, conv(8, 3, 1, 0, false, 3)),
            "node x: groups 3 does not divide 4 input and 8 output channels");
  EXPECT_EQ(with(Op::max_pool, {0}, networks::pool(2, 2, 2)), "node x: padding must be smaller than the kernel");
  EXPECT_EQ(with(Op::linear, {0}, networks::features(3)), "node x: takes features, not 4x6x6; put a flatten before it");
  EXPECT_EQ(with(Op::add, {0}, {}), "node x: add cannot have 1 inputs");
  EXPECT_EQ(with(Op::relu, {}, {}), "node x: relu cannot have 0 inputs");
  EXPECT_EQ(with(Op::input, {}, {}), "node x: only the first node may be an input");
  graph::Attributes eps;
  eps.eps = -1;
  EXPECT_EQ(with(Op::batch_norm, {0}, eps), "node x: eps must be a small number >= 0");
  EXPECT_EQ(with(Op::concat, {0}, {}), "node x: concat cannot have 1 inputs");
  EXPECT_EQ(with(Op::softmax, {0}, {}), "node x: takes features, not 4x6x6; put a flatten before it");
  graph::Attributes always;
  always.probability = 1;
  EXPECT_EQ(with(Op::dropout, {0}, always), "node x: probability must be at least 0 and below 1");
  EXPECT_EQ(with(Op::conv2d, {0}, conv((1 << 23) - 3, 1, 8)),
            "node x: the network has more than 2^23 channels in all its nodes");
  EXPECT_EQ(with(Op::conv2d, {0}, conv(1 << 24, 6)), "node x: the weight has more than 2^31 values");
  EXPECT_EQ(with(Op::conv2d, {0}, conv(1 << 24, 5, 1, 16384)), "node x: the activation has more than 2^31 values");

  graph::Graph net = networks::start("n", 4, 6, 6);
  net.add("half", Op::avg_pool, {0}, networks::pool(2, 2));
  net.add("x", Op::add, {0, 1});
  EXPECT_EQ(fault([&] { graph::infer_shapes(net); }), "node x: adds 4x6x6 and 4x3x3");
  net.nodes.back().op = Op::concat;
  EXPECT_EQ(fault([&] { graph::infer_shapes(net); }),
            "node x: concatenates 4x6x6 and 4x3x3, whose heights and widths differ");
  graph::Graph early = networks::start("n", 4, 1, 1);
  early.add("soft", Op::softmax, {0});
  early.add("relu", Op::relu, {1});
  EXPECT_EQ(fault([&] { graph::infer_shapes(early); }), "node soft: a softmax must be the last node");
  EXPECT_EQ(fault([] { graph::infer_shapes({}); }), "graph : has no nodes");
}

TEST(Parameters, InTheOrderOfTheNodesWithTorchvisionNames) {
  graph::Graph net = networks::start("n", 3, 6, 6);
  const int at = networks::conv_bn(net, "conv1", "bn1", 0, networks::conv(4, 3, 1, 1, true), true);
  networks::head(net, at, 2);
  const std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected = {
      {"conv1.weight", {4, 3, 3, 3}}, {"conv1.bias", {4}},      {"bn1.weight", {4}},   {"bn1.bias", {4}},
      {"bn1.running_mean", {4}},      {"bn1.running_var", {4}}, {"fc.weight", {2, 4}}, {"fc.bias", {2}}};
  EXPECT_EQ(graph::parameter_shapes(net), expected);
}

TEST(Parameters, CheckNamesTheTensor) {
  const graph::Graph net = networks::lenet();
  std::mt19937 random(3);
  const graph::TensorMap good = networks::random_weights(net, random);
  EXPECT_NO_THROW(graph::check_weights(net, good));
  graph::TensorMap weights = good;
  weights.erase("fc1.bias");
  EXPECT_EQ(fault([&] { graph::check_weights(net, weights); }), "tensor fc1.bias: is missing");
  weights = good;
  weights["fc9.bias"] = good.at("fc1.bias");
  EXPECT_EQ(fault([&] { graph::check_weights(net, weights); }), "tensor fc9.bias: no node has this parameter");
  weights = good;
  weights["fc1.bias"].shape = {12, 10};
  EXPECT_EQ(fault([&] { graph::check_weights(net, weights); }), "tensor fc1.bias: has shape [12, 10], must have [120]");
  weights = good;
  weights["fc1.bias"].data.pop_back();
  EXPECT_EQ(fault([&] { graph::check_weights(net, weights); }),
            "tensor fc1.bias: holds 119 values, its shape needs 120");
}

TEST(Json, RoundTripKeepsEveryNetwork) {
  for (const graph::Graph& net : networks::all()) {
    const json form = graph::to_json(net);
    const graph::Graph back = graph::graph_from_json(json::parse(form.dump()));
    EXPECT_EQ(graph::to_json(back), form);
    EXPECT_EQ(graph::parameter_shapes(back), graph::parameter_shapes(net));
    EXPECT_EQ(graph::infer_shapes(back), graph::infer_shapes(net));
    std::mt19937 random(4);
    const auto weights = networks::random_weights(net, random);
    const auto picture = networks::random_picture(net, random);
    EXPECT_EQ(reference::execute(back, weights, picture), reference::execute(net, weights, picture));
  }
}

TEST(Json, OmitsDefaults) {
  graph::Graph net = networks::start("n", 3, 6, 6);
  net.add("c", Op::conv2d, {0}, networks::conv(4, 1));
  EXPECT_EQ(graph::to_json(net)["nodes"][1].dump(), R"({"inputs":[0],"name":"c","op":"conv2d","out_channels":4})");
}

TEST(Json, KeepsAnUnusualEps) {
  graph::Graph net = networks::start("n", 3, 6, 6);
  graph::Attributes a;
  a.eps = 0.1 + 0.2;  // not a short decimal
  net.add("bn", Op::batch_norm, {0}, a);
  EXPECT_EQ(graph::graph_from_json(json::parse(graph::to_json(net).dump())).nodes[1].attributes.eps, 0.1 + 0.2);
}

TEST(Json, FaultsNameThePlace) {
  const json good = graph::to_json(networks::chain());
  const auto with = [&](const char* pointer, const json& value) {
    json changed = good;
    changed[json::json_pointer(pointer)] = value;
    return fault([&] { graph::graph_from_json(changed); });
  };
  EXPECT_EQ(with("/nodes/3/op", "lstm"), "/nodes/3/op: unknown operator \"lstm\"");
  EXPECT_EQ(with("/nodes/1/dilation", 2), "/nodes/1/dilation: must be an array of 2 integers");
  EXPECT_EQ(with("/nodes/1/ceil_mode", true), "/nodes/1/ceil_mode: unknown key for conv2d");
  EXPECT_EQ(with("/nodes/4/ceil_mode", 1), "/nodes/4/ceil_mode: must be true or false");
  EXPECT_EQ(with("/nodes/3/inputs", "bn1"), "/nodes/3/inputs: must be an array of node indices");
  EXPECT_EQ(with("/nodes/3/kernel", {3, 3}), "/nodes/3/kernel: unknown key for relu");
  EXPECT_EQ(with("/nodes/1/kernel", 3), "/nodes/1/kernel: must be an array of 2 integers");
  EXPECT_EQ(with("/nodes/1/kernel", {3, 1e9}), "/nodes/1/kernel/1: must be an integer");
  EXPECT_EQ(with("/nodes/1/out_channels", 5000000000),
            "/nodes/1/out_channels: is 5000000000, must be from 0 to 2147483647");
  EXPECT_EQ(with("/nodes/1/out_channels", -5), "/nodes/1/out_channels: is -5, must be from 0 to 2147483647");
  EXPECT_EQ(with("/nodes/5/bias", 1), "/nodes/5/bias: must be true or false");
  EXPECT_EQ(with("/nodes/2/eps", "x"), "/nodes/2/eps: must be a number");
  EXPECT_EQ(with("/nodes/2/name", "conv1"), "node conv1: the name is taken");
  EXPECT_EQ(with("/nodes/2", 5), "/nodes/2: must be an object");
  EXPECT_EQ(with("/nodes/2", json::object()), "/nodes/2: the key \"name\" is missing");
  EXPECT_EQ(with("/nodes", 5), "/nodes: must be an array");
  EXPECT_EQ(with("/name", 5), "/name: must be a string");
  EXPECT_EQ(with("/extra", 5), "/extra: unknown key for a graph");
  EXPECT_EQ(with("/input", {3, 32}), "/input: must be an array of 3 integers");
  EXPECT_EQ(fault([] { graph::graph_from_json(json(7)); }), "/: must be an object");
}

TEST(Reference, ComputesAConvolutionAndPoolsByHand) {
  graph::Graph net = networks::start("n", 1, 2, 2);
  const int conv = net.add("conv", Op::conv2d, {0}, networks::conv(1, 2, 1, 1, true));
  net.add("max", Op::max_pool, {conv}, networks::pool(2, 1));
  net.add("avg", Op::avg_pool, {conv}, networks::pool(2, 2, 1));
  const graph::TensorMap weights = {{"conv.weight", {{1, 1, 2, 2}, {1, 2, 3, 4}}}, {"conv.bias", {{1}, {10}}}};
  const auto outs = reference::execute_all(net, weights, {1, 2, 3, 4});
  EXPECT_THAT(outs[1].values, testing::ElementsAre(14, 21, 16, 24, 40, 24, 16, 21, 14));
  EXPECT_THAT(outs[2].values, testing::ElementsAre(40, 40, 40, 40));
  EXPECT_THAT(outs[3].values, testing::ElementsAre(14, 37 / 2.0f, 40 / 2.0f, 99 / 4.0f));
}

TEST(Reference, ComputesCeilModeConcatAndActivationsByHand) {
  graph::Graph net = networks::start("n", 1, 3, 1);
  graph::Attributes a = networks::pool(2, 2);
  a.kernel_w = 1;
  a.ceil_mode = true;
  const int max = net.add("max", Op::max_pool, {0}, a);
  a.pad_top = 1;
  const int avg = net.add("avg", Op::avg_pool, {0}, a);
  a.count_include_pad = true;
  const int padded = net.add("padded", Op::avg_pool, {0}, a);
  const int joined = net.add("joined", Op::concat, {max, avg, padded});
  const int clipped = net.add("clipped", Op::relu6, {joined});
  net.add("softmax", Op::softmax, {net.add("flatten", Op::flatten, {clipped})});
  const auto outs = reference::execute_all(net, {}, {-4, 8, 2});
  EXPECT_THAT(outs[max].values, testing::ElementsAre(8, 2));
  EXPECT_THAT(outs[joined].values, testing::ElementsAre(8, 2, -4, 5, -2, 5));
  EXPECT_THAT(outs[clipped].values, testing::ElementsAre(6, 2, 0, 5, 0, 5));
  EXPECT_NEAR(outs.back().values[0], std::exp(6.) / (std::exp(6.) + std::exp(2.) + 2 * std::exp(5.) + 2), 1e-6);
}

}  // namespace
}  // namespace automask
