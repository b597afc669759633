// The compiled stream on the HLS source, compiled as C++, against the integer reference: bit for bit.
#include <set>

#include "tests/unit/cpu/zoo_networks.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {
namespace {

using cpu::Builder;
using graph::Op;

TEST(Simulation, RandomNetworksGiveTheReferencesBits) {
  std::set<Op> seen;
  std::set<Unit> units;
  for (unsigned seed = 0; seed < 400; ++seed) {
    const graph::Graph graph = cpu::random_graph(seed);
    for (const graph::Node& node : graph.nodes) seen.insert(node.op);
    const package::IntegerNetwork network = cpu::random_integers(graph, seed, seed % 3 == 0);
    for (const Layer& layer : lower(network).layers) units.insert(layer.unit);
    ASSERT_TRUE(agrees(network)) << "seed " << seed << " " << graph::to_json(graph).dump();
  }
  EXPECT_EQ(seen.size(), 14U) << "every operator but batch_norm";
  EXPECT_EQ(units.size(), 3U);
}

// Kernels up to 11 x 11, strides, asymmetric padding, channels that are no multiple of anything; weights of several
// chunks and inputs of several tiles among them.
TEST(Simulation, RandomConvolutionsGiveTheReferencesBits) {
  std::mt19937 random(5);
  const auto number = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (unsigned seed = 0; seed < 120; ++seed) {
    Builder b({number(1, 6), number(11, 30), number(11, 30)});
    const int channels = number(1, seed % 10 == 0 ? 520 : 90);
    int x = b.relu(b.conv(0, channels, 1));
    graph::Attributes a;
    a.kernel_h = number(1, 11);
    a.kernel_w = number(1, 11);
    a.stride_h = number(1, 4);
    a.stride_w = number(1, 4);
    a.pad_top = number(0, 5);
    a.pad_left = number(0, 5);
    a.pad_bottom = number(0, 5);
    a.pad_right = number(0, 5);
    if (seed % 4 == 0) {
      a.groups = a.out_channels = channels;
    } else {
      a.out_channels = number(1, 40);
      a.dilation_h = a.kernel_h < 6 ? number(1, 2) : 1;
    }
    x = b.node(Op::conv2d, {x}, a);
    b.classify(b.relu(x), 10);
    ASSERT_TRUE(agrees(cpu::random_integers(b.network, seed, false), 1)) << graph::to_json(b.network).dump();
  }
}

// The largest sums that a cascade's lower product, and an accumulator, must hold.
TEST(Simulation, ExtremeValuesDontOverflow) {
  for (const int weight : {-127, 127})
    for (const int value : {-127, 127}) {
      Builder b({3, 8, 8});
      b.classify(b.conv(b.conv(0, 24, 3, 1, 1), 40, 3, 1, 1), 10);
      package::IntegerNetwork network = cpu::random_integers(b.network, 1, false);
      for (auto& [name, weights] : network.weights) std::fill(weights.begin(), weights.end(), weight);
      std::fill(network.input_table.begin(), network.input_table.end(), value);
      EXPECT_TRUE(agrees(network)) << weight << " " << value;
    }
}

TEST(Simulation, EveryZooNetworkGivesTheReferencesBits) {
  for (const models::ZooEntry& entry : models::zoo()) {
    const package::IntegerNetwork network = cpu::random_integers(cpu::small_zoo_network(entry), 1, false);
    for (const Layer& layer : lower(network).layers)
      EXPECT_NE(layer.unit, Unit::arm) << entry.name << ": " << layer.name << ": " << layer.reason;
    EXPECT_TRUE(agrees(network, 1)) << entry.name;
  }
}

// One union in memory, and each condition through its own lists.
TEST(Simulation, EveryConditionOfAPackageGivesItsReferencesBits) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    Builder b({3, 17, 13});
    const int stem = b.relu(b.conv(0, 37, 3, 2, 1));
    const int wide = b.relu(b.conv(stem, 50, 1));
    const int deep = b.relu(b.conv(wide, 50, 3, 1, 1, 50));
    const int block = b.relu(b.add({b.conv(deep, 37, 3, 1, 1), stem}));
    const int both = b.node(Op::concat, {b.conv(block, 21, 1), b.relu(b.conv(block, 18, 5, 1, 2))});
    const int pooled = b.pool(Op::max_pool, both, 3, 2, 1);
    b.linear(b.node(Op::dropout, {b.relu(b.linear(b.node(Op::flatten, {pooled}), 30))}), 11);
    const package::Package package = masked_package(b.network, 3, 0.5, seed, seed % 2 == 1);
    const package::Package read = package::decode(package::encode(package), "package");
    const Image image = compile(read);
    const auto port = simulation_port();
    Executor executor(image, *port);
    for (const int condition : {2, 0, 1, 0})
      ASSERT_TRUE(agrees(package::materialise_integers(read, condition), executor, condition))
          << "seed " << seed << ", condition " << condition;
  }
}

// Streams of one layer each, as a board's layers are timed, give the same.
TEST(Simulation, LayersApartGiveTheReferencesBits) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const package::IntegerNetwork network = cpu::random_integers(cpu::random_graph(seed), seed, false);
    const Image image = compile(network, {}, Layers::apart);
    ASSERT_EQ(image.programs[0].segments.size(), image.programs[0].lowered.layers.size());
    const auto port = simulation_port();
    Executor executor(image, *port);
    ASSERT_TRUE(agrees(network, executor, 0)) << "seed " << seed;
  }
}

// Depthwise layers of which a condition keeps one channel become convolutions, whose rows are filters.
TEST(Simulation, OneChannelOfADepthwiseLayerGivesItsReferencesBits) {
  Builder b({3, 12, 12});
  const int wide = b.relu(b.conv(0, 9, 1));
  b.classify(b.conv(b.relu(b.conv(wide, 9, 3, 1, 1, 9)), 5, 1), 4);
  package::Package package = masked_package(b.network, 2, 1.0, 1);
  for (auto& group : package.conditions[1].mask)
    for (std::size_t c = 0; group.size() == 9 && c < 9; ++c) group[c] = c == 4 ? 1 : 0;
  const Image image = compile(package);
  const auto port = simulation_port();
  Executor executor(image, *port);
  for (const int condition : {0, 1})
    EXPECT_TRUE(agrees(package::materialise_integers(package, condition), executor, condition)) << condition;
}

}  // namespace
}  // namespace automask::z7020
