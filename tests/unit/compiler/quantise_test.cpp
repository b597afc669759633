#include "hw_targets/compiler/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "hw_targets/package/container.h"
#include "hw_targets/package/reference.h"
#include "tests/unit/package/packages.h"

namespace automask {
namespace {

using compiler::RangeRule;

compiler::CalibrationPictures random_pictures(const graph::Shape& in, int count, unsigned seed) {
  std::mt19937 random(seed);
  compiler::CalibrationPictures set;
  set.count = count;
  for (int i = 0; i < count * in.height * in.width * in.channels; ++i)
    set.pixels.push_back(static_cast<std::uint8_t>(random() & 255));
  return set;
}

std::vector<float> scaled(const package::Package& p, const std::uint8_t* picture) {
  const graph::Shape in = p.graph.input;
  std::vector<float> x;
  for (int c = 0; c < in.channels; ++c)
    for (int i = 0; i < in.height * in.width; ++i)
      x.push_back((static_cast<float>(picture[i * in.channels + c]) / 255 - p.input_mean[static_cast<std::size_t>(c)]) /
                  p.input_deviation[static_cast<std::size_t>(c)]);
  return x;
}

class Quantise : public testing::TestWithParam<std::tuple<graph::Graph, bool>> {};

// The mean absolute error of logits, relative to their mean absolute value.
double relative_error(const package::Package& real, const package::Package& integers, std::size_t k) {
  const auto pictures = random_pictures(real.graph.input, 8, 99);
  const auto plain = package::materialise(real, static_cast<int>(k));
  const auto network = package::materialise_integers(integers, static_cast<int>(k));
  const std::size_t bytes = pictures.pixels.size() / static_cast<std::size_t>(pictures.count);
  double error = 0, size = 0;
  for (int i = 0; i < pictures.count; ++i) {
    const std::uint8_t* picture = pictures.pixels.data() + static_cast<std::size_t>(i) * bytes;
    graph::Graph logits_only = plain.graph;
    if (logits_only.nodes.back().op == graph::Op::softmax) logits_only.nodes.back().op = graph::Op::dropout;
    const auto expected = reference::execute(logits_only, plain.weights, scaled(real, picture));
    const auto actual = package::reference_logits(network, picture);
    EXPECT_EQ(actual.size(), expected.size());
    for (std::size_t c = 0; c < expected.size(); ++c) {
      error += std::abs(double{actual[c]} - expected[c]);
      size += std::abs(expected[c]);
    }
  }
  return error / std::max(size, 1e-9);
}

TEST_P(Quantise, StaysCloseToTheRealNetworkThroughTheFile) {
  package::Package real = packages::make(std::get<0>(GetParam()), {"clean", "jpeg:q10"}, 5);
  if (std::get<1>(GetParam())) packages::make_stem_private(real, 5);
  std::vector<compiler::CalibrationPictures> pictures;
  for (unsigned k = 0; k < 2; ++k) pictures.push_back(random_pictures(real.graph.input, 20, k));
  const package::Package integers = compiler::quantise(real, pictures, {});
  const std::string bytes = package::encode(integers);
  const package::Package back = package::decode(bytes, "p.amk");
  EXPECT_EQ(package::encode(back), bytes);
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_EQ(back.conditions[k].weight_scale, integers.conditions[k].weight_scale);
    EXPECT_EQ(back.conditions[k].integers.of_node, integers.conditions[k].integers.of_node);
    EXPECT_EQ(back.conditions[k].integers.scale, integers.conditions[k].integers.scale);
    const double error = relative_error(real, back, k);
    EXPECT_LT(error, 0.12) << "condition " << k;  // random weights, no redundancy
    EXPECT_GT(error, 0) << "nothing was rounded";
  }
  EXPECT_LT(package::bytes_by_part(back).at("weights"), package::bytes_by_part(real).at("weights"));
}

INSTANTIATE_TEST_SUITE_P(All, Quantise, testing::Combine(testing::ValuesIn(networks::all()), testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + (std::get<1>(test.param) ? "_private" : "");
                         });

TEST(Half, RoundsWeightsAndReadsThemBack) {
  const package::Package real = packages::make(networks::cifar_resnet(1, 4, 8), {"*"}, 3);
  const package::Package half = compiler::to_half(real);
  const package::Package back = package::decode(package::encode(half), "p");
  EXPECT_EQ(back.format, package::Format::fp16);
  for (const auto& [name, tensor] : half.weights) {
    EXPECT_EQ(back.weights.at(name).data, tensor.data);
    for (std::size_t i = 0; i < tensor.data.size(); ++i)
      EXPECT_NEAR(tensor.data[i], real.weights.at(name).data[i], std::abs(real.weights.at(name).data[i]) / 2048 + 1e-7);
  }
  EXPECT_EQ(2 * package::bytes_by_part(half).at("weights"), package::bytes_by_part(real).at("weights"));
  EXPECT_EQ(back.conditions[0].scale, real.conditions[0].scale);
}

// IEEE 754 binary16, by its definition.
TEST(Half, ConvertsEveryNumberAndRoundsTiesToEven) {
  std::vector<float> all;
  for (int i = 0; i < 0x7C00; ++i) {
    const int exponent = i >> 10, fraction = i & 1023;
    all.push_back(exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                : std::ldexp(1 + static_cast<float>(fraction) / 1024, exponent - 15));
  }
  const std::string bytes = package::floats_to_halves(all);
  for (int i = 0; i < 0x7C00; ++i)
    ASSERT_EQ(static_cast<unsigned char>(bytes[2 * i]) | static_cast<unsigned char>(bytes[2 * i + 1]) << 8, i);
  EXPECT_EQ(package::halves_to_floats(bytes), all);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const float middle = (all[i] + all[i + 1]) / 2;
    const float even = all[i % 2 == 0 ? i : i + 1];
    ASSERT_EQ(package::halves_to_floats(package::floats_to_halves({middle}))[0], even) << middle;
    ASSERT_EQ(package::halves_to_floats(package::floats_to_halves({-std::nextafter(middle, 1e9F)}))[0], -all[i + 1]);
  }
  EXPECT_TRUE(std::isinf(package::halves_to_floats(package::floats_to_halves({65520}))[0]));
  EXPECT_EQ(package::halves_to_floats(package::floats_to_halves({65519}))[0], 65504);
}

