#include "hw_targets/package/package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hw_targets/package/layout.h"
#include "tests/unit/package/packages.h"

namespace automask {
namespace {

void expect_equal(const graph::TensorMap& a, const graph::TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_EQ(tensor.shape, b.at(name).shape) << name;
    EXPECT_EQ(tensor.data, b.at(name).data) << name;
  }
}

void expect_equal(const package::Package& a, const package::Package& b) {
  EXPECT_EQ(graph::to_json(a.graph), graph::to_json(b.graph));
  expect_equal(a.weights, b.weights);
  EXPECT_EQ(a.private_stem, b.private_stem);
  ASSERT_EQ(a.conditions.size(), b.conditions.size());
  for (std::size_t k = 0; k < a.conditions.size(); ++k) {
    EXPECT_EQ(a.conditions[k].name, b.conditions[k].name);
    EXPECT_EQ(a.conditions[k].mask, b.conditions[k].mask);
    EXPECT_EQ(a.conditions[k].scale, b.conditions[k].scale);
    EXPECT_EQ(a.conditions[k].bias, b.conditions[k].bias);
    expect_equal(a.conditions[k].weights, b.conditions[k].weights);
    EXPECT_EQ(a.conditions[k].weight_scale, b.conditions[k].weight_scale);
  }
  EXPECT_EQ(a.input_mean, b.input_mean);
  EXPECT_EQ(a.input_deviation, b.input_deviation);
  EXPECT_EQ(a.input_resize, b.input_resize);
  EXPECT_EQ(a.input_bicubic, b.input_bicubic);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_EQ(a.provenance, b.provenance);
}

// Each with the stem shared and private.
class Networks : public testing::TestWithParam<std::tuple<graph::Graph, bool>> {
 protected:
  static package::Package made(const std::vector<std::string>& conditions, unsigned seed) {
    package::Package p = packages::make(std::get<0>(GetParam()), conditions, seed);
    if (std::get<1>(GetParam())) packages::make_stem_private(p, seed);
    return p;
  }
};

TEST_P(Networks, RoundTrip) {
  package::Package p = made({"clean", "jpeg:q10", "gaussian_noise:3 > jpeg:q30"}, 5);
  p.input_resize = 256;
  p.input_bicubic = true;
  const std::string bytes = package::encode(p);
  const package::Package back = package::decode(bytes, "p.amk");
  expect_equal(back, p);
  EXPECT_EQ(package::encode(back), bytes);
}

TEST_P(Networks, MaterialisedEqualsMasked) {
  const package::Package p = made({"clean", "jpeg:q10", "jpeg:q30"}, 6);
  const graph::ChannelGroups groups = graph::channel_groups(p.graph);
  std::mt19937 random(6);
  for (int k = 0; k < 3; ++k) {
    const package::PlainNetwork plain = package::materialise(p, k);
    ASSERT_NO_THROW(graph::check_weights(plain.graph, plain.weights));
    EXPECT_EQ(graph::cost(plain.graph).macs, graph::masked_cost(p.graph, groups, p.conditions[k].mask).macs);
    for (int trial = 0; trial < 5; ++trial) {
      const auto picture = networks::random_picture(p.graph, random);
      const auto expected = packages::execute_masked(p, k, picture);
      const auto actual = reference::execute(plain.graph, plain.weights, picture);
      ASSERT_EQ(actual.size(), expected.size());
      float largest = 0;
      for (const float value : expected) largest = std::max(largest, std::abs(value));
      for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(actual[i], expected[i], 1e-5f * std::max(largest, 1e-3f)) << "condition " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Networks, testing::Combine(testing::ValuesIn(networks::all()), testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + (std::get<1>(test.param) ? "_private" : "");
                         });

int affines(const graph::Graph& net) {
  return static_cast<int>(std::count_if(net.nodes.begin(), net.nodes.end(),
                                        [](const graph::Node& n) { return n.op == graph::Op::affine; }));
}

TEST(Materialise, FoldsWhereNothingElseReadsTheLayer) {
  EXPECT_EQ(affines(package::materialise(packages::make(networks::cifar_resnet(1, 4, 8), {"*"}, 1), 0).graph), 0);
  EXPECT_EQ(affines(package::materialise(packages::make(networks::depthwise(), {"*"}, 1), 0).graph), 0);
  // bn1 of both blocks and the last bn follow an add or are not alone in reading conv1.
  EXPECT_EQ(affines(package::materialise(packages::make(networks::preactivation(), {"*"}, 1), 0).graph), 3);
}

TEST(Materialise, FoldsAChainOfAffinesAtTheOutput) {
  graph::Graph net = networks::start("n", 2, 1, 1);
  const int fc = net.add("fc", graph::Op::linear, {0}, networks::features(3));
  net.add("unused", graph::Op::relu, {0});
  net.add("second", graph::Op::affine, {net.add("first", graph::Op::affine, {fc})});
  const package::Package p = packages::make(net, {"*"}, 2);
  const package::PlainNetwork plain = package::materialise(p, 0);
  EXPECT_EQ(plain.graph.nodes.back().name, "fc");
  EXPECT_EQ(plain.weights.size(), 2u);
  const auto actual = reference::execute(plain.graph, plain.weights, {0.5f, -2});
  const auto expected = packages::execute_masked(p, 0, {0.5f, -2});
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-6f);
}

TEST(Materialise, RefusesAnUnknownCondition) {
  const package::Package p = packages::make(networks::chain(), {"*"}, 1);
  EXPECT_THROW(package::materialise(p, 1), package::PackageError);
  EXPECT_THROW(package::materialise(p, -1), package::PackageError);
}

TEST(Bytes, ByPartByHand) {
  const package::Package p = packages::make(networks::lenet(), {"a", "b"}, 3);
  const auto bytes = package::bytes_by_part(p);
  EXPECT_EQ(bytes.at("weights"), 61706 * 4);
  EXPECT_EQ(bytes.at("masks"), 2 * 29);  // 6 + 16 + 120 + 84 = 226 bits
  EXPECT_EQ(bytes.at("normalisation"), 0);
  EXPECT_EQ(bytes.at("total"), static_cast<std::int64_t>(package::encode(p).size()));
  EXPECT_EQ(bytes.at("total"),
            bytes.at("weights") + bytes.at("masks") + bytes.at("normalisation") + bytes.at("structure"));
}

TEST(Bytes, OfAPrivateStemByHand) {
  package::Package p = packages::make(networks::cifar_resnet(1, 4, 8), {"a", "b"}, 3);
  const auto shared = package::bytes_by_part(p);
  packages::make_stem_private(p, 3);
  std::int64_t kept = 0;
  const graph::ChannelGroups groups = graph::channel_groups(p.graph);
  for (const package::Condition& condition : p.conditions)
    for (const std::uint8_t channel : graph::channel_mask(groups, p.graph.find("conv1"), condition.mask))
      kept += channel;
  EXPECT_EQ(package::bytes_by_part(p).at("weights"), shared.at("weights") + 4 * 27 * (kept - 4));
}

TEST(Bytes, SharedMasksAndNormalisationsAreStoredOnce) {
  package::Package p = packages::make(networks::cifar_resnet(1, 4, 8), {"a"}, 4);
  const auto one = package::bytes_by_part(p);
  int channels = 0;
  for (const auto& [node, values] : p.conditions[0].scale) channels += static_cast<int>(values.size());
  EXPECT_EQ(one.at("normalisation"), 8 * channels);  // the only condition keeps all of the union

  p.conditions.push_back(p.conditions[0]);
  p.conditions[1].name = "b";
  EXPECT_EQ(package::bytes_by_part(p).at("masks"), one.at("masks"));
  EXPECT_EQ(package::bytes_by_part(p).at("normalisation"), one.at("normalisation"));
  expect_equal(package::decode(package::encode(p), "p"), p);

  p.conditions[1].scale.begin()->second[0] += 1;  // the same mask, a normalisation of its own
  EXPECT_EQ(package::bytes_by_part(p).at("masks"), one.at("masks"));
  EXPECT_EQ(package::bytes_by_part(p).at("normalisation"), 2 * one.at("normalisation"));
  expect_equal(package::decode(package::encode(p), "p"), p);

  const int dropped_of = 1;  // a mask of its own, whose dropped channel needs no normalisation
  const graph::ChannelGroups groups = graph::channel_groups(p.graph);
  p.conditions[1].mask[dropped_of][0] = 0;
  packages::drop_masked(p.graph, p.conditions[1]);
  int of_group = 0;
  for (std::size_t i = 0; i < p.graph.nodes.size(); ++i)
    of_group += p.graph.nodes[i].op == graph::Op::affine && groups.of_node[i][0].group == dropped_of;
  ASSERT_GT(of_group, 0);
  EXPECT_EQ(package::bytes_by_part(p).at("masks"), 2 * one.at("masks"));
  EXPECT_EQ(package::bytes_by_part(p).at("normalisation"), 2 * one.at("normalisation") - 8 * of_group);
  expect_equal(package::decode(package::encode(p), "p"), p);
}

TEST(Bytes, TensorsAreAligned) {
  const std::string bytes = package::encode(packages::make(networks::chain(), {"a", "b"}, 9));
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]) % 8, 0);
  const auto container = package::decode_container(bytes, "p");
  EXPECT_EQ(container.tensors.at("masks").bytes,
            bytes.substr(bytes.size() - container.tensors.at("masks").bytes.size()));
}

TEST(File, ReadsWhatWasWrittenAndNamesWhatIsMissing) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("automask_package_" + std::to_string(std::rand()));
  std::filesystem::create_directories(folder);
  const std::string path = folder / "p.amk";
  const package::Package p = packages::make(networks::chain(), {"a"}, 1);
  {
    std::ofstream out(path, std::ios::binary);
    out << package::encode(p);
  }
  expect_equal(package::read_package(path), p);
  const std::string absent = folder / "absent.amk";
  try {
    package::read_package(absent);
    ADD_FAILURE() << "absent file was read";
  } catch (const package::PackageError& e) {
    EXPECT_EQ(e.what(), absent + ": file: cannot be read; check the path and its permissions");
  }
  EXPECT_THROW(package::read_package(folder), package::PackageError);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace automask
