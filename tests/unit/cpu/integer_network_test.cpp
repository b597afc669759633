#include "hw_targets/cpu/integer_network.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <set>

#include "hw_targets/package/reference.h"
#include "tests/unit/cpu/integer_networks.h"
#include "tests/unit/cpu/networks.h"
#include "tests/unit/cpu/zoo_networks.h"

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
    EXPECT_TRUE(agrees(random_integers(small_zoo_network(entry), 1, false), best_kernels())) << entry.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Integer, Instructions, ::testing::Values(&plain_kernels, &avx2_kernels),
                         [](const auto& instance) { return std::string(instance.index == 0 ? "plain" : "avx2"); });

}  // namespace
}  // namespace automask::cpu
