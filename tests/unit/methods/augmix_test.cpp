#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "corruptions/condition.h"
#include "methods/objectives/augmix_mixture.h"

namespace automask::methods {
namespace {

using core::RandomStream;

const AugmixOperator& named(const std::string& name) {
  for (const AugmixOperator& op : augmix_operators())
    if (op.name == name) return op;
  throw std::out_of_range(name);
}

Pixels run(const std::string& name, const Pixels& picture, graph::Shape shape, double level, std::uint64_t key = 1) {
  RandomStream random(key);
  return named(name).apply(picture, shape, level, random);
}

Pixels noise(graph::Shape shape, std::uint64_t key) {
  RandomStream random(key);
  Pixels picture(static_cast<std::size_t>(shape.channels) * shape.height * shape.width);
  for (std::uint8_t& v : picture) v = static_cast<std::uint8_t>(random.below(256));
  return picture;
}

TEST(AugmixOperators, AreNineAndNoneIsACorruption) {
  std::set<std::string> names;
  for (const AugmixOperator& op : augmix_operators()) names.emplace(op.name);
  EXPECT_EQ(names, (std::set<std::string>{"autocontrast", "equalise", "posterise", "rotate", "solarise", "shear_x",
                                          "shear_y", "translate_x", "translate_y"}));
  for (const auto& info : corruptions::operator_infos()) EXPECT_FALSE(names.count(info.name)) << info.name;
}

TEST(AugmixOperators, KeepShapeAndDependOnlyOnTheirArguments) {
  for (const graph::Shape shape : {graph::Shape{1, 1, 1}, {1, 28, 28}, {3, 5, 9}})
    for (const AugmixOperator& op : augmix_operators())
      for (const double level : {0.1, 3.0, 10.0}) {
        const Pixels picture = noise(shape, 5);
        const Pixels result = run(std::string(op.name), picture, shape, level);
        EXPECT_EQ(result.size(), picture.size()) << op.name;
        EXPECT_EQ(result, run(std::string(op.name), picture, shape, level)) << op.name;
      }
}

TEST(AugmixOperators, TablesByHand) {
  const graph::Shape two{2, 1, 3};  // channels have tables of their own
  EXPECT_EQ(run("autocontrast", {50, 7, 100, 7, 150, 7}, two, 1), (Pixels{0, 7, 127, 7, 255, 7}));
  EXPECT_EQ(run("solarise", {0, 255, 127, 128, 200, 10}, two, 5), (Pixels{0, 0, 127, 127, 55, 10}));
  EXPECT_EQ(run("solarise", {0, 255, 254, 253, 1, 2}, two, 0.1), (Pixels{0, 0, 1, 253, 1, 2})) << "from 254 on";
  EXPECT_EQ(run("posterise", {255, 31, 16, 15, 128, 1}, two, 1), (Pixels{240, 16, 16, 0, 128, 0}));
  EXPECT_EQ(run("posterise", {255, 31, 47, 15, 128, 1}, two, 3), (Pixels{224, 0, 32, 0, 128, 0}));
}

TEST(AugmixOperators, EqualiseSpreadsRanks) {
  // 510 dark and 510 light pixels: a step is (1020 - 510) / 255 = 2, so ranks are (0 + 1) / 2 and (510 + 1) / 2.
  Pixels picture(1020, 100);
  std::fill_n(picture.begin(), 510, std::uint8_t{90});
  const Pixels result = run("equalise", picture, {1, 34, 30}, 1);
  EXPECT_EQ(result.front(), 0);
  EXPECT_EQ(result.back(), 255);
  const Pixels even = noise({1, 100, 100}, 9);
  const Pixels spread = run("equalise", even, {1, 100, 100}, 1);
  std::map<int, int> to;
  for (std::size_t i = 0; i < even.size(); ++i) to[even[i]] = spread[i];
  int last = 0;
  for (const auto& [from, value] : to) {
    EXPECT_NEAR(value, from, 6) << "what is spread evenly stays";
    EXPECT_GE(value, last) << "and in order";
    last = value;
  }
}

TEST(AugmixOperators, MovementsByHand) {
  const graph::Shape row{1, 1, 6};
  const Pixels picture = {10, 20, 30, 40, 50, 60};
  std::set<Pixels> seen;
  for (std::uint64_t key = 0; key < 8; ++key) seen.insert(run("translate_x", picture, row, 5, key));  // 5/10 of 6/3
  EXPECT_EQ(seen, (std::set<Pixels>{{20, 30, 40, 50, 60, 0}, {0, 10, 20, 30, 40, 50}}));
  // Columns of a 6x1 picture, likewise.
  seen.clear();
  for (std::uint64_t key = 0; key < 8; ++key) seen.insert(run("translate_y", picture, {1, 6, 1}, 10, key));
  EXPECT_EQ(seen, (std::set<Pixels>{{30, 40, 50, 60, 0, 0}, {0, 0, 10, 20, 30, 40}}));
  // A shear of 0.12 a row: pixel (x, y) shows what stands at x + 0.5 + 0.12 (y + 0.5), and the mirror of it.
  const Pixels ramp = {0, 100, 200, 0, 100, 200};
  seen.clear();
  for (std::uint64_t key = 0; key < 8; ++key) seen.insert(run("shear_x", ramp, {1, 2, 3}, 4, key));
  const auto shown = [](double x) {  // of a row 0, 100, 200
    return static_cast<std::uint8_t>(x < 0 || x >= 3 ? 0 : std::floor(100 * std::clamp(x - 0.5, 0.0, 2.0) + 0.5));
  };
  std::set<Pixels> expected;
  for (const double shear : {0.12, -0.12}) {
    Pixels by_hand;
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 3; ++x) by_hand.push_back(shown(x + 0.5 + shear * (y + 0.5)));
    expected.insert(by_hand);
  }
  EXPECT_EQ(seen, expected);
}

TEST(AugmixOperators, RotationKeepsTheCentreAndTurnsBothWays) {
  // A cross of 9x9 turned by 30 degrees: its tip at radius 4 moves to (4 sin 30, 4 cos 30) = (2, 3.46).
  const graph::Shape shape{1, 9, 9};
  Pixels cross(81, 0);
  for (int i = 0; i < 9; ++i) cross[4 * 9 + i] = cross[i * 9 + 4] = 255;
  std::set<bool> right;
  for (std::uint64_t key = 0; key < 8; ++key) {
    const Pixels turned = run("rotate", cross, shape, 10, key);
    EXPECT_EQ(turned[40], 255) << "the centre";
    const int at_right = turned[1 * 9 + 6], at_left = turned[1 * 9 + 2];  // 3 up, 2 to a side
    EXPECT_GT(std::max(at_right, at_left), 100);
    EXPECT_LT(std::min(at_right, at_left), 50);
    right.insert(at_right > at_left);
  }
  EXPECT_EQ(right.size(), 2U);
  EXPECT_EQ(run("rotate", cross, shape, 0.3), cross) << "less than a degree is none";
}

TEST(Augmix, WeightsAreUniformOnTheSimplex) {
  RandomStream random(3);
  std::vector<double> sum(3), squares(3);
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) {
    const std::vector<double> weights = mixing_weights(3, random);
    EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1, 1e-12);
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_GE(weights[j], 0);
      sum[j] += weights[j] / draws;
      squares[j] += weights[j] * weights[j] / draws;
    }
  }
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(sum[j], 1.0 / 3, 0.01);
    EXPECT_NEAR(squares[j], 1.0 / 6, 0.01) << "Dirichlet(1, 1, 1): E w^2 = 2 / (3 x 4)";
  }
}

