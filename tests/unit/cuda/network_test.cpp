// Whole networks through the launch shim against slow loops in double precision: fusion, places in memory, masks,
// switches. As in the runner, but in one process.
#include "hw_targets/cuda/network.h"

#include <gmock/gmock.h>

#include "hw_targets/cuda/shim/shim_device.h"
#include "tests/unit/cpu/zoo_networks.h"
#include "tests/unit/cuda/packages.h"

namespace automask::cuda {
namespace {

using cpu::Builder;

class Networks : public testing::TestWithParam<bool> {  // half?
 protected:
  // Conditions there and back, so that one's weights must not be left for the next.
  void expect(const package::Package& package, const std::string& name) {
    const auto device = shim_device();
    Network network(*device, package, false);
    std::vector<int> order;
    for (int k = static_cast<int>(package.conditions.size()) - 1; k >= 0; --k) order.push_back(k);
    order.push_back(order.front());
    unsigned seed = 1;
    for (const int k : order) {
      const auto picture = cpu::random_picture(package.graph.input, ++seed);
      network.select(k);
      network.put(picture.data());
      network.run();
      std::vector<float> logits(package.classes.size());
      network.logits(logits.data());
      const double error = disagreement(logits, slow_logits(package, k, picture));
      EXPECT_LE(error, GetParam() ? 2e-2 : 1e-4) << name << ", condition " << k;
    }
    EXPECT_THAT(network.warnings(), testing::IsEmpty()) << name;
  }
  void expect(const graph::Graph& graph, const std::string& name, unsigned seed = 1) {
    for (const unsigned stem : {0U, 1U})  // shared, private
      expect(random_package(graph, {"clean", "jpeg:q30", "jpeg:q10"}, GetParam(), 2 * seed + stem), name);
  }
};

TEST_P(Networks, ResidualsAndAffines) {
  Builder b({3, 19, 17});
  const auto normalised = [&](int from) { return b.node(graph::Op::affine, {from}); };
  int x = b.relu(normalised(b.conv(0, 24, 3, 2, 1, 1, false)));
  x = b.relu(b.add({normalised(b.conv(b.relu(normalised(b.conv(x, 20, 3, 1, 1))), 24, 3, 1, 1)), x}));
  const int wide = normalised(b.conv(x, 40, 1, 2, 0, 1, false));
  x = b.relu(b.add({normalised(b.conv(b.relu(b.conv(x, 24, 3, 2, 1)), 40, 3, 1, 1)), wide}));
  // Activation before the sum, an affine of a sum, a sum of three, a value added to itself.
  x = normalised(b.add({b.relu(b.conv(x, 40, 1)), x}));
  x = b.add({x, b.conv(x, 40, 1), b.node(graph::Op::relu6, {x})});
  x = b.relu(b.add({x, x}));
  b.classify(x, 10);
  expect(b.network, "residual");
}

TEST_P(Networks, ConcatsInConcats) {
  Builder b({1, 16, 16});
  const int stem = b.relu(b.conv(0, 16, 3, 1, 1));
  const int left = b.relu(b.conv(stem, 9, 1)), right = b.relu(b.conv(stem, 7, 3, 1, 1));
  const int inner = b.node(graph::Op::concat, {left, right});
  const int pooled = b.pool(graph::Op::max_pool, stem, 3, 1, 1);
  // `right` is read twice and `stem` elsewhere, so these are copied; `pooled` and `inner` lie in place.
  const int outer = b.node(graph::Op::concat, {inner, pooled, stem});
  const int twice = b.node(graph::Op::concat, {outer, b.conv(right, 5, 1)});
  b.classify(b.relu(b.conv(twice, 12, 3, 2, 1)), 10);
  expect(b.network, "concat");
}

TEST_P(Networks, DepthwiseAndGrouped) {
  Builder b({3, 20, 20});
  int x = b.node(graph::Op::relu6, {b.node(graph::Op::affine, {b.conv(0, 16, 3, 2, 1, 1, false)})});
  x = b.node(graph::Op::relu6, {b.node(graph::Op::affine, {b.conv(x, 16, 3, 1, 1, 16, false)})});
  x = b.add({b.node(graph::Op::affine, {b.conv(x, 24, 1)}), b.conv(x, 24, 3, 1, 1, 4)});
  x = b.relu(b.conv(x, 48, 5, 2, 2, 24));
  b.classify(x, 10);
  expect(b.network, "depthwise");
}

TEST_P(Networks, LinearLayersOfFlattenedPictures) {
  Builder b({2 + 1, 9, 9});
  int x = b.pool(graph::Op::avg_pool, b.relu(b.conv(0, 12, 3, 1, 1)), 3, 2, 1);
  x = b.node(graph::Op::dropout, {b.node(graph::Op::flatten, {x})});
  x = b.relu(b.linear(x, 33));
  x = b.node(graph::Op::dropout, {x});
  b.node(graph::Op::softmax, {b.linear(x, 10)});
  expect(b.network, "linear");
}

TEST_P(Networks, TheSmallest) {
  Builder b({1, 1, 1});
  b.linear(b.node(graph::Op::flatten, {0}), 2);
  expect(b.network, "smallest");
}

TEST_P(Networks, OfTheZoo) {
  for (const models::ZooEntry& entry : models::zoo()) {
    // AlexNet's and VGG's poolings fit 224 x 224 only: these are left fewer channels.
    const bool whole = entry.name.starts_with("alexnet") || entry.name.starts_with("vgg");
    const int side = whole ? 224 : entry.preprocessing.input.height > 64 ? 64 : 16;
    graph::Graph graph = models::build_published(entry, {entry.preprocessing.input.channels, side, side}, 7);
    graph = graph::shrink(graph, cpu::thinned(graph, whole ? 21 : 6));
    expect(random_package(graph, {"clean", "jpeg:q30"}, GetParam(), 3), entry.name);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Networks, testing::Values(false, true),
                         [](const auto& format) { return format.param ? "half" : "float"; });

TEST(Network, MovesOnlyWhatTheConditionKeeps) {
  Builder b({3, 8, 8});
  b.classify(b.relu(b.conv(b.relu(b.conv(0, 32, 3, 1, 1)), 64, 3, 1, 1)), 10);
  package::Package package = random_package(b.network, {"clean", "jpeg:q30"}, false, 1);
  const graph::ChannelGroups groups = graph::channel_groups(b.network);
  package.conditions[0].mask = package.conditions[1].mask = graph::full_mask(groups);
  for (auto& group : package.conditions[1].mask)
    if (group.size() == 32) std::fill(group.begin() + 8, group.end(), std::uint8_t(0));
  const auto device = shim_device();
  Network network(*device, package, false);
  EXPECT_EQ(network.select(0), 0U) << "the whole union is read where it lies";
  // First layer: 27 x 8 values read and written; second: 8 * 9 x 64; lists of 8 channels on one side each.
  EXPECT_EQ(network.select(1), 2U * 4U * (27U * 8U + 72U * 64U) + 2U * 8U * 4U);
  EXPECT_EQ(network.select(1), 0U) << "it is there already";
}

TEST(Network, RefusesWhatNoMemoryHolds) {
  Builder b({3, 64, 64});
  b.classify(b.relu(b.conv(0, 64, 3, 1, 1)), 10);
  const package::Package package = random_package(b.network, {"clean"}, false, 1);
  const auto device = shim_device(1 << 20);
  try {
    Network network(*device, package, false);
    FAIL() << "a network of 2 MiB in 1 MiB";
  } catch (const DeviceError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("MiB are free"));
  }
}

}  // namespace
}  // namespace automask::cuda
