#include "hw_targets/cpu/integer_network.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <set>

#include "hw_targets/package/reference.h"
#include "models/fold.h"
#include "models/zoo.h"
#include "tests/unit/cpu/integer_networks.h"
#include "tests/unit/cpu/networks.h"

namespace automask::cpu {
namespace {

using graph::Op;

// Twice: a value must not survive into the next picture.
::testing::AssertionResult agrees(const package::IntegerNetwork& network, const Kernels& kernels) {
  IntegerNetwork fast(network, kernels);
  for (unsigned p = 0; p < 2; ++p) {
    const auto picture = random_picture(network.graph.input, p);
    const std::vector<float> expected = package::reference_logits(network, picture.data());
    std::vector<float> logits(expected.size(), -1e9F);
    fast.run(picture.data(), logits.data());
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (logits[i] != expected[i])
        return ::testing::AssertionFailure() << kernels.name << ", picture " << p << ", logit " << i << " of "
                                             << expected.size() << ": " << logits[i] << " instead of " << expected[i];
  }
  return ::testing::AssertionSuccess();
}

class Instructions : public ::testing::TestWithParam<const Kernels*> {
 protected:
  void SetUp() override {
    if (GetParam() == &avx2_kernels && &best_kernels() != &avx2_kernels) GTEST_SKIP() << "no AVX2 here";
  }
};

TEST_P(Instructions, RandomNetworksGiveTheReferencesBits) {
  std::set<Op> seen;
  for (unsigned seed = 0; seed < 400; ++seed) {
    omp_set_num_threads(seed % 2 == 0 ? 1 : 2);
    const graph::Graph graph = random_graph(seed);
    for (const graph::Node& node : graph.nodes) seen.insert(node.op);
    ASSERT_TRUE(agrees(random_integers(graph, seed, seed % 3 == 0), *GetParam()))
        << "seed " << seed << " " << graph::to_json(graph).dump();
  }
  EXPECT_EQ(seen.size(), 14U) << "every operator but batch_norm";
}

// The largest sums of two products that the kernels hold in 16 bits.
TEST_P(Instructions, ExtremeValuesDontSaturate) {
  for (const int weight : {-127, 127})
    for (const int value : {-127, 127}) {
      Builder b({3, 8, 8});
      b.classify(b.relu(b.conv(b.conv(0, 24, 3, 1, 1), 40, 3, 1, 1)), 10);
      package::IntegerNetwork network = random_integers(b.network, 1, false);
      for (auto& [name, weights] : network.weights) std::fill(weights.begin(), weights.end(), weight);
      std::fill(network.input_table.begin(), network.input_table.end(), value);
      EXPECT_TRUE(agrees(network, *GetParam())) << weight << " " << value;
    }
}

// Widths with and without inner columns, pairs of them and one left over; whole and cut blocks of channels.
TEST_P(Instructions, DepthwiseLayersGiveTheReferencesBits) {
  unsigned seed = 0;
  for (const int channels : {8, 16, 24, 33, 48})
    for (int side = 3; side <= 9; ++side)
      for (const int stride : {1, 2, 3})
        for (const int pad : {0, 1, 2}) {
          Builder b({3, 4, side});
          const int wide = b.conv(0, channels, 1);
          const int from = seed % 2 == 0 ? b.relu(wide) : wide;
          const int layer = b.conv(from, channels, 3, stride, pad, channels);
          const bool adds = stride == 1 && pad == 1 && seed % 3 == 0;
          b.classify(b.relu(adds ? b.add({layer, from}) : layer), 10);
          omp_set_num_threads(1 + static_cast<int>(seed % 2));
          ASSERT_TRUE(agrees(random_integers(b.network, seed, seed % 5 == 0), *GetParam()))
              << channels << " channels, side " << side << ", stride " << stride << ", pad " << pad;
          ++seed;
        }
}

TEST(IntegerNetwork, EveryZooNetworkGivesTheReferencesBits) {
  omp_set_num_threads(2);
  for (const models::ZooEntry& entry : models::zoo()) {
    // AlexNet's and VGG's poolings fit 224 x 224 only; the reference is slow, and these are left fewer channels.
    const bool whole = entry.name.starts_with("alexnet") || entry.name.starts_with("vgg");
    const int side = whole ? 224 : entry.preprocessing.input.height > 64 ? 64 : 16;
    const std::size_t thinning = whole ? 21 : 6;
    graph::Graph graph = models::build_published(entry, {entry.preprocessing.input.channels, side, side}, 7);
    // With some of the channels, as masks make them, whose numbers are no multiples of anything.
    const graph::ChannelGroups groups = graph::channel_groups(graph);
    graph::Mask mask = graph::full_mask(groups);
    for (std::size_t g = 0; g < mask.size(); ++g)
      for (std::size_t c = 0; groups.groups[g].maskable && c < mask[g].size(); ++c) mask[g][c] = c % thinning == 0;
    graph = graph::shrink(graph, mask);
    graph::TensorMap weights = random_weights(graph, 1);
    models::fold_normalisation(graph, weights);
    EXPECT_TRUE(agrees(random_integers(graph, 1, false), best_kernels())) << entry.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Integer, Instructions, ::testing::Values(&plain_kernels, &avx2_kernels),
                         [](const auto& instance) { return std::string(instance.index == 0 ? "plain" : "avx2"); });

}  // namespace
}  // namespace automask::cpu