// The mixture once more from its parts: the same stream, drawn in the same order.
TEST(Augmix, MixesChainsWithThePicture) {
  const graph::Shape shape{3, 8, 8};
  const Pixels picture = noise(shape, 2);
  for (std::uint64_t key = 0; key < 10; ++key) {
    AugmixOptions options;
    options.depth = static_cast<int>(key % 3);  // 0: drawn
    RandomStream random(key), again(key);
    const Pixels view = augmix(picture, shape, options, random);

    double weights[3], total = 0;
    for (double& w : weights) total += w = -std::log(1 - again.uniform());
    const double m = again.uniform();
    std::vector<double> expected(picture.begin(), picture.end());
    for (double& v : expected) v *= 1 - m;
    for (const double w : weights) {
      Pixels chain = picture;
      const int depth = options.depth > 0 ? options.depth : 1 + static_cast<int>(again.below(3));
      for (int d = 0; d < depth; ++d) {
        const AugmixOperator& op = augmix_operators()[again.below(9)];
        const double level = 0.1 + 2.9 * again.uniform();
        chain = op.apply(chain, shape, level, again);
      }
      for (std::size_t i = 0; i < chain.size(); ++i) expected[i] += m * w / total * chain[i];
    }
    for (std::size_t i = 0; i < view.size(); ++i) EXPECT_NEAR(view[i], expected[i], 0.5 + 1e-6) << key;
    EXPECT_NE(view, picture);
  }
}

}  // namespace
}  // namespace automask::methods