TEST(Range, ByRule) {
  std::vector<double> histogram(100, 10000);  // uniform in [0, 10], and one value far out
  histogram.resize(1000, 0);
  histogram[999] = 1;
  EXPECT_DOUBLE_EQ(compiler::chosen_range(histogram, 100, {RangeRule::minmax, 99.99, 1}), 100);
  EXPECT_NEAR(compiler::chosen_range(histogram, 100, {RangeRule::percentile, 99, 1}), 9.9, 0.11);
  EXPECT_GT(compiler::chosen_range(histogram, 100, {RangeRule::mse, 99.99, 1}), 9);
  EXPECT_LT(compiler::chosen_range(histogram, 100, {RangeRule::mse, 99.99, 1}), 50);
}

TEST(Requantisation, IsTheNearestOfFifteenBits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const double factor =
        std::ldexp(1 + static_cast<double>(random() >> 12) * 0x1p-52, static_cast<int>(random() % 40) - 30) *
        (random() % 2 == 0 ? 1 : -1);
    const auto r = package::requantisation_of(factor);
    ASSERT_GE(std::abs(r.multiplier), 16384);
    ASSERT_LE(r.shift, package::most_shift);
    ASSERT_NEAR(std::ldexp(r.multiplier, -r.shift) / factor, 1, 0x1p-15);
  }
  for (const int count : {1, 2, 3, 9, 49, 64, 12544}) {
    const auto r = package::reciprocal(count);
    ASSERT_NEAR(std::ldexp(r.multiplier, -r.shift) * count, 1, 0x1p-15);
    ASSERT_GE(r.multiplier, 16384);
  }
  EXPECT_EQ(package::requantised(5, {0, 16384, 15}, 127), 3);    // 2.5 rounds up
  EXPECT_EQ(package::requantised(-5, {0, 16384, 15}, 127), -2);  // and so does -2.5
  EXPECT_EQ(package::requantised(-5, {4, 16384, 14}, 127), -1);
  EXPECT_EQ(package::requantised(1 << 20, {0, 16384, 14}, 127), 127);
  EXPECT_THROW(package::requantisation_of(NAN), std::invalid_argument);
  EXPECT_THROW(package::requantisation_of(32768), std::invalid_argument);
}

// A channel whose factor vanishes keeps its constant value.
TEST(Quantise, ADeadChannelKeepsItsBias) {
  package::Package real = packages::make(networks::cifar_resnet(1, 4, 8), {"*"}, 7);
  const auto affine = real.conditions[0].scale.begin();
  affine->second[0] = 1e-12F;
  real.conditions[0].bias.at(affine->first)[0] = 0.7F;
  const auto pictures = random_pictures(real.graph.input, 20, 1);
  const auto integers = compiler::quantise(real, {pictures}, {});
  EXPECT_LT(relative_error(real, package::decode(package::encode(integers), "p"), 0), 0.12);
}

TEST(Quantise, RefusesWhatDoesNotFit) {
  const package::Package real = packages::make(networks::chain(), {"a", "b"}, 3);
  const auto one = random_pictures(real.graph.input, 1, 1);
  EXPECT_THROW(compiler::quantise(real, {one}, {}), core::Error);
  EXPECT_THROW(compiler::quantise(real, {one, {}}, {}), core::Error);
  EXPECT_THROW(compiler::quantise(real, {one, one}, {RangeRule::percentile, 0, 1}), core::Error);
  EXPECT_THROW(compiler::parse_range_rule("best"), core::Error);
  const auto integers = compiler::quantise(real, {one, one}, {});
  EXPECT_THROW(compiler::quantise(integers, {one, one}, {}), core::Error);
  EXPECT_THROW(compiler::to_half(integers), core::Error);
  EXPECT_THROW(package::materialise(integers, 0), package::PackageError);
  EXPECT_THROW(package::materialise_integers(real, 0), package::PackageError);
  package::Package broken = real;
  broken.weights.begin()->second.data[0] = NAN;
  EXPECT_THROW(compiler::quantise(broken, {one, one}, {}), core::Error);
}

}  // namespace
}  // namespace automask
